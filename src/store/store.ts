import { constants } from "node:fs";
import { mkdir, open, stat, statfs, utimes } from "node:fs/promises";
import { resolve } from "node:path";
import { type Digest, digestOf, hexOf, shortDigest } from "../core/digest.js";
import { BundlerError, systemCode } from "../core/errors.js";
import { type ClaimOptions, claimPartial, findPartials } from "./claim.js";
import { storeError } from "./disk-error.js";
import { Heartbeat } from "./heartbeat.js";
import { type Layout, blobPath, layoutOf } from "./layout.js";
import { type Lease, holders, takeLease, takePruneMark } from "./lease.js";
import { readNote, writeNote } from "./notes.js";
import { type PartialBlob, type ScratchBlob, putWhole } from "./partial.js";
import { type PruneOptions, type PruneResult, listBlobs, sweep } from "./prune.js";
import { unlinkIfThere } from "./unlink.js";

export type { ScratchBlob } from "./partial.js";

export interface StoreInfo {
  readonly dir: string;
  readonly blobs: number;
  /** Bytes of all blobs. */
  readonly bytes: number;
  /** Unfinished downloads. */
  readonly partials: number;
  readonly partialBytes: number;
  /** Runs that use the store now. */
  readonly leases: number;
}

/**
 * Blobs by their digest, in one folder that several processes may use at the same time. A file
 * under `blobs/` is whole, always: it gets its name when all its bytes are hashed and flushed.
 * Everything else can be thrown away at any moment.
 */
export interface Store {
  /** Absolute path. */
  readonly dir: string;
  /** Whether the blob is there with exactly this size, in bytes. A hit counts as a use of the blob. */
  has(digest: Digest, size: number): Promise<boolean>;
  /** Where the blob lies, or would lie. */
  path(digest: Digest): string;
  /**
   * A small blob, hashed again.
   * @throws BundlerError FILE when it is missing or larger than `limit` bytes; INTEGRITY when the
   *   disk gave other bytes than were stored: the blob is dropped, the next run fetches it again.
   */
  read(digest: Digest, limit: number): Promise<Buffer>;
  /** Stores bytes whole or not at all. @throws BundlerError DISK, FILE. */
  put(bytes: Uint8Array): Promise<Digest>;
  /**
   * Claims the unfinished blob for this process; waits while another live process works on it.
   * Undefined when the blob is there.
   * @throws BundlerError DISK, FILE, INTERRUPTED.
   */
  partial(digest: Digest, size: number, options: ClaimOptions): Promise<PartialBlob | undefined>;
  /**
   * Claims, as `partial` does, the unfinished file of something whose digest is not known before it
   * is whole. Undefined when `done` says so.
   * @param key the same for everybody who wants the same thing.
   * @throws BundlerError DISK, FILE, INTERRUPTED.
   */
  scratch(key: Digest, options: ScratchOptions): Promise<ScratchBlob | undefined>;
  /** Bytes of the blob that unfinished downloads have brought so far. */
  unfinished(digest: Digest): Promise<number>;
  /** Drops a blob whose bytes turned out to be wrong. */
  remove(digest: Digest): Promise<void>;
  /** What was noted under a key; a hint, to be checked by whoever uses it. */
  note(key: Digest): Promise<string | undefined>;
  /** Notes a small text for later runs. */
  writeNote(key: Digest, text: string): Promise<void>;
  /** While it is held, nothing is pruned. Waits for a prune at work. @throws BundlerError INTERRUPTED. */
  lease(signal: AbortSignal): Promise<Lease>;
  info(): Promise<StoreInfo>;
  /** @throws BundlerError FILE while a run uses the store. */
  prune(options: PruneOptions): Promise<PruneResult>;
  /** Bytes that this user may still write on the store's file system. */
  free(): Promise<number>;
}

interface ScratchOptions extends ClaimOptions {
  /** The most bytes that it may have. */
  readonly limit: number;
  /** What it is, for messages about the disk. */
  readonly what: string;
  /** Whether what it is for is done, be it by another process while we waited. */
  readonly done: () => Promise<boolean>;
}

/** How old a blob's last use may be before it is written down again, in milliseconds. */
const USE_GRAIN_MS = 60_000;

/**
 * Opens a store, making the folder when it is not there.
 * @throws BundlerError FILE when it cannot be made or is not writable; DISK when the disk is full.
 */
