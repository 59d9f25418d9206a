import { type Hash, createHash } from "node:crypto";
import { type Digest, digestFromHex } from "../core/digest.js";
import { BundlerError } from "../core/errors.js";
import type { Body } from "./body.js";

/** Bytes that are gathered before they are written: small writes cost as much as large ones. */
const GATHER_BYTES = 1024 * 1024;

export type HashName = "sha256" | "sha512";

/** Where bytes go; `store/` has one. */
export interface UnfinishedFile {
  /** Bytes that an earlier run left. */
  readonly length: number;
  /** Those bytes. */
  readPrefix(signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** Writes at an offset. */
  write(chunks: readonly Uint8Array[], position: number): Promise<void>;
  /** Forgets all bytes. */
  truncate(): Promise<void>;
}

/** Takes the bytes of a body in order, hashes them, and writes them to an unfinished file. */
export class BodySink {
  readonly #file: UnfinishedFile;
  readonly #onTotal: (bytes: number) => void;
  #hashes: ReadonlyMap<HashName, Hash>;
  /** Bytes handed to the disk. */
  #written: number;
  /** Where bytes are gathered, and how many are. */
  #gathering: Uint8Array | undefined;
  #gathered = 0;
  /** Free for the next gathering. */
  #spare: Uint8Array | undefined;
  readonly #surplus = new Uint8Array(1);
  #writing: Promise<void> | undefined;
  /** Bytes taken in, and hashed. */
  received: number;

  private constructor(
    file: UnfinishedFile,
    onTotal: (bytes: number) => void,
    hashes: ReadonlyMap<HashName, Hash>,
    start: number,
  ) {
    this.#file = file;
    this.#onTotal = onTotal;
    this.#hashes = hashes;
    this.#written = start;
    this.received = start;
  }

  /**
   * Goes on behind what an earlier run left, after hashing that.
   * @param onTotal hears how many bytes are there, whenever that changes; less after a restart.
   * @param also hashed with, besides sha256.
   */
  static async resume(
    file: UnfinishedFile,
    onTotal: (bytes: number) => void,
    signal: AbortSignal,
    also?: HashName,
  ): Promise<BodySink> {
    const hashes = startHashes(also === undefined ? ["sha256"] : ["sha256", also]);
    for await (const chunk of file.readPrefix(signal)) {
      for (const hash of hashes.values()) hash.update(chunk);
    }
    if (file.length > 0) onTotal(file.length);
    return new BodySink(file, onTotal, hashes, file.length);
  }

  /**
   * Takes an answer's body to its end, at most up to `size` bytes in all, never holding more than
   * two gatherings in memory.
   * @throws TooLong when the body goes on after that; what the connection or the disk threw.
   *   What came before is kept.
   */
  async drain(body: Body, size: number): Promise<void> {
    const room = (): Uint8Array => {
      const left = size - this.received;
      if (left <= 0) return this.#surplus;
      this.#gathering ??= Buffer.allocUnsafe(Math.min(GATHER_BYTES, left));
      return this.#gathering.subarray(this.#gathered, this.#gathered + left);
    };
    const filled = (bytes: number): Promise<void> | undefined => {
      if (this.received + bytes > size) throw new TooLong();
      this.#gathered += bytes;
      this.received += bytes;
      this.#onTotal(this.received);
      return this.#gathered < (this.#gathering?.length ?? 0) ? undefined : this.#flush();
    };
    try {
      await body.read({ room, filled });
    } finally {
      await this.#flush();
      await this.#writing;
    }
  }

  /** Forgets all that came. */
  async restart(): Promise<void> {
    this.#gathered = 0;
    await this.#file.truncate();
    this.#hashes = startHashes([...this.#hashes.keys()]);
    this.#written = 0;
    this.received = 0;
    this.#onTotal(0);
  }

  /** Of all bytes received so far. */
  digest(): Digest {
    return digestFromHex(this.hex("sha256"));
  }

  /** Of all bytes received so far, by one of the hashes that were asked for at the start. */
  hex(name: HashName): string {
    const hash = this.#hashes.get(name);
    if (hash === undefined) throw new BundlerError("INTERNAL", `No ${name} was kept.`);
    return hash.copy().digest("hex");
  }

  /** Hands what is gathered to the disk, which may still be writing what was gathered before. */
  #flush(): Promise<void> | undefined {
    const full = this.#gathering;
    if (full === undefined || this.#gathered === 0) return undefined;
    const bytes = full.subarray(0, this.#gathered);
    for (const hash of this.#hashes.values()) hash.update(bytes);
    const write = (): void => {
      const work = this.#file.write([bytes], this.#written);
      this.#written += bytes.length;
      this.#writing = work.then(() => {
        this.#writing = undefined;
        this.#spare = full;
      });
      this.#writing.catch(() => undefined);
    };
    this.#gathered = 0;
    this.#gathering = this.#spare;
    this.#spare = undefined;
    if (this.#writing === undefined) {
      write();
      return undefined;
    }
    return this.#writing.then(() => {
      this.#gathering = this.#spare;
      this.#spare = undefined;
      write();
    });
  }
}

function startHashes(names: readonly HashName[]): ReadonlyMap<HashName, Hash> {
  return new Map(names.map((name) => [name, createHash(name)]));
}

/** A body that is longer than its blob. */
export class TooLong extends Error {
  override readonly name = "TooLong";
}
