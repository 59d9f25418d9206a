import { type Hash, createHash } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, open, rename, stat } from "node:fs/promises";
import { join } from "node:path";
import { type Digest, hexOf, shortDigest } from "../core/digest.js";
import { BundlerError, interrupted, systemCode } from "../core/errors.js";
import { storeError } from "./disk-error.js";
import type { Heartbeat } from "./heartbeat.js";
import { type Layout, blobPath } from "./layout.js";
import { newToken } from "../core/owner.js";
import { ignoreMissing, unlinkIfThere } from "./unlink.js";

/** An unfinished blob that this process alone works on, until one of commit, release, discard. */
export interface PartialBlob {
  /** Bytes that were there when it was claimed. */
  readonly length: number;
  /** A sha256 that has taken in the first `length` bytes, as they lie on the disk. */
  hashPrefix(signal: AbortSignal): Promise<Hash>;
  /** The first `length` bytes, as they lie on the disk. Each chunk is good until the next one. */
  readPrefix(signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** Writes all of the chunks, one after the other, from `position` on. */
  write(chunks: readonly Uint8Array[], position: number): Promise<void>;
  /** Throws everything away that was written, to start over. */
  truncate(): Promise<void>;
  /** Makes it the blob. The caller has hashed every byte: the store does not look again. */
  commit(): Promise<void>;
  /** Keeps what is there for whoever goes on. */
  release(): Promise<void>;
  discard(): Promise<void>;
}

/** An unfinished blob whose digest only its last byte tells. */
export interface ScratchBlob extends Omit<PartialBlob, "commit"> {
  /** Makes it the blob of this digest. The caller has hashed every byte: the store does not look again. */
  commitAs(digest: Digest, size: number): Promise<void>;
}

/** What an unfinished file is claimed for. */
export interface Claimable {
  /** Of the blob, or what a scratch is found again by. */
  readonly digest: Digest;
  /** The most bytes it may have. */
  readonly size: number;
  /** For messages; the digest and size when absent. */
  readonly what?: string;
}

/** The folder, and what keeps this process known as alive in it. */
export interface Place {
  readonly layout: Layout;
  readonly heartbeat: Heartbeat;
}

/**
 * Stores bytes that are at hand. Nobody is waited for and nobody is disturbed: whoever else works
 * on the same blob ends with the same bytes under the same name.
 */
export async function putWhole(place: Place, digest: Digest, bytes: Uint8Array): Promise<void> {
  const path = join(place.layout.partials, `${hexOf(digest)}.${newToken()}`);
  const blob = { digest, size: bytes.length };
  await (await open(path, "wx", 0o600)).close();
  place.heartbeat.add(path);
  const partial = new ClaimedPartial(place, blob, path);
  try {
    await partial.open();
    await partial.write([bytes], 0);
    await partial.commit();
  } finally {
    await partial.discard();
  }
}

export class ClaimedPartial implements PartialBlob, ScratchBlob {
  readonly #place: Place;
  readonly #blob: Claimable;
  readonly #path: string;
  #handle: FileHandle | undefined;
  #ended = false;
  length = 0;

  constructor(place: Place, blob: Claimable, path: string) {
    this.#place = place;
    this.#blob = blob;
    this.#path = path;
  }

  async open(): Promise<void> {
    this.#handle = await open(this.#path, constants.O_RDWR | constants.O_NOFOLLOW);
    const { size } = await this.#handle.stat();
    this.length = size;
    if (size > this.#blob.size) await this.truncate();
  }

  async hashPrefix(signal: AbortSignal): Promise<Hash> {
    const hash = createHash("sha256");
    for await (const chunk of this.readPrefix(signal)) hash.update(chunk);
    return hash;
  }

  async *readPrefix(signal: AbortSignal): AsyncGenerator<Uint8Array, void, void> {
    const handle = this.#open();
    const buffer = Buffer.allocUnsafe(Math.min(this.length, 1024 * 1024));
    for (let position = 0; position < this.length;) {
      if (signal.aborted) throw interrupted();
      const want = Math.min(buffer.length, this.length - position);
      const { bytesRead } = await this.#guard("reading", handle.read(buffer, 0, want, position));
      if (bytesRead === 0) throw this.#error(new Error("the file became shorter"), "reading");
      position += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  }

  async write(chunks: readonly Uint8Array[], position: number): Promise<void> {
    const handle = this.#open();
    let rest = chunks;
    let at = position;
    while (rest.length > 0) {
      // At most 1024 buffers go into one writev(2).
      const batch = rest.slice(0, 1024);
      const length = batch.reduce((sum, chunk) => sum + chunk.length, 0);
      const { bytesWritten } = await this.#guard("writing", handle.writev(batch, at));
      at += bytesWritten;
      // A short write is what a disk says just before it is full; going on brings the real error.
      const unwritten = bytesWritten < length ? [Buffer.concat(batch).subarray(bytesWritten)] : [];
      rest = [...unwritten, ...rest.slice(batch.length)];
    }
  }

  async truncate(): Promise<void> {
    await this.#guard("emptying", this.#open().truncate(0));
    this.length = 0;
  }

  async commit(): Promise<void> {
    await this.commitAs(this.#blob.digest, this.#blob.size);
  }

  /**
   * Killed before the rename: the file keeps our name, our process is gone, so the next run takes it
   * over and hashes it again. Killed after it: the blob is whole. The data is flushed before it gets
   * the blob's name, so a blob is whole after a power cut as well. The folder is not flushed: a
   * rename lost in a power cut leaves the unfinished file, complete.
   */
  async commitAs(digest: Digest, size: number): Promise<void> {
    const handle = this.#open();
    await this.#guard("flushing", handle.datasync());
    await this.#close();
    const path = blobPath(this.#place.layout, digest);
    try {
      await rename(this.#path, path);
    } catch (error) {
      // Taken over while this process slept for long, by one that may have finished first.
      if (systemCode(error) !== "ENOENT" || (await sizeOf(path)) !== size)
        throw this.#error(error, "storing");
    }
    this.#end();
  }

  async release(): Promise<void> {
    if (this.#ended) return;
    await this.#close();
    this.#end();
    const free = join(this.#place.layout.partials, hexOf(this.#blob.digest));
    const [mine, other] = await Promise.all([this.#path, free].map(sizeOf));
    // Losing a race here costs bytes that are fetched again, never a wrong byte.
    if (mine === undefined) return;
    if (mine === 0 || mine <= (other ?? 0)) await unlinkIfThere(this.#path);
    else await rename(this.#path, free).catch(ignoreMissing);
  }

  async discard(): Promise<void> {
    if (this.#ended) return;
    await this.#close();
    this.#end();
    await unlinkIfThere(this.#path);
  }

  #end(): void {
    this.#ended = true;
    this.#place.heartbeat.delete(this.#path);
  }

  async #close(): Promise<void> {
    await this.#handle?.close();
    this.#handle = undefined;
  }

  #open(): FileHandle {
    if (this.#handle !== undefined) return this.#handle;
    throw new BundlerError("INTERNAL", `The partial of ${this.#blob.digest} is not open.`);
  }

  async #guard<T>(doing: string, work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      throw this.#error(error, doing);
    }
  }

  #error(error: unknown, doing: string): unknown {
    const { digest, size, what = `${shortDigest(digest)} (${size} bytes)` } = this.#blob;
    return storeError(error, this.#place.layout.dir, `${doing} ${what}`);
  }
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch {
    return undefined;
  }
}
