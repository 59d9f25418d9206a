import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { type Digest, digestFromHex, hexOf } from "../core/digest.js";
import { interrupted } from "../core/errors.js";
import type { HashFailure } from "./hash-job.js";
import type { HashPool } from "./hash-pool.js";

/** Bytes of a record of how far a blob has come. */
const RECORD = 64;
const MAGIC = Buffer.from("obplace1");
/** Magic, count, digest: what the checksum is over. */
const CHECKED = 48;

/** Enough of a blob to see whether it was begun: compressed layers, tars and documents all begin with something. */
const BEGINNING = 512;

const CHUNK = 1024 * 1024;

/** What the places of one archive have in common. */
export interface Places {
  readonly handle: FileHandle;
  readonly pool: HashPool;
  /** Hears of bytes that came to their places, and of those that turned out to be wrong: less than 0. */
  readonly onBytes: (delta: number) => void;
  /** Explains why the archive cannot be written. */
  readonly cannotWrite: (cause: unknown) => Promise<unknown>;
  readonly cannotCopy: (failure: HashFailure) => Promise<unknown>;
}

/** What a copy from a file came to. */
export type Copied = "done" | "damaged" | "missing";

/**
 * A blob's place in an unfinished archive, or its places, where it stands in several image tarballs: all
 * are written from one buffer.
 *
 * While its bytes arrive, the last {@link RECORD} bytes of its first place hold a record of how many
 * there are, which the last bytes overwrite. Whoever goes on after a kill hashes what it speaks of
 * again: a record that is wrong costs time, never a wrong byte.
 */
export class BlobPlace {
  readonly digest: Digest;
  readonly size: number;
  /** In bytes, of the archive. */
  readonly offset: number;
  readonly #offsets: readonly number[];
  readonly #places: Places;
  /** `unknown`: an earlier run left bytes; nobody has looked yet what they are. */
  #state: "empty" | "unknown" | "partial" | "whole" = "empty";
  /** Bytes that an earlier run left, as its record says. */
  length = 0;
  /** Bytes that are written, from the first on. */
  #written = 0;
  /** Up to which byte anything was asked to be written. */
  #reach = 0;
  /** A record on its way to the disk: what overwrites it comes later. */
  #recording: Promise<void> = Promise.resolve();

  constructor(
    blob: { readonly digest: Digest; readonly size: number; readonly offsets: readonly number[] },
    places: Places,
  ) {
    this.digest = blob.digest;
    this.size = blob.size;
    this.#offsets = blob.offsets;
    this.offset = blob.offsets[0] ?? 0;
    this.#places = places;
  }

  get whole(): boolean {
    return this.#state === "whole";
  }

  /** Looks at what an earlier run left here. */
  async look(): Promise<void> {
    const { handle } = this.#places;
    const record = Buffer.alloc(Math.min(RECORD, this.size));
    await handle.read(record, 0, record.length, this.offset + this.size - record.length);
    const count = readRecord(record, this.digest);
    if (count !== undefined && count <= this.size - RECORD) {
      this.length = count;
      this.#state = "partial";
      return;
    }
    const beginning = Buffer.alloc(Math.min(BEGINNING, this.size));
    await handle.read(beginning, 0, beginning.length, this.offset);
    this.#state = beginning.some((byte) => byte !== 0) ? "unknown" : "empty";
  }

  /** Whether all bytes are here and right. What an earlier run may have left whole is hashed. */
  async holds(): Promise<boolean> {
    if (this.#state === "unknown") {
      this.#state = "empty";
      const { handle, pool, cannotCopy } = this.#places;
      const outcome = await pool.run({
        sources: [{ fd: handle.fd, offset: this.offset, length: this.size }],
        targets: this.#targets.slice(1),
      });
      if ("failure" in outcome && outcome.failure.stage === "write")
        throw await cannotCopy(outcome.failure);
      if (!("failure" in outcome) && digestFromHex(outcome.sha256) === this.digest) {
        this.#state = "whole";
        this.#count(this.size);
      }
    }
    return this.whole;
  }

