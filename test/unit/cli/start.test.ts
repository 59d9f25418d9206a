import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
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

  /** Runs a shell line in which `$B` is the program. */
  const shell = (line: string) => {
    const { status, stdout, stderr } = spawnSync("sh", ["-c", line], {
      cwd,
      encoding: "utf8",
      env: {
        PATH: process.env["PATH"],
        HOME: cwd,
        NO_COLOR: "1",
        B: path.join(root, "bin/run.js"),
      },
    });
    return { status, stdout, stderr };
  };

  it.runIf(existsSync("/dev/full"))(
    "says that its output cannot be written, instead of a stack trace or nothing",
    () => {
      for (const args of ["verify --rules", "verify --rules --json", "--version", "--help"]) {
        const { status, stderr } = shell(`node "$B" ${args} >/dev/full`);
        expect(stderr).toMatch(/^Error \(DISK\): The output cannot be written: ENOSPC/);
        expect(stderr).not.toMatch(/\n +at /);
        expect(status).toBe(9);
      }
    },
  );

  it.runIf(existsSync("/dev/full"))(
    "ends with an error's own code where even that cannot be told",
    () => {
      expect(shell('node "$B" verify no-such-archive.tar 2>/dev/full').status).toBe(11);
    },
  );

  it("ends without a complaint when nobody reads on", () => {
    const { status, stdout, stderr } = shell(
      '{ node "$B" verify --rules; echo "ended with $?" >&2; } | head -n 1',
    );
    expect({ status, stderr }).toEqual({ status: 0, stderr: "ended with 0\n" });
    expect(stdout).toMatch(/^rule/);
  });

  it("never ends without a result or an error", () => {
    // A file that never opens, and nothing else to wait for.
    const program = `
      import fs from "node:fs";
      import module from "node:module";
      fs.promises.open = () => new Promise(() => {});
      module.syncBuiltinESMExports();
      process.argv.push("run.js", "verify", ${JSON.stringify(path.join(root, "package.json"))}, "--json");
      const { run } = await import(${JSON.stringify(path.join(root, "dist/cli/run.js"))});
      await run(${JSON.stringify(pathToFileURL(path.join(root, "bin/run.js")).href)});`;
    const { status, stdout } = spawnSync(process.execPath, ["--input-type=module", "-e", program], {
      cwd,
      encoding: "utf8",
    });
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: "INTERNAL", exitCode: 1 } });
    expect(status).toBe(1);
  });

  it("carries the licence of every package that is in it", async () => {
    const licences = await readFile(path.join(root, "dist/licences.txt"), "utf8");
    for (const name of ["@oclif/core", "undici", "zod", "yaml", "tar"])
      expect(licences).toMatch(new RegExp(`^${name} \\d+\\.\\d+\\.\\d+ \\(`, "m"));
  });
});
