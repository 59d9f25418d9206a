import { type Hash, createHash } from "node:crypto";
import type { Readable } from "node:stream";
import { type Digest, digestFromHex } from "../core/digest.js";
import { BundlerError } from "../core/errors.js";

/**
 * Bytes that are gathered before they are written. Sockets give 64 KiB at most; a write call costs
 * as much for them as for a mebibyte.
 */
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
  #gathered: Uint8Array[] = [];
  #gatheredBytes = 0;
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
  async drain(body: Readable, size: number): Promise<void> {
    try {
      await new Promise<void>((resolve, reject) => {
        const stop = (error: unknown): void => {
          reject(error instanceof Error ? error : new Error(String(error)));
          body.destroy();
        };
        body.on("data", (chunk: Uint8Array) => {
          if (this.received + chunk.length > size) {
            stop(new TooLong());
            return;
          }
          this.#take(chunk);
          if (this.#gatheredBytes < GATHER_BYTES) return;
          if (this.#writing === undefined) {
            this.#write(stop);
            return;
          }
          body.pause();
          this.#writing.then(() => {
            this.#write(stop);
            body.resume();
          }, stop);
        });
        body.on("end", resolve);
        body.on("error", reject);
        body.on("close", () => reject(new Error("the answer was cut off")));
      });
    } finally {
      await this.#writing;
      this.#write(() => undefined);
      await this.#writing;
    }
  }

  /** Forgets all that came. */
  async restart(): Promise<void> {
    this.#gathered = [];
    this.#gatheredBytes = 0;
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

  #take(chunk: Uint8Array): void {
    for (const hash of this.#hashes.values()) hash.update(chunk);
    this.received += chunk.length;
    this.#gathered.push(chunk);
    this.#gatheredBytes += chunk.length;
    this.#onTotal(this.received);
  }

  #write(onError: (error: unknown) => void): void {
    if (this.#gatheredBytes === 0) return;
    const work = this.#file.write(this.#gathered, this.#written);
    this.#written += this.#gatheredBytes;
    this.#gathered = [];
    this.#gatheredBytes = 0;
    this.#writing = work.then(() => {
      this.#writing = undefined;
    });
    this.#writing.catch(onError);
  }
}

function startHashes(names: readonly HashName[]): ReadonlyMap<HashName, Hash> {
  return new Map(names.map((name) => [name, createHash(name)]));
}

/** A body that is longer than its blob. */
export class TooLong extends Error {
  override readonly name = "TooLong";
}
