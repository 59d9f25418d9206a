import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { checkMachine } from "../../../src/doctor/check-machine.js";
import { type MachineFacts, readMachine } from "../../../src/doctor/machine.js";
import type { Needs } from "../../../src/doctor/types.js";

const GIB = 1024 ** 3;
const limits = (soft: string): string =>
  `Limit                     Soft Limit           Hard Limit           Units     \nMax cpu time              unlimited            unlimited            seconds   \nMax open files            ${soft.padEnd(20)} 1048576              files     \n`;
const roomy: MachineFacts = {
  node: { version: "v20.19.0", wanted: "^20.19.0 || >=22.12.0" },
  store: { path: "/home/me/.cache", free: 50 * GIB, writable: true },
  engineRoot: { path: "/var/lib/docker", free: 50 * GIB },
  memory: { available: 8 * GIB, total: 16 * GIB },
  ownLimits: limits("1024"),
  engineLimits: limits("1048576"),
  inotify: { instances: 128, watches: 65_536 },
};
const building: Needs = {
  ...{ platforms: ["linux/arm64"], registries: [], sources: [] },
  builds: [{ component: "app", platform: "linux/arm64", needed: true, targetRuns: 0, java: false }],
};
const pulling: Needs = { ...building, builds: [] };
const badOf = (facts: Partial<MachineFacts>, needs = building) =>
  checkMachine({ ...roomy, ...facts }, needs).filter(({ level }) => level !== "pass");

describe("a machine", () => {
  it("with room has nothing to mend", () => {
    expect(badOf({})).toEqual([]);
  });

  it("that cannot write the store can do nothing", () => {
    expect(badOf({ store: { path: "/opt", free: 50 * GIB, writable: false } })).toMatchObject([
      {
        id: "machine.store",
        level: "fail",
        mend: expect.stringContaining("--store DIR") as string,
      },
    ]);
  });

  it("that is short of something says how much there is, how much is wanted, and what helps", () => {
    expect(badOf({ store: { path: "/x", free: GIB, writable: true } })).toMatchObject([
      { id: "machine.store", level: "warn", found: "1.0 GiB free in /x" },
    ]);
    expect(badOf({ engineRoot: { path: "/var/lib/docker", free: 3 * GIB } })).toMatchObject([
      { id: "machine.engine-disk", mend: expect.stringContaining("prune") as string },
    ]);
    expect(badOf({ memory: { available: GIB, total: 2 * GIB } })).toMatchObject([
      { id: "machine.memory", found: "1.0 GiB available of 2.0 GiB" },
    ]);
    expect(badOf({ inotify: { instances: 128, watches: 100 } })).toMatchObject([
      { id: "machine.inotify" },
    ]);
    expect(badOf({ ownLimits: limits("256") })).toMatchObject([{ id: "machine.open-files" }]);
    expect(badOf({ node: { version: "v21.7.0", wanted: roomy.node.wanted } })).toMatchObject([
      { id: "machine.node", expected: "^20.19.0 || >=22.12.0" },
    ]);
  });

  it.each(["unlimited", "1073741816", "512"])(
    "whose engine gives steps %s open files breaks builds, and not pulls",
    (soft) => {
      const engineLimits = limits(soft);
      const bad = badOf({ engineLimits });
      expect(bad).toMatchObject([{ id: "machine.engine-open-files", level: "warn" }]);
      expect(badOf({ engineLimits }, pulling)).toEqual([]);
    },
  );

  it("that only pulls needs little memory", () => {
    expect(badOf({ memory: { available: GIB / 2, total: GIB } }, pulling)).toEqual([]);
  });
});

describe("the facts of this machine", () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(path.join(tmpdir(), "openim-bundler-machine-"));
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));

  it("are of the folder above a store that is not made yet", async () => {
    const facts = await readMachine({
      storeDir: path.join(dir, "cache", "store"),
      engineRoot: path.join(dir, "no-engine"),
      nodeWanted: ">=20",
    });
    expect(facts.store).toMatchObject({ path: dir, writable: true });
    expect(facts.store.free).toBeGreaterThan(0);
    expect(facts.engineRoot).toBeUndefined();
    expect(facts.memory.available).toBeLessThanOrEqual(facts.memory.total);
    expect(facts.node).toEqual({ version: process.version, wanted: ">=20" });
  });
});
