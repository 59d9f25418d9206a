import { describe, expect, it } from "vitest";
import type { DeclaredBuild, Finding, Level, Needs } from "../../../src/doctor/types.js";
import {
  type BuildFacts,
  checkBuilds,
  failureCode,
  judge,
  withoutBuilds,
} from "../../../src/doctor/verdict.js";

const build = (more: Partial<DeclaredBuild>): DeclaredBuild => ({
  ...{
    component: "app",
    platform: "linux/arm64",
    needed: true,
    targetRuns: 0,
    java: false,
    ...more,
  },
});
const needs = (...builds: DeclaredBuild[]): Needs => ({
  ...{ platforms: ["linux/arm64"], builds, registries: [], sources: [] },
});
const facts = (builds: DeclaredBuild[], more: Partial<BuildFacts> = {}): BuildFacts => ({
  ...{ needs: needs(...builds), runnable: new Map(), ...more },
});
const finding = (id: string, level: Level = "fail"): Finding => ({
  id,
  level,
  title: "",
  found: "",
});
const report = (builds: DeclaredBuild[], more: Partial<BuildFacts> = {}) => {
  const own = facts(builds, more);
  return judge(checkBuilds(own), { ...own, reachable: true });
};

describe("the verdict", () => {
  it("is that all works", () => {
    expect(report([build({})])).toMatchObject({
      ok: true,
      canPull: true,
      canBuild: { "linux/arm64": true },
      verdict: "Pulls work. Builds for linux/arm64 work: app.",
    });
  });

  it("names the builds that will not run, why, and that the bundle needs them", () => {
    const made = report([build({}), build({ component: "zk" })], {
      obstacle: "there is no buildx",
    });
    expect(made).toMatchObject({
      ok: false,
      canPull: true,
      canBuild: { "linux/arm64": false },
      verdict:
        "Pulls work. Builds for linux/arm64 do not work: app, zk (there is no buildx); the bundle needs them.",
    });
    expect(failureCode(made)).toBe("BUILDER");
  });

  it("forgives what is needed only where no registry has the image", () => {
    const made = report([build({ needed: false })], { obstacle: "there is no buildx" });
    expect(made.ok).toBe(true);
    expect(failureCode(made)).toBeUndefined();
    expect(made.findings).toMatchObject([{ id: "build.linux/arm64", level: "warn" }]);
    expect(made.verdict).toContain("only where no registry has the image");
  });

  it("lets cross builds run without emulation, and no others", () => {
    const steps = build({ component: "steps", targetRuns: 1 });
    expect(report([build({}), steps]).canBuild).toEqual({ "linux/arm64": false });
    expect(report([build({}), steps]).verdict).toContain(
      "steps (1 step on the target, to be emulated",
    );
    expect(report([steps], { runnable: new Map([["linux/arm64", "emulated"]]) }).ok).toBe(true);
  });

  it("does not trust Java under emulation", () => {
    const java = build({ targetRuns: 1, java: true });
    const on = (how: "native" | "emulated") =>
      report([java], { runnable: new Map([["linux/arm64", how]]) });
    expect(on("native").ok).toBe(true);
    expect(on("emulated").verdict).toContain("it runs Java, which hangs under emulation");
  });

  it("does not promise a build whose Dockerfile is not here where there is no emulation", () => {
    const unknown = { component: "app", platform: "linux/arm64", needed: true, java: false };
    expect(report([unknown]).canBuild).toEqual({ "linux/arm64": false });
  });

  it("says what holds where no build is declared", () => {
    expect(report([])).toMatchObject({ ok: true, canBuild: { "linux/arm64": true } });
    const without = report([], { obstacle: "there is no docker command" });
    expect(without).toMatchObject({ ok: true, canBuild: { "linux/arm64": false } });
    expect(without.verdict).toBe(
      "Pulls work. Builds for linux/arm64 would not work (there is no docker command); none is declared.",
    );
  });
});

describe("the exit code", () => {
  it("is the worst of what is needed: the store, then a registry, then a build", () => {
    const own = facts([]);
    const code = (...ids: string[]) =>
      failureCode(
        judge(
          ids.map((id) => finding(id)),
          { ...own, reachable: true },
        ),
      );
    expect(code("build.linux/arm64", "registry.docker.io", "machine.store")).toBe("FILE");
    expect(code("build.linux/arm64", "registry.docker.io")).toBe("NETWORK");
    expect(code("docker.client")).toBe("BUILDER");
    expect(code()).toBeUndefined();
  });

  it("counts a store that cannot be written as no pulls", () => {
    const own = { ...facts([]), reachable: true };
    expect(judge([finding("machine.store")], own)).toMatchObject({ canPull: false, ok: false });
    expect(judge([finding("machine.store", "warn")], own)).toMatchObject({
      canPull: true,
      ok: true,
    });
  });
});

describe("how bad a missing builder is", () => {
  it("depends on what the bundle needs", () => {
    expect(withoutBuilds(needs(build({})))).toBe("fail");
    expect(withoutBuilds(needs(build({ needed: false })))).toBe("warn");
    expect(withoutBuilds(needs())).toBe("note");
  });
});
