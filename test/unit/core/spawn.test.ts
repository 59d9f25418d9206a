import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type ProgramOptions, runProgram } from "../../../src/core/spawn.js";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "openim-bundler-spawn-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const never = new AbortController().signal;

function sh(script: string, options: Partial<ProgramOptions> = {}) {
  return runProgram("/bin/sh", ["-c", script], {
    signal: never,
    env: { PATH: process.env["PATH"] },
    ...options,
  });
}

/** The process ids that a script wrote into a file, once they are all there. */
async function pids(file: string, count: number): Promise<number[]> {
  for (;;) {
    const text = await readFile(file, "utf8").catch(() => "");
    const found = text.split("\n").filter((line) => line !== "");
    if (found.length >= count) return found.map(Number);
    await sleep(5);
  }
}

async function isGone(pid: number): Promise<boolean> {
  // A killed orphan stays a zombie until its new parent takes note of it.
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return stat === "" || /^\d+ \(.*\) Z /.test(stat);
}

async function* repeat(chunk: Uint8Array, count: number, onPull?: (n: number) => void) {
  for (let n = 0; n < count; n += 1) {
    onPull?.(n);
    await Promise.resolve();
    yield chunk;
  }
}

describe("a program that runs", () => {
  it("gives its outputs, its code, and each line as it comes", async () => {
    const out: string[] = [];
    const err: string[] = [];
    const end = await sh("printf 'a\\nb\\r\\nc'; printf 'x\\n' >&2; exit 3", {
      onOutputLine: (line) => out.push(line),
      onErrorLine: (line) => err.push(line),
    });
    expect(end).toEqual({
      kind: "ended",
      code: 3,
      timedOut: false,
      stdout: "a\nb\r\nc",
      stderr: "x\n",
    });
    expect([out, err]).toEqual([["a", "b", "c"], ["x"]]);
  });

  it("sees the environment that was passed and no other", async () => {
    process.env["OPENIM_SPAWN_TEST"] = "leaked";
    const end = await sh('echo "${OPENIM_SPAWN_TEST-none} $MINE"', { env: { MINE: "1" } });
    delete process.env["OPENIM_SPAWN_TEST"];
    expect(end).toMatchObject({ stdout: "none 1\n" });
  });

  it("gets its arguments untouched by any shell", async () => {
    const args = ["$(id)", "a b", "'\"", "*"];
    const end = await runProgram("printf", ["%s\\n", ...args], {
      signal: never,
      env: { PATH: process.env["PATH"] },
    });
    expect(end).toMatchObject({ stdout: args.map((arg) => `${arg}\n`).join("") });
  });

  it("that writes without end costs only what is kept", async () => {
    const end = await sh("head -c 3000000 /dev/zero | tr '\\0' 'y'", { capture: 1000 });
    expect(end).toMatchObject({ code: 0, stdout: "y".repeat(1000) });
  });

  it("that is killed says by which signal", async () => {
    const end = await sh("kill -9 $$");
    expect(end).toMatchObject({ kind: "ended", killedBy: "SIGKILL", timedOut: false });
    expect(end).not.toHaveProperty("code");
  });
});

describe("a program that does not run", () => {
  it("is missing", async () => {
    const end = await runProgram("no-such-program-here", [], { signal: never, env: {} });
    expect(end).toMatchObject({ kind: "missing" });
  });

  it("is unusable when the system refuses it", async () => {
    const file = join(dir, "plain");
    await writeFile(file, "text", { mode: 0o644 });
    expect(await runProgram(file, [], { signal: never, env: {} })).toMatchObject({
      kind: "unusable",
    });
    expect(await runProgram("echo", ["a\0b"], { signal: never, env: {} })).toMatchObject({
      kind: "unusable",
    });
  });
});