export async function openStore(dir: string): Promise<Store> {
  const layout = layoutOf(resolve(dir));
  const guard = async <T>(doing: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw storeError(error, layout.dir, doing);
    }
  };
  await guard("making the store", async () => {
    for (const path of [layout.blobs, layout.partials, layout.leases, layout.notes])
      await mkdir(path, { recursive: true, mode: 0o700 });
  });
  const heartbeat = new Heartbeat();
  const has = (digest: Digest, size: number): Promise<boolean> =>
    guard(`looking up ${shortDigest(digest)}`, () => isThere(blobPath(layout, digest), size));

  return {
    dir: layout.dir,
    has,
    path: (digest) => blobPath(layout, digest),
    read: (digest, limit) =>
      guard(`reading ${shortDigest(digest)}`, () => readSmall(layout, digest, limit)),
    put: (bytes) =>
      guard("storing a blob", async () => {
        const digest = digestOf(bytes);
        if (!(await has(digest, bytes.length))) {
          await putWhole({ layout, heartbeat }, digest, bytes);
        }
        return digest;
      }),
    partial: (digest, size, options) =>
      guard(`claiming ${shortDigest(digest)}`, () =>
        claimPartial({ layout, heartbeat }, { digest, size }, () => has(digest, size), options),
      ),
    scratch: (key, { limit, what, done, ...options }) =>
      guard(`claiming ${what}`, () =>
        claimPartial({ layout, heartbeat }, { digest: key, size: limit, what }, done, options),
      ),
    unfinished: (digest) =>
      guard(`looking up ${shortDigest(digest)}`, async () =>
        Math.max(0, ...(await findPartials(layout, hexOf(digest))).map(({ size }) => size)),
      ),
    remove: (digest) =>
      guard(`deleting ${shortDigest(digest)}`, async () => {
        await unlinkIfThere(blobPath(layout, digest));
      }),
    note: (key) => guard("reading a note", () => readNote(layout, key)),
    writeNote: (key, text) => guard("writing a note", () => writeNote(layout, key, text)),
    lease: (signal) =>
      guard("marking the store as used", () => takeLease(layout, heartbeat, signal)),
    info: () => guard("listing the store", () => infoOf(layout)),
    prune: (options) =>
      guard("pruning", async () => {
        if (options.dryRun === true) return sweep(layout, options);
        const mark = await takePruneMark(layout, heartbeat);
        try {
          return await sweep(layout, options);
        } finally {
          await mark.release();
        }
      }),
    free: () =>
      guard("asking for the free space", async () => {
        const { bavail, bsize } = await statfs(layout.dir);
        return bavail * bsize;
      }),
  };
}

async function isThere(path: string, size: number): Promise<boolean> {
  try {
    const found = await stat(path);
    if (!found.isFile() || found.size !== size) return false;
    if (Math.abs(Date.now() - found.mtimeMs) > USE_GRAIN_MS) {
      const now = new Date();
      // A blob that another user stored can be read but not touched.
      await utimes(path, now, now).catch(() => undefined);
    }
    return true;
  } catch (error) {
    if (systemCode(error) === "ENOENT") return false;
    throw error;
  }
}

async function readSmall(layout: Layout, digest: Digest, limit: number): Promise<Buffer> {
  const path = blobPath(layout, digest);
  const handle = await open(path, constants.O_RDONLY);
  try {
    const { size } = await handle.stat();
    if (size > limit) {
      throw new BundlerError(
        "FILE",
        `${digest} has ${size} bytes, more than the ${limit} allowed.`,
      );
    }
    const bytes = await handle.readFile();
    if (digestOf(bytes) === digest) return bytes;
    await unlinkIfThere(path);
    throw new BundlerError(
      "INTEGRITY",
      `The store's blob ${digest} has gone bad on the disk: its bytes give ${digestOf(bytes)}.`,
      {
        hint: "It was deleted; run again to fetch it anew. Check the disk.",
        details: { digest, found: digestOf(bytes), file: path },
      },
    );
  } finally {
    await handle.close();
  }
}

async function infoOf(layout: Layout): Promise<StoreInfo> {
  const [blobs, partials, { runs }] = await Promise.all([
    listBlobs(layout),
    findPartials(layout),
    holders(layout),
  ]);
  const total = (files: readonly { readonly size: number }[]): number =>
    files.reduce((sum, { size }) => sum + size, 0);
  return {
    dir: layout.dir,
    blobs: blobs.length,
    bytes: total(blobs),
    partials: partials.length,
    partialBytes: total(partials),
    leases: runs.length,
  };
}
