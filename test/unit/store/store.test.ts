import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, readdir, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Digest, digestOf, hexOf } from "../../../src/core/digest.js";
import { type Store, openStore } from "../../../src/store/store.js";

const signal = new AbortController().signal;
let dir: string;
let store: Store;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "openim-bundler-store-"));
  store = await openStore(join(dir, "store"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const partialDir = (): string => join(store.dir, "partial");
const age = async (path: string, seconds: number): Promise<void> => {
  const then = new Date(Date.now() - seconds * 1000);
  await utimes(path, then, then);
};
async function claim(digest: Digest, size: number) {
  const partial = await store.partial(digest, size, { signal });
  if (partial === undefined) throw new Error("the blob is there already");
  return partial;
}

describe("a store", () => {
  it("gives back the bytes that were put in", async () => {
    const bytes = randomBytes(1000);
    const digest = await store.put(bytes);
    expect(digest).toBe(digestOf(bytes));
    expect(await store.has(digest, 1000)).toBe(true);
    expect(await store.read(digest, 1000)).toEqual(bytes);
    expect(await readFile(store.path(digest))).toEqual(bytes);
    expect(await readdir(partialDir())).toEqual([]);
  });

  it("is readable by its owner alone", async () => {
    const digest = await store.put(Buffer.from("x"));
    expect((await stat(store.dir)).mode & 0o777).toBe(0o700);
    expect((await stat(store.path(digest))).mode & 0o777).toBe(0o600);
  });

  it("has a blob only with the size that is asked for", async () => {
    const digest = await store.put(Buffer.from("four"));
    expect(await store.has(digest, 5)).toBe(false);
    expect(await store.has(digestOf("other"), 4)).toBe(false);
  });

  it("drops a blob that the disk let rot, and says so", async () => {
    const digest = await store.put(Buffer.from("good"));
    await writeFile(store.path(digest), "evil");
    await expect(store.read(digest, 100)).rejects.toMatchObject({ code: "INTEGRITY" });
    expect(await store.has(digest, 4)).toBe(false);
  });

  it("reads nothing that is larger than allowed, and nothing that is missing", async () => {
    const digest = await store.put(randomBytes(100));
    await expect(store.read(digest, 99)).rejects.toMatchObject({ code: "FILE" });
    await expect(store.read(digestOf("no"), 99)).rejects.toMatchObject({ code: "FILE" });
  });

  it("counts looking a blob up as a use of it", async () => {
    const digest = await store.put(Buffer.from("x"));
    await age(store.path(digest), 86_400);
    const before = Date.now();
    await store.has(digest, 1);
    // A file system may count in seconds.
    expect((await stat(store.path(digest))).mtimeMs).toBeGreaterThan(before - 5000);
  });

  it("removes a blob, and one that is gone already", async () => {
    const digest = await store.put(Buffer.from("x"));
    await store.remove(digest);
    await store.remove(digest);
    expect(await store.has(digest, 1)).toBe(false);
  });

  it("knows what it holds and what room there is", async () => {
    await store.put(randomBytes(10));
    await store.put(randomBytes(20));
    const partial = await claim(digestOf("x"), 100);
    await partial.write([Buffer.alloc(7)], 0);
    const lease = await store.lease(signal);
    expect(await store.info()).toEqual({
      dir: store.dir,
      blobs: 2,
      bytes: 30,
      partials: 1,
      partialBytes: 7,
      leases: 1,
    });
    await partial.discard();
    await lease.release();
    expect(await store.free()).toBeGreaterThan(0);
  });

  it("says FILE when its folder cannot be made", async () => {
    await writeFile(join(dir, "file"), "");
    await expect(openStore(join(dir, "file", "store"))).rejects.toMatchObject({ code: "FILE" });
  });
});

describe("an unfinished blob", () => {
  const bytes = randomBytes(3000);
  const digest = digestOf(bytes);

  it("becomes the blob when it is committed, and not before", async () => {
    const partial = await claim(digest, 3000);
    await partial.write([bytes.subarray(0, 1000), bytes.subarray(1000)], 0);
    expect(await store.has(digest, 3000)).toBe(false);
    await partial.commit();
    expect(await store.read(digest, 3000)).toEqual(bytes);
    expect(await store.partial(digest, 3000, { signal })).toBeUndefined();
    expect(await readdir(partialDir())).toEqual([]);
  });

  it("keeps what was written for the next one, who can hash it", async () => {
    const first = await claim(digest, 3000);
    await first.write([bytes.subarray(0, 1234)], 0);
    await first.release();
    const second = await claim(digest, 3000);
    expect(second.length).toBe(1234);
    const hash = await second.hashPrefix(signal);
    hash.update(bytes.subarray(1234));
    expect(`sha256:${hash.digest("hex")}`).toBe(digest);
    await second.discard();
    expect(await readdir(partialDir())).toEqual([]);
  });

  it("takes more chunks than one system call does", async () => {
    const partial = await claim(digest, 3000);
    await partial.write(
      Array.from(bytes, (byte) => Uint8Array.of(byte)),
      0,
    );
    await partial.commit();
    expect(await store.read(digest, 3000)).toEqual(bytes);
  });

  it("is emptied when it is longer than the blob can be", async () => {
    const first = await claim(digest, 3000);
    await first.write([bytes], 0);
    await first.release();
    const second = await claim(digest, 2000);
    expect(second.length).toBe(0);
    await second.discard();
  });

  it("belongs to one at a time: the second waits, and gets the first one's result", async () => {
    const first = await claim(digest, 3000);
    let holder: unknown;
    const second = store.partial(digest, 3000, { signal, onWait: (who) => (holder = who) });
    await expect.poll(() => holder).toEqual({ pid: process.pid });
    await first.write([bytes], 0);
    await first.commit();
    expect(await second).toBeUndefined();
  });

  it("is claimed by one of many who come at the same moment", async () => {
    let holders = 0;
    let most = 0;
    let claims = 0;
    const work = async (): Promise<void> => {
      const partial = await store.partial(digest, 3000, { signal });
      if (partial === undefined) return;
      claims += 1;
      most = Math.max(most, (holders += 1));
      await new Promise((resolve) => setTimeout(resolve, 10));
      await partial.write([bytes], 0);
      holders -= 1;
      // The first two give up, so that there is something to fight for again.
      await (claims > 2 ? partial.commit() : partial.release());
    };
    await Promise.all(Array.from({ length: 8 }, work));
    expect(most).toBe(1);
    expect(claims).toBe(3);
    expect(await store.info()).toMatchObject({ blobs: 1, partials: 0 });
  });

  it("goes to the one who waits when the first gives up", async () => {
    const first = await claim(digest, 3000);
    const second = claim(digest, 3000);
    await first.write([bytes.subarray(0, 10)], 0);
    await first.release();
    const partial = await second;
    expect(partial.length).toBe(10);
    await partial.discard();
  });

  it("can be waited for no longer than wanted", async () => {
    const first = await claim(digest, 3000);
    const waiting = store.partial(digest, 3000, { signal: AbortSignal.timeout(30) });
    await expect(waiting).rejects.toMatchObject({ code: "INTERRUPTED" });
    await first.discard();
  });

  it("is no obstacle to putting the same bytes", async () => {
    const partial = await claim(digest, 3000);
    await store.put(bytes);
    expect(await store.has(digest, 3000)).toBe(true);
    await partial.discard();
  });

  describe("of another host", () => {
    const foreign = `${hexOf(digest)}.${"0".repeat(12)}-1-1-00000000`;

    it("is left alone while that gives signs of life", async () => {
      await writeFile(join(partialDir(), foreign), bytes.subarray(0, 100));
      const waiting = store.partial(digest, 3000, { signal: AbortSignal.timeout(50) });
      await expect(waiting).rejects.toMatchObject({ code: "INTERRUPTED" });
      expect(await readdir(partialDir())).toEqual([foreign]);
    });

    it("is copied when that is silent, so that it cannot write into ours when it wakes up", async () => {
      const path = join(partialDir(), foreign);
      await writeFile(path, bytes.subarray(0, 100));
      await age(path, 3600);
      const { ino } = await stat(path);
      const partial = await claim(digest, 3000);
      expect(partial.length).toBe(100);
      const [mine = ""] = await readdir(partialDir());
      expect((await stat(join(partialDir(), mine))).ino).not.toBe(ino);
      await partial.discard();
    });
  });
});

describe("prune", () => {
  it("deletes what was last used before a date, and keeps what it is told to keep", async () => {
    const [old, kept, fresh] = [randomBytes(10), randomBytes(20), randomBytes(40)];
    const digests = [await store.put(old), await store.put(kept), await store.put(fresh)] as const;
    await age(store.path(digests[0]), 7200);
    await age(store.path(digests[1]), 7200);
    const options = {
      signal,
      olderThan: new Date(Date.now() - 3_600_000),
      keep: new Set([digests[1]]),
    };
    expect(await store.prune({ ...options, dryRun: true })).toEqual({ removed: 1, freedBytes: 10 });
    expect((await store.info()).blobs).toBe(3);
    expect(await store.prune(options)).toEqual({ removed: 1, freedBytes: 10 });
    expect(await store.has(digests[0], 10)).toBe(false);
    expect(await store.has(digests[2], 40)).toBe(true);
  });

  it("deletes everything without a date, unfinished downloads included", async () => {
    await store.put(randomBytes(10));
    const partial = await claim(digestOf("x"), 100);
    await partial.write([Buffer.alloc(5)], 0);
    await partial.release();
    expect(await store.prune({ signal })).toEqual({ removed: 2, freedBytes: 15 });
  });

  it("refuses while a run uses the store", async () => {
    const digest = await store.put(Buffer.from("x"));
    const lease = await store.lease(signal);
    await expect(store.prune({ signal })).rejects.toMatchObject({
      code: "FILE",
      details: { pids: [process.pid] },
    });
    expect(await store.has(digest, 1)).toBe(true);
    await lease.release();
    expect((await store.prune({ signal })).removed).toBe(1);
  });

  it("never deletes what somebody works on", async () => {
    const partial = await claim(digestOf("x"), 100);
    await partial.write([Buffer.alloc(5)], 0);
    expect((await store.prune({ signal })).removed).toBe(0);
    await partial.discard();
  });

  it("keeps a run waiting until it is done", async () => {
    // The mark of a prune in another container, just now.
    const mark = join(store.dir, "leases", `prune.${"0".repeat(12)}-1-1-00000000`);
    await writeFile(mark, "");
    let leased = false;
    const lease = store.lease(signal).finally(() => (leased = true));
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(leased).toBe(false);
    await rm(mark);
    await (await lease).release();
  });
});
