import { describe, expect, it } from "vitest";
import {
  type ContainerFacts,
  parseContainers,
  serviceStates,
} from "../../../src/rehearse/containers.js";
import { Readiness } from "../../../src/rehearse/readiness.js";

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

describe("readiness", () => {
  const blank = (text: string) => text.replace("secret", "***");

  it("tells since when a service is ready, and begins anew when it was not", () => {
    const readiness = new Readiness(["web", "db"]);
    readiness.update([facts(), facts({ id: "c2", service: "db", health: "starting" })]);
    const [web, db] = [...readiness.health(blank).values()];
    expect(web).toMatchObject({ ready: true, restarts: 0 });
    expect(web!.seconds).toBeGreaterThanOrEqual(0);
    expect(db).toEqual({ ready: false, state: "starting", restarts: 0 });
    readiness.update([facts({ status: "restarting", restarts: 2 })]);
    expect(readiness.health(blank).get("web")).toEqual({
      ...{ ready: false, state: "restarting", restarts: 2 },
    });
    expect(readiness.health(blank).get("db")).toMatchObject({ state: "not created" });
  });

  it("quotes the last health check of what is not ready, without secrets", () => {
    const readiness = new Readiness(["web"]);
    readiness.update([facts({ health: "unhealthy", probe: "exit code 1 secret" })]);
    expect(readiness.health(blank).get("web")).toMatchObject({
      ...{ ready: false, probe: "exit code 1 ***" },
    });
  });
});
