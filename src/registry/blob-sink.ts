import { type Hash, createHash } from "node:crypto";
import type { Readable } from "node:stream";
import { type Digest, digestFromHex } from "../core/digest.js";
import { BundlerError } from "../core/errors.js";
import type { PartialBlob } from "../store/store.js";

/**
 * Bytes that are gathered before they are written. Sockets give 64 KiB at most; a write call costs
 * as much for them as for a mebibyte.
 */
const GATHER_BYTES = 1024 * 1024;

export type HashName = "sha256" | "sha512";

type UnfinishedFile = Pick<PartialBlob, "length" | "readPrefix" | "write" | "truncate">;

/** Takes the bytes of a blob in order, hashes them, and writes them to its unfinished file. */
export class BlobSink {
  readonly #partial: UnfinishedFile;
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
    partial: UnfinishedFile,
    onTotal: (bytes: number) => void,
    hashes: ReadonlyMap<HashName, Hash>,
    start: number,
  ) {
    this.#partial = partial;
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
    partial: UnfinishedFile,
    onTotal: (bytes: number) => void,
    signal: AbortSignal,
    also?: HashName,
  ): Promise<BlobSink> {
    const hashes = startHashes(also === undefined ? ["sha256"] : ["sha256", also]);
    for await (const chunk of partial.readPrefix(signal)) {
      for (const hash of hashes.values()) hash.update(chunk);
    }
    if (partial.length > 0) onTotal(partial.length);
    return new BlobSink(partial, onTotal, hashes, partial.length);
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

function startHashes(names: readonly HashName[]): ReadonlyMap<HashName, Hash> {
  return new Map(names.map((name) => [name, createHash(name)]));
}

/** A body that is longer than its blob. */
export class TooLong extends Error {
  override readonly name = "TooLong";
}
