import { describe, expect, it } from "vitest";
import {
  checkBuildx,
  checkClient,
  checkEngine,
  checkExperimental,
  checkImageStore,
  checkRootless,
} from "../../../src/doctor/check-docker.js";
import { readBuildx, readClient, readEngine } from "../../../src/doctor/docker-facts.js";
import type { Finding } from "../../../src/doctor/types.js";
import { atLeast } from "../../../src/doctor/versions.js";
import {
  type Recorded,
  docker1809,
  docker1903,
  docker2010,
  docker26,
  docker26Denied,
  docker26WithoutEngine,
  docker28Alone,
  podmanShim,
} from "./recorded.js";

/** All findings about a recorded Docker, where a build is needed. */
function findingsOf({ cli, version, info, buildx }: Recorded, env: NodeJS.ProcessEnv = {}) {
  const client = readClient(cli, version);
  const engine = readEngine(client, version, info);
  const plugin = readBuildx(client, buildx);
  const findings: readonly Finding[] = [
    ...checkClient(client, "fail"),
    ...checkEngine(engine, "fail", env),
    ...checkExperimental(client, engine),
    ...(engine.kind === "up" ? checkImageStore(engine.info) : []),
    ...checkBuildx(plugin, client, "fail"),
  ];
  return new Map(findings.map((finding) => [finding.id, finding]));
}

const levels = (findings: ReadonlyMap<string, Finding>): Record<string, string> =>
  Object.fromEntries([...findings].map(([id, { level }]) => [id, level]));

describe("versions", () => {
  it.each([
    ["20.10.24+dfsg1", true],
    ["24.0.7-0ubuntu2~22.04.1", true],
    ["19.03.0-beta3", true],
    ["19.03.8", true],
    ["18.09.1-ce", false],
    ["1.13.1", false],
    ["library-import", undefined],
  ])("%s is at least 19.03: %s", (version, expected) => {
    expect(atLeast(version, "19.03.0")).toBe(expected);
  });
});

describe("Docker as it was recorded", () => {
  it("18.09 is too old, and says so of client and engine", () => {
    const found = findingsOf(docker1809);
    expect(levels(found)).toEqual({
      "docker.client": "fail",
      "docker.engine": "fail",
      "docker.experimental": "note",
      "docker.engine-experimental": "note",
      "docker.image-store": "note",
      "docker.buildx": "fail",
    });
    expect(found.get("docker.client")?.found).toBe("18.09.1, which knows no plugins");
    expect(found.get("docker.engine")).toMatchObject({
      found: "18.09.1",
      expected: "version 19.03 or newer, reachable",
    });
  });

  it("19.03 works, hides buildx by hand, and its own buildx is too old", () => {
    const found = findingsOf(docker1903);
    expect(found.get("docker.client")?.level).toBe("pass");
    expect(found.get("docker.engine")?.level).toBe("pass");
    expect(found.get("docker.experimental")).toMatchObject({
      level: "note",
      mend: "export DOCKER_CLI_EXPERIMENTAL=enabled",
    });
    expect(found.get("docker.engine-experimental")?.mend).toContain('"experimental": true');
    expect(found.get("docker.buildx")).toMatchObject({
      level: "fail",
      found: "0.3.1-tp-docker, and 0.8 is the oldest that works",
    });
  });

  it("20.10 of Debian passes, with a builder in a container", () => {
    const found = findingsOf(docker2010);
    expect(levels(found)).toEqual({
      "docker.client": "pass",
      "docker.engine": "pass",
      "docker.experimental": "pass",
      "docker.image-store": "note",
      "docker.buildx": "pass",
    });
    expect(found.get("docker.engine")?.found).toBe("20.10.24+dfsg1");
    expect(found.get("docker.experimental")?.found).toContain("not needed");
  });

  it("26 with the containerd store needs nothing else", () => {
    const found = findingsOf(docker26);
    expect(new Set(Object.values(levels(found)))).toEqual(new Set(["pass"]));
    expect(found.get("docker.image-store")?.found).toMatch(/^containerd \(overlayfs\)/);
  });

  it("without an engine, the command that starts it is told", () => {
    const found = findingsOf(docker26WithoutEngine);
    expect(found.get("docker.engine")).toMatchObject({
      level: "fail",
      mend: "sudo systemctl start docker",
      found: expect.stringContaining("Is the docker daemon running?") as string,
    });
    expect(
      findingsOf(docker26WithoutEngine, { DOCKER_HOST: "tcp://x:1" }).get("docker.engine")?.mend,
    ).toContain("unset DOCKER_HOST");
  });

  it("a socket that this user may not use is told from an engine that is down", () => {
    const engine = findingsOf(docker26Denied).get("docker.engine");
    expect(engine?.found).toMatch(/^permission denied/);
    expect(engine?.mend).toContain("sudo usermod -aG docker");
  });

  it("a client without plugin and engine says both", () => {
    expect(levels(findingsOf(docker28Alone))).toMatchObject({
      "docker.client": "pass",
      "docker.engine": "fail",
      "docker.buildx": "fail",
    });
  });

  it("Podman's shim is no Docker, and its greeting is no error", () => {
    const found = findingsOf(podmanShim);
    expect([...found.keys()]).toEqual(["docker.client"]);
    expect(found.get("docker.client")?.found).toContain("Podman 4.3.1");
  });
});

