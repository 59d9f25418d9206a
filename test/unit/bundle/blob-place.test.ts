import { type FileHandle, open, writeFile } from "node:fs/promises";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { BlobPlace } from "../../../src/bundle/blob-place.js";
import { HashPool } from "../../../src/bundle/hash-pool.js";
import { digestOf } from "../../../src/core/digest.js";
import { noise } from "./sample.js";

const SIZE = 300_000;
const OFFSETS = [512, 1_000_000];
const bytes = noise("blob", SIZE);
const signal = new AbortController().signal;

let dir: string;
let handle: FileHandle;
let pool: HashPool;
let counted: number;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "place-"));
  handle = await open(join(dir, "archive"), "w+");
  pool = new HashPool();
  counted = 0;
});
afterEach(async () => {
  await pool.close();
  await handle.close();
  await rm(dir, { recursive: true, force: true });
});

/** As a run sees it that has just started. */
async function openPlace(): Promise<BlobPlace> {
  counted = 0;
  const fail = (error: unknown): Promise<unknown> => Promise.resolve(error);
  const place = new BlobPlace(
    { digest: digestOf(bytes), size: SIZE, offsets: OFFSETS },
    { handle, pool, onBytes: (delta) => (counted += delta), cannotWrite: fail, cannotCopy: fail },
  );
  await place.look();
  return place;
}

async function prefixOf(place: BlobPlace): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of place.readPrefix(signal)) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

async function found(): Promise<readonly boolean[]> {
  const read = async (offset: number): Promise<boolean> => {
    const buffer = Buffer.alloc(SIZE);
    await handle.read(buffer, 0, SIZE, offset);
    return buffer.equals(bytes);
  };
  return Promise.all(OFFSETS.map(read));
}

describe("a blob's places in an unfinished archive", () => {
  it("are all written from one buffer", async () => {
    const place = await openPlace();
    await place.write([bytes.subarray(0, 100_000), bytes.subarray(100_000, 150_000)], 0);
    await place.write([bytes.subarray(150_000)], 150_000);
    place.finish();
    expect(await found()).toEqual([true, true]);
    expect(counted).toBe(2 * SIZE);
    expect(await place.holds()).toBe(true);
  });

  it("tell the next run how far they have come, and mend the other places on the way", async () => {
    const first = await openPlace();
    await first.write([bytes.subarray(0, 120_000)], 0);
    await first.record(120_000);
    await handle.write(Buffer.alloc(5000, 1), 0, 5000, OFFSETS[1]! + 7000);

    const next = await openPlace();
    expect(await next.holds()).toBe(false);
    expect(next.length).toBe(120_000);
    expect((await prefixOf(next)).equals(bytes.subarray(0, 120_000))).toBe(true);
    await next.write([bytes.subarray(120_000)], 120_000);
    next.finish();
    expect(await found()).toEqual([true, true]);
    expect(counted).toBe(2 * SIZE);
  });

  it("are found to be whole by their bytes, and by nothing else", async () => {
    const first = await openPlace();
    await first.write([bytes], 0);
    first.finish();
    await handle.write(Buffer.alloc(10), 0, 10, OFFSETS[1]! + 9);
    expect(await (await openPlace()).holds()).toBe(true);
    expect(await found()).toEqual([true, true]);

    await handle.write(Buffer.alloc(10), 0, 10, OFFSETS[0]! + 100);
    const rotten = await openPlace();
    expect(await rotten.holds()).toBe(false);
    expect(rotten.length).toBe(0);
  });

  it("believe no record that is damaged, of another blob, or of more than fits before it", async () => {
    const first = await openPlace();
    await first.write([bytes.subarray(0, 1000)], 0);
    for (const at of [0, 8, 20, 50]) {
      await first.record(1000);
      const position = OFFSETS[0]! + SIZE - 64 + at;
      const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, position);
      await handle.write(Buffer.from([buffer[0]! ^ 1]), 0, 1, position);
      expect((await openPlace()).length).toBe(0);
    }
    await first.record(SIZE);
    expect((await openPlace()).length).toBe(0);
  });

  it("never let a record overtake the bytes that replace it", async () => {
    const place = await openPlace();
    await place.write([bytes.subarray(0, 200_000)], 0);
    const recording = place.record(200_000);
    await place.write([bytes.subarray(200_000)], 200_000);
    await recording;
    await place.record(200_000);
    place.finish();
    expect(await found()).toEqual([true, true]);
  });

  it("start over without a trace of what was wrong", async () => {
    const place = await openPlace();
    await place.write([Buffer.alloc(50_000, 7)], 0);
    await place.record(50_000);
    await place.truncate();
    expect(counted).toBe(0);
    expect((await openPlace()).length).toBe(0);
    const file = join(dir, "blob");
    await writeFile(file, bytes);
    expect(await place.copy(file)).toBe("done");
    expect(await found()).toEqual([true, true]);
  });
});
