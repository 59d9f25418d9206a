import { spawnSync } from "node:child_process";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const START = join(import.meta.dirname, "../../../templates/build/open_im_server/start");

let dir: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "openim-start-"));
  await cp(START, dir, { recursive: true });
});

afterAll(async () => {
  await rm(dir, { recursive: true });
});

function go(...args: readonly string[]): {
  readonly status: number | null;
  readonly output: string;
} {
  const { status, stdout, stderr } = spawnSync("go", args, {
    cwd: dir,
    encoding: "utf8",
    env: { ...process.env, GOTOOLCHAIN: "local", GOFLAGS: "-mod=readonly" },
  });
  return { status, output: stdout + stderr };
}

/** Whether there is Go, and the one module that the program needs: in Go's cache, or to be had. */
const hasGo =
  spawnSync("go", ["mod", "download"], { cwd: START, timeout: 20_000, stdio: "ignore" }).status ===
  0;

describe.skipIf(!hasGo)("the start program of open_im_server", () => {
  it("is vetted by Go", () => {
    expect(go("vet", "./...")).toEqual({ status: 0, output: "" });
  }, 120_000);

  it("passes its own tests", () => {
    const { status, output } = go("test", "-count=1", "./...");
    expect(output).toMatch(/^ok\s/m);
    expect(status).toBe(0);
  }, 120_000);
});