describe("a docker command", () => {
  it.each([
    [{ kind: "missing" } as const, "not in PATH"],
    [{ kind: "late", ms: 8000 } as const, "no answer within 8 s"],
    [{ kind: "unusable", why: "spawn docker EACCES" } as const, "spawn docker EACCES"],
    [
      { kind: "ended", code: 127, stdout: "", stderr: "sh: bad interpreter\n" } as const,
      "sh: bad interpreter",
    ],
  ])("that answers %j is told of, and nothing more is asked of it", (answer, found) => {
    const broken = findingsOf({ cli: answer, version: answer, info: answer, buildx: answer });
    expect([...broken.values()]).toMatchObject([{ id: "docker.client", level: "fail", found }]);
  });

  it("that understands no newer engine is told apart", () => {
    const stderr =
      "Error response from daemon: client version 1.22 is too old. Minimum supported API version is 1.24, please upgrade your client to a newer version\n";
    const version = {
      kind: "ended",
      code: 1,
      stdout: '{"Client":null,"Server":null}',
      stderr,
    } as const;
    expect(findingsOf({ ...docker26, version }).get("docker.engine")?.mend).toContain("older one");
  });
});

describe("what an engine lets builds do", () => {
  it("a rootless one leaves the emulators to root", () => {
    const info = JSON.parse((docker26.info as { stdout: string }).stdout) as object;
    const stdout = JSON.stringify({ ...info, SecurityOptions: ["name=seccomp", "name=rootless"] });
    const engine = readEngine(readClient(docker26.cli, docker26.version), docker26.version, {
      kind: "ended",
      code: 0,
      stdout,
      stderr: "",
    });
    expect(checkRootless(engine.kind === "up" ? engine.info : undefined)).toMatchObject([
      { id: "docker.rootless", level: "note" },
    ]);
    expect(checkRootless(undefined)).toEqual([]);
  });

  it("an experimental one is read from where each version tells it", () => {
    const version = JSON.parse((docker1903.version as { stdout: string }).stdout) as {
      Server: { Components: { Details: Record<string, string> }[] };
    };
    version.Server.Components[0]!.Details["Experimental"] = "true";
    const stdout = JSON.stringify(version);
    const found = findingsOf({
      ...docker1903,
      version: { kind: "ended", code: 0, stdout, stderr: "" },
    });
    expect(found.has("docker.engine-experimental")).toBe(false);
  });

  it("Podman behind Docker's API is named", () => {
    const stdout = JSON.stringify({
      Client: { Version: "26.1.5", ApiVersion: "1.41" },
      Server: {
        Platform: { Name: "linux/amd64/debian-12" },
        Components: [{ Name: "Podman Engine", Version: "4.3.1", Details: { APIVersion: "4.3.1" } }],
        Version: "4.3.1",
      },
    });
    const found = findingsOf({
      ...docker26,
      version: { kind: "ended", code: 0, stdout, stderr: "" },
    });
    expect(found.get("docker.engine")).toMatchObject({
      level: "warn",
      found: "Podman 4.3.1 behind Docker's API",
    });
  });
});

describe("buildx", () => {
  it.each([
    ["github.com/docker/buildx v0.12.1 30feaa1", "note", /rawjson/],
    ["github.com/docker/buildx v0.9.1 ed00243a", "note", /--provenance.*rawjson/],
    ["github.com/docker/buildx v0.7.1 05846896", "fail", /oldest that works/],
    ["github.com/docker/buildx v0.13.0 0de5f1c", "pass", /^0\.13\.0$/],
    ["github.com/docker/buildx v0.33.0 abc", "pass", /^0\.33\.0$/],
  ])("%s is %s", (stdout, level, found) => {
    const client = readClient(docker26.cli, docker26.version);
    const plugin = readBuildx(client, { kind: "ended", code: 0, stdout, stderr: "" });
    const [finding] = checkBuildx(plugin, client, "fail");
    expect(finding?.level).toBe(level);
    expect(finding?.found).toMatch(found);
  });
});
