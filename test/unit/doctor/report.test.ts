import { describe, expect, it } from "vitest";
import type { Builder } from "../../../src/builder/types.js";
import { BundlerError } from "../../../src/core/errors.js";
import { parsePlatform } from "../../../src/core/platform.js";
import { readBuildx, readClient, readEngine } from "../../../src/doctor/docker-facts.js";
import { reportOf } from "../../../src/doctor/doctor.js";
import type { EmulationFacts } from "../../../src/doctor/emulation.js";
import type { Facts } from "../../../src/doctor/gather.js";
import type { Needs } from "../../../src/doctor/types.js";
import { describeDoctor } from "../../../src/ui/describe-doctor.js";
import {
  type Recorded,
  docker26,
  docker26Denied,
  docker26WithoutEngine,
  podmanShim,
} from "./recorded.js";

const platforms = [parsePlatform("linux/arm64")];
const needs: Needs = {
  ...{ platforms: ["linux/arm64"], registries: [], sources: [] },
  builds: [{ component: "app", platform: "linux/arm64", needed: true, targetRuns: 1, java: false }],
};
const remote: Builder = {
  ...{ name: "team", driver: "remote", takesLayouts: true },
  nodes: [
    {
      ...{ name: "team0", endpoint: "tcp://arm-host:1234", status: "running", claimed: [] },
      ...{ platforms, native: parsePlatform("arm64") },
    },
  ],
};
const binfmt = { mounted: true, enabled: true, handlers: [], packaged: [] };

function report(
  { cli, version, info, buildx }: Recorded,
  builder: Facts["builder"],
  more: Partial<EmulationFacts> = {},
  moreFacts: Partial<Facts> = {},
) {
  const client = readClient(cli, version);
  const facts: Facts = {
    ...{ client, builder, binfmt, registries: [], sources: [], loginTroubles: [] },
    engine: readEngine(client, version, info),
    buildx: readBuildx(client, buildx),
    machine: {
      node: { version: "v20.19.0", wanted: ">=20" },
      store: { path: "/store", free: 1e12, writable: true },
      memory: { available: 1e11, total: 1e11 },
    },
    ...moreFacts,
  };
  const found = builder.kind === "found" ? builder.builder : undefined;
  const emulation: EmulationFacts = {
    ...{ builder: found, binfmt, local: false, binfmtImage: "i", mayInstall: false, root: false },
    ...more,
  };
  return reportOf(needs, facts, { platforms, env: {}, emulation });
}
const failed = ({ findings }: ReturnType<typeof report>): string[] =>
  findings.filter(({ level }) => level === "fail").map(({ id }) => id);
const none = (message: string): Facts["builder"] => ({
  ...{ kind: "none", error: new BundlerError("BUILDER", message) },
});

describe("the whole report", () => {
  it("does not mind an engine that is down when builds run far away", () => {
    const made = report(docker26WithoutEngine, { kind: "found", builder: remote });
    expect(made).toMatchObject({ ok: true, canBuild: { "linux/arm64": true } });
    expect(made.findings.find(({ id }) => id === "docker.engine")?.level).toBe("note");
  });

  it("says of every trouble what to do, and of a node which builder it is of", () => {
    const [node] = remote.nodes;
    const away = { ...node!, name: "team1", status: "error", error: "connection refused" };
    const builder: Builder = { ...remote, nodes: [node!, away] };
    const loginTroubles = ["docker-credential-x is not installed."];
    const made = report(docker26, { kind: "found", builder }, {}, { loginTroubles });
    const troubles = made.findings.filter(({ level }) => level === "warn" || level === "fail");
    expect(troubles.map(({ id, mend }) => [id, mend])).toEqual([
      ["builder.node.team1", expect.stringMatching(/inspect --bootstrap team$/)],
      ["registry.login", expect.stringContaining("docker login")],
    ]);
  });

  it("tells one cause once: without an engine, nothing of a builder", () => {
    const made = report(docker26WithoutEngine, none("The Docker engine does not answer: …"));
    expect(failed(made)).toEqual(["docker.engine", "build.linux/arm64"]);
    expect(made.verdict).toContain("app (the Docker engine does not answer)");
    expect(report(docker26Denied, none("")).verdict).toContain("may not use the Docker engine");
    expect(failed(report(podmanShim, { kind: "unasked" }))).toEqual([
      "docker.client",
      "build.linux/arm64",
    ]);
  });

  it("names emulation beside a builder that is missing, so that both are mended at once", () => {
    const made = report(docker26, none("docker buildx has no current builder."), {
      local: true,
      mayInstall: true,
    });
    expect(made.findings.filter(({ fixable }) => fixable).map(({ id }) => id)).toEqual([
      "builder.default",
      "emulation.linux/arm64",
    ]);
  });

  it("shows no password that a program repeats", () => {
    const stderr = "error during connect: Get https://me:hunter2@host/version: refused\n";
    const version = { kind: "ended", code: 1, stdout: '{"Server":null}', stderr } as const;
    const made = report({ ...docker26, version }, none(""));
    expect(JSON.stringify(made)).not.toContain("hunter2");
    expect(made.findings.find(({ id }) => id === "docker.engine")?.found).toContain(
      "https://***@host",
    );
  });

  it("is one table for a person, its verdict last, whatever a program says over several lines", () => {
    const lines = describeDoctor(report(docker26, none("No node answers.\n  a: x\n  b: y")), 120);
    const [table, , verdict] = lines;
    expect(lines).toHaveLength(3);
    expect(table).toMatch(/^Builder {4,}builder +fail +No node answers\. a: x b: y$/m);
    expect(verdict).toMatch(
      /^Pulls work\. Builds for linux\/arm64 do not work: app \(there is no usable builder\)/,
    );
  });
});
