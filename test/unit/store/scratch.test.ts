import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { digestOf, hexOf } from "../../../src/core/digest.js";
import { type ScratchBlob, type Store, openStore } from "../../../src/store/store.js";

const signal = new AbortController().signal;
const key = digestOf("what is wanted");
const bytes = randomBytes(3_000_000);
const digest = digestOf(bytes);
let dir: string;
let store: Store;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "openim-bundler-scratch-"));
  store = await openStore(join(dir, "store"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const done = (): Promise<boolean> => store.has(digest, bytes.length);
const claim = (onWait?: () => void): Promise<ScratchBlob | undefined> =>
  store.scratch(key, {
    limit: 4_000_000,
    what: "the thing",
    done,
    signal,
    ...(onWait === undefined ? {} : { onWait }),
  });
const blobs = (): Promise<string[]> => readdir(join(store.dir, "blobs", "sha256"));
const partials = (): Promise<string[]> => readdir(join(store.dir, "partial"));

describe("a scratch of the store", () => {
  it("becomes the blob whose digest is found at its end", async () => {
    const scratch = (await claim())!;
    await scratch.write([bytes], 0);
    expect(await blobs()).toEqual([]);
    await scratch.commitAs(digest, bytes.length);
    expect(await blobs()).toEqual([hexOf(digest)]);
    expect(await partials()).toEqual([]);
    expect(await readFile(store.path(digest))).toSatisfy((found: Buffer) => found.equals(bytes));
    expect(await claim()).toBeUndefined();
  });

  it("is found again by its key, and gives what is there", async () => {
    const before = (await claim())!;
    await before.write([bytes.subarray(0, 2_500_000)], 0);
    await before.release();
    expect(await partials()).toEqual([hexOf(key)]);
    const scratch = (await claim())!;
    expect(scratch.length).toBe(2_500_000);
    const chunks: Buffer[] = [];
    for await (const chunk of scratch.readPrefix(signal)) chunks.push(Buffer.from(chunk));
    expect(Buffer.concat(chunks).equals(bytes.subarray(0, 2_500_000))).toBe(true);
    expect((await scratch.hashPrefix(signal)).digest("hex")).toBe(
      hexOf(digestOf(bytes.subarray(0, 2_500_000))),
    );
    await scratch.discard();
    expect(await partials()).toEqual([]);
  });

  it("is worked on by one at a time: the other waits, and finds it done", async () => {
    const scratch = (await claim())!;
    let waited = 0;
    const other = claim(() => (waited += 1));
    await scratch.write([bytes], 0);
    await expect.poll(() => waited).toBe(1);
    await scratch.commitAs(digest, bytes.length);
    expect(await other).toBeUndefined();
    expect(waited).toBe(1);
  });

  it("begins anew when what was left is over the limit", async () => {
    await writeFile(join(store.dir, "partial", hexOf(key)), Buffer.alloc(4_000_001));
    const scratch = (await claim())!;
    expect(scratch.length).toBe(0);
    await scratch.release();
  });

  it("is pruned like every unfinished download, unless somebody works on it", async () => {
    const scratch = (await claim())!;
    await scratch.write([bytes], 0);
    expect(await store.prune({ signal })).toEqual({ removed: 0, freedBytes: 0 });
    await scratch.release();
    expect(await store.prune({ signal })).toEqual({ removed: 1, freedBytes: bytes.length });
  });
});
