import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { formatPlatform, parsePlatform } from "../../../src/core/platform.js";
import type { Handler } from "../../../src/doctor/binfmt.js";
import type { EmulationFacts } from "../../../src/doctor/emulation.js";
import type { Diagnosis } from "../../../src/doctor/doctor.js";
import { type PlannedRepair, carryOut, planRepairs } from "../../../src/doctor/repair.js";
import { shellCommand } from "../../../src/core/shell-command.js";

let dir: string;
let env: NodeJS.ProcessEnv;
beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), "openim-bundler-repair-"));
  env = { PATH: `${dir}:${process.env["PATH"] ?? ""}`, LOG: path.join(dir, "log") };
  await program("docker", 'echo "$@" >>"$LOG"');
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const { signal } = new AbortController();
const program = async (name: string, script: string): Promise<void> => {
  await writeFile(path.join(dir, name), `#!/bin/sh\n${script}\n`);
  await chmod(path.join(dir, name), 0o755);
};
const log = () => readFile(path.join(dir, "log"), "utf8");
const foreign = ["arm64", "arm", "ppc64le"].map(parsePlatform);
const off: Handler = {
  ...{
    name: "qemu-ppc64le",
    architecture: "ppc64le",
    enabled: false,
    flags: "F",
    interpreter: "/q",
  },
};

/** Nothing runs foreign steps, and all that `fixable` names can be mended. */
function diagnosis(fixable: readonly string[], more: Partial<EmulationFacts> = {}): Diagnosis {
  const findings = fixable.map((id) => ({
    ...{ id, level: "fail" as const, title: "", found: "", fixable: true },
  }));
  const emulation: EmulationFacts = {
    ...{ builder: undefined, binfmtImage: "mirror.example/binfmt", local: true, mayInstall: true },
    ...{
      root: true,
      binfmt: { mounted: true, enabled: true, handlers: [], packaged: [] },
      ...more,
    },
  };
  const report = { findings, ok: false, canPull: true, canBuild: {}, verdict: "" };
  return { report, emulation, facts: {} as Diagnosis["facts"] };
}
const setup = {
  command: "openim-bundler builder setup",
  run: () => writeFile(path.join(dir, "made"), ""),
};
const plan = (from: Diagnosis) => planRepairs(from, foreign, { env, setup });
const ids = foreign.map((platform) => `emulation.${formatPlatform(platform)}`);

describe("repairs", () => {
  it("install all missing handlers in one go, and make the builder after them", async () => {
    const repairs = plan(diagnosis([...ids, "builder.default"]));
    expect(repairs.map(({ command, mends }) => [command, mends])).toEqual([
      ["docker run --privileged --rm mirror.example/binfmt --install arm64,arm,ppc64le", ids],
      ["openim-bundler builder setup", ["builder.default"]],
    ]);
    const done = await carryOut(repairs, () => Promise.resolve(true), signal);
    expect(done.map(({ outcome }) => outcome)).toEqual(["done", "done"]);
    expect(await log()).toBe(
      "run --privileged --rm mirror.example/binfmt --install arm64,arm,ppc64le\n",
    );
    await expect(readFile(path.join(dir, "made"))).resolves.toHaveLength(0);
  });

  it("touch nothing that is not marked as fixable", () => {
    expect(plan(diagnosis([]))).toEqual([]);
    expect(plan(diagnosis(["emulation.linux/arm64"]))).toHaveLength(1);
  });

  it("switch on what is there before they bring anything", () => {
    const binfmt = { mounted: true, enabled: true, handlers: [off], packaged: [] };
    expect(plan(diagnosis(ids, { binfmt })).map(({ command }) => command)).toEqual([
      "docker run --privileged --rm mirror.example/binfmt --install arm64,arm",
      "sh -c 'echo 1 > /proc/sys/fs/binfmt_misc/qemu-ppc64le'",
    ]);
  });

  it("register one package's handlers once for all platforms", async () => {
    await program("systemctl", 'echo "systemctl $@" >>"$LOG"');
    const packaged = ["arm64", "arm"].map((architecture) => ({
      ...{ architecture, name: `qemu-${architecture}`, by: "systemd-binfmt" as const },
    }));
    const binfmt = { mounted: true, enabled: true, handlers: [], packaged };
    const repairs = plan(diagnosis(ids.slice(0, 2), { binfmt }));
    expect(repairs).toMatchObject([{ mends: ids.slice(0, 2) }]);
    await carryOut(repairs, () => Promise.resolve(true), signal);
    expect(await log()).toBe("systemctl restart systemd-binfmt\n");
  });

  it("are done only when they are agreed to, and only said where nobody can agree", async () => {
    const repairs = plan(diagnosis([...ids, "builder.default"]));
    const asked: string[] = [];
    const declined = await carryOut(
      repairs,
      ({ what }) => {
        asked.push(what);
        return Promise.resolve(false);
      },
      signal,
    );
    expect(declined.map(({ outcome }) => outcome)).toEqual(["declined", "declined"]);
    expect(asked[0]).toContain("runs with all privileges");
    const offered = await carryOut(repairs, undefined, signal);
    expect(offered).toMatchObject([{ outcome: "offered" }, { outcome: "offered" }]);
    await expect(log()).rejects.toThrow("ENOENT");
  });

  it("that fail say what the program said, and the next one is tried all the same", async () => {
    await program("docker", 'echo "Unable to find image" >&2; echo "no such host" >&2; exit 125');
    const done = await carryOut(
      plan(diagnosis([...ids, "builder.default"])),
      () => Promise.resolve(true),
      signal,
    );
    expect(done).toMatchObject([
      {
        outcome: "failed",
        error: expect.stringContaining("Unable to find image no such host") as string,
      },
      { outcome: "done" },
    ]);
  });

  it("are given up at once when they are stopped", async () => {
    await program("docker", 'echo "$*" >>"$LOG"; exec sleep 600');
    const stop = new AbortController();
    const repairs: readonly PlannedRepair[] = plan(diagnosis(ids));
    const outcome = expect(
      carryOut(repairs, () => Promise.resolve(true), stop.signal),
    ).rejects.toMatchObject({ code: "INTERRUPTED" });
    await expect.poll(() => log().catch(() => "")).not.toBe("");
    stop.abort();
    await outcome;
  });
});

describe("a command as one types it", () => {
  it("means the same to a shell", () => {
    expect(shellCommand(["sh", "-c", "echo 'a b' $HOME", "x=1,2:/y@z"])).toBe(
      "sh -c 'echo '\\''a b'\\'' $HOME' x=1,2:/y@z",
    );
  });
});
