import { createHash } from "node:crypto";
import { type FileHandle, mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type * as WorkerThreads from "node:worker_threads";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { HashPool } from "../../../src/bundle/hash-pool.js";
import { noise } from "./sample.js";

const broken = vi.hoisted(() => ({ how: undefined as "start" | "death" | undefined }));
vi.mock("node:worker_threads", async (original) => {
  const real = await original<typeof WorkerThreads>();
  return {
    ...real,
    Worker: class extends real.Worker {
      constructor(program: URL, options: object) {
        if (broken.how === "start") throw new Error("no more threads");
        const death = `require("node:worker_threads").parentPort.on("message", () => process.exit(3))`;
        if (broken.how === "death") super(death, { ...options, eval: true });
        else super(program, options);
      }
    },
  };
});

const SIZE = 3_000_001;
const CONTENT = noise("pool", SIZE);
const sha256 = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");

let dir: string;
let target: FileHandle;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "pool-"));
  await writeFile(join(dir, "a"), CONTENT);
  target = await open(join(dir, "target"), "w+");
  broken.how = undefined;
});
afterEach(async () => {
  await target.close();
  await rm(dir, { recursive: true, force: true });
});

async function countingThreads<T>(work: () => Promise<T>): Promise<[T, number]> {
  let count = 0;
  const onWorker = (): void => void (count += 1);
  process.on("worker", onWorker);
  try {
    return [await work(), count];
  } finally {
    process.off("worker", onWorker);
  }
}

async function copyTwice(): Promise<void> {
  const pool = new HashPool();
  let bytes = 0;
  const path = join(dir, "a");
  const both = await Promise.all(
    [7, 7 + SIZE + 5].map((offset) =>
      pool.run(
        {
          sources: [{ path, length: SIZE }, { bytes: Buffer.from("tail!") }],
          targets: [{ fd: target.fd, offset }],
        },
        (delta) => (bytes += delta),
      ),
    ),
  );
  await pool.close();
  const expected = Buffer.concat([CONTENT, Buffer.from("tail!")]);
  expect(both).toEqual([{ sha256: sha256(expected) }, { sha256: sha256(expected) }]);
  const written = await readFile(join(dir, "target"));
  expect(written.equals(Buffer.concat([Buffer.alloc(7), expected, expected]))).toBe(true);
  expect(bytes).toBe(2 * (SIZE + 5));
}

describe("the hash pool", () => {
  it("hashes and copies on threads of its own", async () => {
    const [, threads] = await countingThreads(copyTwice);
    expect(threads).toBeGreaterThan(0);
  });

  it("does small jobs without starting a thread", async () => {
    const pool = new HashPool();
    const [outcome, threads] = await countingThreads(() =>
      pool.run({ sources: [{ bytes: Buffer.from("abc") }] }),
    );
    expect(outcome).toEqual({ sha256: sha256(Buffer.from("abc")) });
    expect(threads).toBe(0);
    await pool.close();
  });

  it.each(["start", "death"] as const)("goes on by itself when threads fail (%s)", async (how) => {
    broken.how = how;
    await copyTwice();
  });

  it("reads parts of an open file", async () => {
    const handle = await open(join(dir, "a"));
    const pool = new HashPool();
    const source = { fd: handle.fd, offset: 1000, length: 2_000_000 };
    expect(await pool.run({ sources: [source] })).toEqual({
      sha256: sha256(CONTENT.subarray(1000, 2_001_000)),
    });
    const past = { fd: handle.fd, offset: 2_000_000, length: 2_000_000 };
    expect(await pool.run({ sources: [past] })).toMatchObject({ failure: { stage: "size" } });
    await pool.close();
    await handle.close();
  });

  it("tells what failed, with the system's code and the source", async () => {
    const pool = new HashPool();
    const good = { path: join(dir, "a"), length: SIZE };
    expect(
      await pool.run({ sources: [good, { path: join(dir, "missing"), length: SIZE }] }),
    ).toMatchObject({ failure: { stage: "open", source: 1, code: "ENOENT" } });
    expect(await pool.run({ sources: [{ ...good, length: SIZE + 1 }] })).toMatchObject({
      failure: { stage: "size", source: 0 },
    });
    const full = await open("/dev/full", "w");
    expect(
      await pool.run({ sources: [good], targets: [{ fd: full.fd, offset: 0 }] }),
    ).toMatchObject({
      failure: { stage: "write", code: "ENOSPC" },
    });
    await full.close();
    await pool.close();
  });

  it("rejects what is running and waiting when it is stopped", async () => {
    const stop = new AbortController();
    const pool = new HashPool(stop.signal);
    const jobs = Array.from({ length: 20 }, () =>
      pool.run({ sources: [{ path: join(dir, "a"), length: SIZE }] }),
    );
    stop.abort();
    for (const job of jobs) await expect(job).rejects.toMatchObject({ code: "INTERRUPTED" });
    await expect(pool.run({ sources: [] })).rejects.toMatchObject({ code: "INTERRUPTED" });
    await pool.close();
  });
});
