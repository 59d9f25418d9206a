import { pipeline } from "node:stream/promises";
import * as zlib from "node:zlib";
import { BundlerError, interrupted, isAbort, messageOf, systemCode } from "../core/errors.js";
import type { Compression } from "./media-types.js";
import { MAGIC_BYTES, compressionOf } from "./compression.js";

/** What `zlib` hands over at a time, in bytes: with its own 16 KiB it is half as fast. */
const CHUNK = 256 * 1024;

export interface UnpackOptions {
  readonly signal: AbortSignal;
  /** What messages call the layer. */
  readonly name: string;
  /** What it must be, where not only engines read it. */
  readonly only?: Compression;
}

/** Whether this Node.js unpacks zstd: from 22.15 on. */
export const UNPACKS_ZSTD = zstdDecompress() !== undefined;

/** What Node.js 20 does not have, its types neither. */
function zstdDecompress(): typeof zlib.createGunzip | undefined {
  const found: unknown = "createZstdDecompress" in zlib ? zlib.createZstdDecompress : undefined;
  return typeof found === "function" ? (found as typeof zlib.createGunzip) : undefined;
}

/**
 * A layer's tar as it comes out of its stored bytes, whose beginning says how they are compressed; in
 * chunks of at most 256 KiB where they are. Whoever stops listening stops the reading, too.
 * @throws BundlerError INTEGRITY for damaged compression, or zstd where {@link UNPACKS_ZSTD} is
 *   false; INTERRUPTED; whatever the stream throws.
 */
export async function* unpackedChunks(
  stored: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  { signal, name, only }: UnpackOptions,
): AsyncGenerator<Uint8Array, void, void> {
  const { head, stream } = await begin(stored);
  const compression = compressionOf(head);
  if (only !== undefined && compression !== only) {
    throw new BundlerError("INTEGRITY", `${name} is no ${only} file.`);
  }
  if (compression === "none") {
    for await (const chunk of stream) {
      if (signal.aborted) throw interrupted();
      yield chunk;
    }
    return;
  }
  const create = compression === "gzip" ? zlib.createGunzip : zstdDecompress();
  if (create === undefined) {
    throw new BundlerError(
      "INTEGRITY",
      `${name} is compressed with zstd, which Node.js ${process.versions.node} cannot unpack.`,
      { hint: "Use Node.js 22.15 or later." },
    );
  }
  // A pipeline that fails reports whichever of its streams it tore down first, so the first cause
  // is kept where it comes up.
  let cause: unknown;
  const keep = (error: unknown): unknown => (cause ??= error);
  const unzip = create({ chunkSize: CHUNK }).once("error", keep);
  let fed = 0;
  const source = async function* (): AsyncGenerator<Uint8Array, void, void> {
    try {
      for await (const chunk of stream) {
        fed += chunk.length;
        yield chunk;
      }
    } catch (error) {
      throw keep(error);
    }
  };
  const feeding = pipeline(source, unzip, { signal }).catch(keep);
  try {
    for await (const chunk of unzip) yield chunk as Buffer;
    await feeding;
    const behind = fed - unzip.bytesWritten;
    if (cause === undefined && compression === "gzip" && behind > 0) {
      throw new BundlerError(
        "INTEGRITY",
        `${name} has ${behind} bytes behind the end of its gzip stream, which engines refuse.`,
        { hint: "Build the image again.", details: { behind } },
      );
    }
  } catch (error) {
    if (error instanceof BundlerError) throw error;
    const first = cause ?? error;
    if (isAbort(first) || signal.aborted) throw interrupted();
    // zlib's codes, and those of its zstd.
    if (!/^(Z_|ZSTD_|ERR_ZLIB|ERR__?ZSTD)/.test(systemCode(first) ?? "")) throw first;
    throw new BundlerError(
      "INTEGRITY",
      `${name} is no whole ${compression} stream: ${messageOf(first)}.`,
      { hint: "Fetch or build it again.", cause: first },
    );
  } finally {
    // Reading goes on in the background otherwise, of a file that is about to be closed.
    unzip.destroy();
    await feeding;
  }
}

/** The first bytes of a stream, and the whole of it. */
async function begin(stored: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<{
  readonly head: Buffer;
  readonly stream: AsyncGenerator<Uint8Array, void, void>;
}> {
  const chunks =
    Symbol.asyncIterator in stored ? stored[Symbol.asyncIterator]() : stored[Symbol.iterator]();
  let head = Buffer.alloc(0);
  const first: Uint8Array[] = [];
  let ended = false;
  while (head.length < MAGIC_BYTES && !ended) {
    const next = await chunks.next();
    ended = next.done === true;
    if (next.done === true) break;
    first.push(next.value);
    head = Buffer.concat([head, next.value.subarray(0, MAGIC_BYTES - head.length)]);
  }
  const stream = async function* (): AsyncGenerator<Uint8Array, void, void> {
    try {
      yield* first;
      while (!ended) {
        const next = await chunks.next();
        if (next.done === true) {
          ended = true;
        } else yield next.value;
      }
    } finally {
      if (!ended) await chunks.return?.();
    }
  };
  return { head, stream: stream() };
}