describe("the input", () => {
  it("is empty unless given", async () => {
    expect(await sh("wc -c")).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^ *0\n$/) as string,
    });
    expect(await sh("cat", { input: "hello" })).toMatchObject({ stdout: "hello" });
  });

  it("arrives whole", async () => {
    const end = await sh("wc -c", { input: repeat(Buffer.alloc(100_000, 1), 200) });
    expect(Number((end as { stdout: string }).stdout)).toBe(20_000_000);
  });

  it("is read no faster than the program takes it", async () => {
    let pulled = 0;
    const stop = new AbortController();
    const running = sh("head -c 10 >/dev/null; sleep 600", {
      signal: stop.signal,
      input: repeat(Buffer.alloc(65_536), 1000, (n) => (pulled = n + 1)),
    });
    await expect.poll(() => pulled).toBeGreaterThan(0);
    // So long, it would have taken more.
    await sleep(300);
    expect(pulled).toBeLessThan(20);
    stop.abort();
    await expect(running).rejects.toMatchObject({ code: "INTERRUPTED" });
  });

  it("that a program leaves unread is given back, and the program's own end counts", async () => {
    let returned = false;
    async function* endless() {
      try {
        for (;;) {
          await sleep(1);
          yield Buffer.alloc(65_536);
        }
      } finally {
        returned = true;
      }
    }
    expect(await sh("echo no >&2; exit 4", { input: endless() })).toMatchObject({
      code: 4,
      stderr: "no\n",
    });
    await expect.poll(() => returned).toBe(true);
  });

  it("that a program leaves unread is told of no error", async () => {
    const seen: string[] = [];
    async function* input() {
      try {
        // The program is gone while this waits for its next chunk to be asked for.
        for (;;) {
          yield Buffer.alloc(256 * 1024);
          await sleep(1);
        }
      } catch (error) {
        seen.push(String(error));
        throw error;
      } finally {
        seen.push("let go");
      }
    }
    for (let run = 0; run < 10; run += 1) {
      expect(await sh("head -c 300000 >/dev/null; exit 7", { input: input() })).toMatchObject({
        kind: "ended",
        code: 7,
      });
    }
    await expect.poll(() => seen).toEqual(Array.from({ length: 10 }, () => "let go"));
  });

  it("that never comes does not hold up a program that ended", async () => {
    async function* stuck(): AsyncGenerator<Uint8Array> {
      yield Buffer.from("x");
      await new Promise(() => undefined);
    }
    expect(await sh("exit 5", { input: stuck() })).toMatchObject({ code: 5 });
  });

  it("that fails stops the program, and its error is thrown", async () => {
    const file = join(dir, "pids");
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield Buffer.from("x");
      await pids(file, 1);
      throw new Error("the source broke");
    }
    await expect(
      sh(`echo $$ >>${file}; cat >/dev/null; sleep 600`, { input: broken() }),
    ).rejects.toThrow("the source broke");
    for (const pid of await pids(file, 1)) await expect.poll(() => isGone(pid)).toBe(true);
  });
});

describe("stopping", () => {
  it("ends the program and everything that it started", async () => {
    const stop = new AbortController();
    const file = join(dir, "pids");
    const running = sh(`sleep 600 & echo $! >>${file}; echo $$ >>${file}; wait`, {
      signal: stop.signal,
    });
    const all = await pids(file, 2);
    stop.abort();
    await expect(running).rejects.toMatchObject({ code: "INTERRUPTED" });
    for (const pid of all) await expect.poll(() => isGone(pid)).toBe(true);
  });

  it("lets the program clean up", async () => {
    const stop = new AbortController();
    const file = join(dir, "cleaned");
    const running = sh(
      `trap 'sleep 0.1; echo yes >${file}; exit 0' TERM; echo ready >${file}.pid; while :; do sleep 0.02; done`,
      { signal: stop.signal, grace: 60_000 },
    );
    await pids(`${file}.pid`, 1);
    stop.abort();
    await expect(running).rejects.toMatchObject({ code: "INTERRUPTED" });
    expect(await readFile(file, "utf8")).toBe("yes\n");
  });

  it("lets what it started clean up, when the program itself is gone first", async () => {
    const stop = new AbortController();
    const file = join(dir, "cleaned");
    const inner = `trap 'sleep 0.2; echo yes >${file}; exit 0' TERM; echo 1 >${file}.pid; while :; do sleep 0.02; done`;
    await writeFile(join(dir, "inner.sh"), inner);
    const running = sh(`/bin/sh ${dir}/inner.sh & wait`, { signal: stop.signal, grace: 60_000 });
    await pids(`${file}.pid`, 1);
    stop.abort();
    await expect(running).rejects.toMatchObject({ code: "INTERRUPTED" });
    expect(await readFile(file, "utf8")).toBe("yes\n");
  });

  it("kills what does not listen", async () => {
    const stop = new AbortController();
    const file = join(dir, "pids");
    const running = sh(`trap '' TERM; echo $$ >>${file}; while :; do sleep 0.05; done`, {
      signal: stop.signal,
      grace: 150,
    });
    const all = await pids(file, 1);
    stop.abort();
    await expect(running).rejects.toMatchObject({ code: "INTERRUPTED" });
    for (const pid of all) await expect.poll(() => isGone(pid)).toBe(true);
  });

  it("happens by itself when time is up", async () => {
    expect(await sh("sleep 600", { timeout: 60 })).toMatchObject({
      kind: "ended",
      killedBy: "SIGTERM",
      timedOut: true,
    });
  });

  it("does not start what is already unwanted", async () => {
    const file = join(dir, "started");
    await expect(sh(`echo 1 >${file}`, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: "INTERRUPTED",
    });
    await expect(readFile(file)).rejects.toThrow();
  });
});

describe("what a program leaves behind", () => {
  it("is ended with it", async () => {
    const file = join(dir, "pids");
    expect(
      await sh(`sleep 60 >/dev/null 2>&1 </dev/null & echo $! >>${file}; exit 0`),
    ).toMatchObject({ code: 0 });
    for (const pid of await pids(file, 1)) await expect.poll(() => isGone(pid)).toBe(true);
  });
});
