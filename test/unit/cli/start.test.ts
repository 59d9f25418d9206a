import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { Config } from "@oclif/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { cli } from "../../support/cli.js";

const root = path.resolve(import.meta.dirname, "../../..");

describe("the built program", () => {
  let cwd: string;
  beforeEach(async () => {
    cwd = await mkdtemp(path.join(tmpdir(), "openim-bundler-start-"));
  });
  afterEach(() => rm(cwd, { recursive: true, force: true }));

  it("names lines of its source when a stack trace is asked for", async () => {
    const args = ["verify", path.join(cwd, "no-such-archive.tar")];
    const asked = await cli(args, { cwd, env: { DEBUG: "nothing" } });
    expect(asked.stderr).toMatch(/at .*src\/bundle\/reader\.ts:\d+:\d+/);
    expect((await cli(args, { cwd })).stderr).not.toMatch(/\bat /);
  });

  it("tells its version in oclif's words", async () => {
    const { userAgent } = await Config.load(root);
    expect((await cli(["--version"], { cwd })).stdout).toBe(`${userAgent}\n`);
  });

  it("has oclif's help and completion", async () => {
    expect((await cli(["help", "cache", "info"], { cwd })).stdout).toMatch(/--store=DIR/);
    const completion = await cli(["autocomplete", "script", "bash"], { cwd });
    expect(completion.stdout).toMatch(/OPENIM_BUNDLER_AC_BASH_SETUP_PATH/);
  });

  it("carries the licence of every package that is in it", async () => {
    const licences = await readFile(path.join(root, "dist/licences.txt"), "utf8");
    for (const name of ["@oclif/core", "undici", "zod", "yaml", "tar"])
      expect(licences).toMatch(new RegExp(`^${name} \\d+\\.\\d+\\.\\d+ \\(`, "m"));
  });
});
