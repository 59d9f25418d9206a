import { type Hash, createHash } from "node:crypto";
import type { Readable } from "node:stream";
import { type Digest, digestFromHex } from "../core/digest.js";
import type { PartialBlob } from "../store/store.js";

/**
 * Bytes that are gathered before they are written. Sockets give 64 KiB at most; a write call costs
 * as much for them as for a mebibyte.
 */
const GATHER_BYTES = 1024 * 1024;

/** Takes the bytes of a blob in order, hashes them, and writes them to its unfinished file. */
export class BlobSink {
  readonly #partial: PartialBlob;
  readonly #onTotal: (bytes: number) => void;
  #hash: Hash;
  /** Bytes handed to the disk. */
  #written: number;
  #gathered: Uint8Array[] = [];
  #gatheredBytes = 0;
  #writing: Promise<void> | undefined;
  /** Bytes taken in, and hashed. */
  received: number;

  private constructor(
    partial: PartialBlob,
    onTotal: (bytes: number) => void,
    hash: Hash,
    start: number,
  ) {
    this.#partial = partial;
    this.#onTotal = onTotal;
    this.#hash = hash;
    this.#written = start;
    this.received = start;
  }

  /**
   * Goes on behind what an earlier run left, after hashing that.
   * @param onTotal hears how many bytes are there, whenever that changes; less after a restart.
   */
  static async resume(
    partial: PartialBlob,
    onTotal: (bytes: number) => void,
    signal: AbortSignal,
  ): Promise<BlobSink> {
    const hash = await partial.hashPrefix(signal);
    if (partial.length > 0) onTotal(partial.length);
    return new BlobSink(partial, onTotal, hash, partial.length);
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
    await this.#partial.truncate();
    this.#hash = createHash("sha256");
    this.#written = 0;
    this.received = 0;
    this.#onTotal(0);
  }

  /** Of all bytes received. The sink can take no more afterwards, except after a restart. */
  digest(): Digest {
    return digestFromHex(this.#hash.digest("hex"));
  }

  #take(chunk: Uint8Array): void {
    this.#hash.update(chunk);
    this.received += chunk.length;
    this.#gathered.push(chunk);
    this.#gatheredBytes += chunk.length;
    this.#onTotal(this.received);
  }

  #write(onError: (error: unknown) => void): void {
    if (this.#gatheredBytes === 0) return;
    const work = this.#partial.write(this.#gathered, this.#written);
    this.#written += this.#gatheredBytes;
    this.#gathered = [];
    this.#gatheredBytes = 0;
    this.#writing = work.then(() => {
      this.#writing = undefined;
    });
    this.#writing.catch(onError);
  }
}

/** A body that is longer than its blob. */
export class TooLong extends Error {
  override readonly name = "TooLong";
}