  /**
   * Copies the blob from a file, hashing it on the way, on a thread of its own.
   * @throws BundlerError DISK, FILE when the archive cannot be written, INTERRUPTED.
   */
  async copy(file: string): Promise<Copied> {
    const { pool, onBytes, cannotCopy } = this.#places;
    await this.#recording;
    this.#count(0);
    this.#reach = this.size;
    this.length = 0;
    this.#state = "empty";
    let told = 0;
    const outcome = await pool.run(
      { sources: [{ path: file, length: this.size }], targets: this.#targets },
      (delta) => {
        told += delta * this.#offsets.length;
        onBytes(delta * this.#offsets.length);
      },
    );
    if (!("failure" in outcome) && digestFromHex(outcome.sha256) === this.digest) {
      this.#written = this.size;
      this.#state = "whole";
      return "done";
    }
    onBytes(-told);
    if (!("failure" in outcome)) return "damaged";
    const { failure } = outcome;
    if (failure.code === "ENOENT") return "missing";
    // A disk that cannot read it any more has lost it as much as one that changed it.
    if (failure.stage === "size" || failure.stage === "read") return "damaged";
    throw await cannotCopy(failure);
  }

  /** The bytes that an earlier run left; the other places get them again. */
  async *readPrefix(signal: AbortSignal): AsyncGenerator<Uint8Array, void, void> {
    const { handle } = this.#places;
    const buffer = Buffer.allocUnsafe(Math.min(this.length, CHUNK));
    for (let position = 0; position < this.length;) {
      if (signal.aborted) throw interrupted();
      const want = Math.min(buffer.length, this.length - position);
      const { bytesRead } = await handle.read(buffer, 0, want, this.offset + position);
      if (bytesRead === 0) throw new Error("The unfinished archive became shorter.");
      const chunk = buffer.subarray(0, bytesRead);
      await this.#writeTo(this.#offsets.slice(1), [chunk], position);
      position += bytesRead;
      this.#count(position);
      yield chunk;
    }
    this.#reach = this.length;
    this.#state = "partial";
  }

  /** Writes all of the chunks, one after the other, from `position` of the blob on. */
  async write(chunks: readonly Uint8Array[], position: number): Promise<void> {
    const end = position + chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    this.#reach = end;
    if (end > this.size - RECORD) await this.#recording;
    await this.#writeTo(this.#offsets, chunks, position);
    this.#state = "partial";
    this.#count(end);
  }

  /** Forgets what was written, to start over. */
  async truncate(): Promise<void> {
    await this.#recording;
    this.#count(0);
    this.#reach = 0;
    this.length = 0;
    this.#state = "empty";
    if (this.size >= RECORD) await this.#write(Buffer.alloc(RECORD), this.size - RECORD);
  }

  /** All bytes are written, and the caller has hashed them. */
  finish(): void {
    if (this.#written !== this.size) throw new Error(`${this.digest} is not whole.`);
    this.#state = "whole";
  }

  /** Bytes that a record can speak of now; undefined where there is nothing to be recorded. */
  get recordable(): number | undefined {
    const fits = this.#state === "partial" && this.#reach <= this.size - RECORD;
    return fits && this.#written > 0 ? this.#written : undefined;
  }

  /** Writes down that so many bytes are there. */
  async record(count: number): Promise<void> {
    if (this.recordable === undefined) return;
    this.#recording = this.#write(makeRecord(count, this.digest), this.size - RECORD);
    await this.#recording;
  }

  get #targets(): readonly { readonly fd: number; readonly offset: number }[] {
    return this.#offsets.map((offset) => ({ fd: this.#places.handle.fd, offset }));
  }

  #count(written: number): void {
    const delta = written - this.#written;
    this.#written = written;
    if (delta !== 0) this.#places.onBytes(delta * this.#offsets.length);
  }

  async #write(bytes: Buffer, position: number): Promise<void> {
    await this.#writeTo(this.#offsets.slice(0, 1), [bytes], position);
  }

  async #writeTo(
    offsets: readonly number[],
    chunks: readonly Uint8Array[],
    position: number,
  ): Promise<void> {
    const { handle, cannotWrite } = this.#places;
    try {
      await Promise.all(offsets.map((offset) => writeAll(handle, chunks, offset + position)));
    } catch (error) {
      throw await cannotWrite(error);
    }
  }
}

/** Writes chunks one after the other to a place in a file. */
export async function writeAll(
  handle: FileHandle,
  chunks: readonly Uint8Array[],
  position: number,
): Promise<void> {
  let rest = chunks;
  let at = position;
  while (rest.length > 0) {
    // At most 1024 buffers go into one writev(2).
    const batch = rest.slice(0, 1024);
    const length = batch.reduce((sum, chunk) => sum + chunk.length, 0);
    const { bytesWritten } = await handle.writev(batch, at);
    at += bytesWritten;
    // A short write is what a disk says just before it is full; going on brings the real error.
    const unwritten = bytesWritten < length ? [Buffer.concat(batch).subarray(bytesWritten)] : [];
    rest = [...unwritten, ...rest.slice(batch.length)];
  }
}

function makeRecord(count: number, digest: Digest): Buffer {
  const record = Buffer.alloc(RECORD);
  MAGIC.copy(record, 0);
  record.writeBigUInt64BE(BigInt(count), 8);
  Buffer.from(hexOf(digest), "hex").copy(record, 16);
  checksum(record).copy(record, CHECKED);
  return record;
}

function readRecord(record: Buffer, digest: Digest): number | undefined {
  if (record.length < RECORD) return undefined;
  const sound =
    record.subarray(0, 8).equals(MAGIC) &&
    record.toString("hex", 16, CHECKED) === hexOf(digest) &&
    record.subarray(CHECKED).equals(checksum(record));
  return sound ? Number(record.readBigUInt64BE(8)) : undefined;
}

function checksum(record: Buffer): Buffer {
  const hash = createHash("sha256").update(record.subarray(0, CHECKED));
  return hash.digest().subarray(0, RECORD - CHECKED);
}
