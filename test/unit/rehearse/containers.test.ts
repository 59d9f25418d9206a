import { describe, expect, it } from "vitest";
import { comeUp } from "../../../src/rehearse/come-up.js";
import {
  type ContainerFacts,
  parseContainers,
  serviceStates,
} from "../../../src/rehearse/containers.js";

const facts = (more: Partial<ContainerFacts> = {}): ContainerFacts => ({
  id: "c1",
  service: "web",
  status: "running",
  exitCode: 0,
  restarts: 0,
  policy: "unless-stopped",
  addresses: [],
  ...more,
});
const rank = (more: Partial<ContainerFacts>) => serviceStates(["web"], [facts(more)])[0];

describe("a service", () => {
  it.each([
    ["runs without a health check", {}, "ready", "running"],
    ["is healthy", { health: "healthy" }, "ready", "healthy"],
    ["is starting", { health: "starting" }, "waiting", "starting"],
    ["is unhealthy", { health: "unhealthy" }, "waiting", "unhealthy"],
    ["did its work and ended", { status: "exited", policy: "no" }, "ready", "exited (0)"],
    [
      "ended badly for good",
      { status: "exited", exitCode: 3, policy: "no" },
      "failed",
      "exited (3)",
    ],
    ["ended and is started again", { status: "exited", exitCode: 3 }, "waiting", "exited (3)"],
    ["falls over a second time", { status: "restarting", restarts: 2 }, "waiting", "restarting"],
    ["keeps falling over", { status: "restarting", restarts: 6 }, "failed", "restarting"],
  ])("that %s", (_, more, expected, word) => {
    expect(rank(more)).toMatchObject({ rank: expected, word });
  });

  it("is as good as the worst of its containers, and waited for while it has none", () => {
    const states = serviceStates(["web", "db"], [facts(), facts({ id: "c2", status: "dead" })]);
    expect(states.map((state) => state.rank)).toEqual(["failed", "waiting"]);
    expect(states[1]!.word).toBe("not created");
  });
});

describe("what docker inspect prints", () => {
  it("is read with health, probe and addresses, without one-off containers", () => {
    const container = (labels: Record<string, string>) => ({
      Id: "abc",
      RestartCount: 2,
      Config: { Labels: { "com.docker.compose.service": "web", ...labels } },
      HostConfig: { RestartPolicy: { Name: "always" } },
      State: {
        Status: "running",
        ExitCode: 0,
        Health: { Status: "unhealthy", Log: [{ ExitCode: 1, Output: "refused\n" }] },
      },
      NetworkSettings: {
        Networks: { x_default: { IPAddress: "172.18.0.2" }, y: { IPAddress: "" } },
      },
    });
    const text = JSON.stringify([
      container({}),
      container({ "com.docker.compose.oneoff": "True" }),
    ]);
    expect(parseContainers(text)).toEqual([
      facts({
        id: "abc",
        health: "unhealthy",
        restarts: 2,
        policy: "always",
        probe: "exit code 1 refused",
        addresses: ["172.18.0.2"],
      }),
    ]);
    expect(parseContainers("nonsense")).toEqual([]);
    expect(parseContainers('[{"Id":1}]')).toEqual([]);
  });
});

describe("coming up", () => {
  const options = {
    start: () => Promise.resolve({ ok: true, said: "" }),
    expected: ["web"],
    limit: 2000,
    interval: 5,
    signal: new AbortController().signal,
    onChange: () => undefined,
  };

  it("needs all services ready at two looks in a row", async () => {
    let looks = 0;
    const result = await comeUp({
      ...options,
      look: () => Promise.resolve([facts({ restarts: Math.min(looks++, 3) })]),
    });
    expect(looks).toBeGreaterThanOrEqual(5);
    expect(result.failure).toBeUndefined();
    expect(result.health.get("web")).toMatchObject({ ready: true, restarts: 3 });
  });

  it("ends at once with a service that has failed, and stops what starts the others", async () => {
    let stopped = false;
    const result = await comeUp({
      ...options,
      start: (signal) =>
        new Promise((resolve) => {
          signal.addEventListener("abort", () => {
            stopped = true;
            resolve({ ok: false, said: "stopped" });
          });
        }),
      look: () =>
        Promise.resolve([
          facts({ status: "exited", exitCode: 1, policy: "no", probe: "exit code 1 no" }),
        ]),
    });
    expect(result.failure).toBe("web (exited (1)) will not become ready");
    expect(result.health.get("web")).toMatchObject({ ready: false, probe: "exit code 1 no" });
    expect(stopped).toBe(true);
  });

  it("ends when compose gives up, when time is up, and when it is interrupted", async () => {
    const look = () => Promise.resolve([facts({ health: "starting" })]);
    const refused = {
      ...options,
      look,
      start: () => Promise.resolve({ ok: false, said: "no such image" }),
    };
    expect((await comeUp(refused)).failure).toBe("compose could not start them: no such image");
    expect((await comeUp({ ...options, look, limit: 30 })).failure).toMatch(
      /not ready: web \(starting\)/,
    );
    const interrupted = { ...options, look, signal: AbortSignal.timeout(30) };
    await expect(comeUp(interrupted)).rejects.toMatchObject({ code: "INTERRUPTED" });
  });
});
