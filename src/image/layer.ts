import { createHash } from "node:crypto";
import { pipeline } from "node:stream/promises";
import * as zlib from "node:zlib";
import type { DiffId } from "../core/digest.js";
import { digestFromHex } from "../core/digest.js";
import { BundlerError, interrupted, isAbort, messageOf, systemCode } from "../core/errors.js";
import { type StreamedEntry, TarStreamReader } from "../tar/stream.js";
import type { Compression } from "./media-types.js";

export type LayerEntry = StreamedEntry;

export interface WalkLayerOptions {
  readonly signal: AbortSignal;
  /** What messages call the layer. */
  readonly name?: string;
  /** How many first bytes of each file `visit` gets. */
  readonly headBytes?: number;
}

/** What `zlib` hands over at a time, in bytes: with its own 16 KiB it is half as fast. */
const CHUNK = 256 * 1024;

/**
 * Goes through a layer once, as it streams by (OCI image-spec, layer.md): every entry in order, for
 * files with their first bytes, which are valid only during the call. Memory does not grow with the
 * layer.
 * @returns the layer's diffID: what went by is what the image's config must name.
 * @throws BundlerError INTEGRITY for damaged compression or a damaged tar; INTERRUPTED; whatever
 *   the stream throws.
 */
export async function walkLayer(
  stream: AsyncIterable<Uint8Array>,
  compression: Exclude<Compression, "zstd">,
  visit: (entry: LayerEntry, head: Buffer) => void,
  { signal, name = "The layer", headBytes = 64 }: WalkLayerOptions,
): Promise<DiffId> {
  const hash = createHash("sha256");
  const reader = new TarStreamReader({ name, headBytes, onEntry: visit });
  const take = (chunk: Uint8Array): void => {
    if (signal.aborted) throw interrupted();
    hash.update(chunk);
    reader.write(chunk);
  };
  await unpackLayer(stream, compression, take, { signal, name });
  reader.end();
  return digestFromHex(hash.digest("hex")) as string as DiffId;
}

/** Whether this Node.js unpacks zstd: from 22.15 on. */
export const UNPACKS_ZSTD = zstdDecompress() !== undefined;

/** What Node.js 20 does not have, its types neither. */
function zstdDecompress(): typeof zlib.createGunzip | undefined {
  const found: unknown = "createZstdDecompress" in zlib ? zlib.createZstdDecompress : undefined;
  return typeof found === "function" ? (found as typeof zlib.createGunzip) : undefined;
}

/**
 * Hands the bytes of a layer's tar over, in chunks of at most 256 KiB where it is compressed.
 * @throws BundlerError INTEGRITY for damaged compression, or zstd where {@link UNPACKS_ZSTD} is
 *   false; INTERRUPTED; whatever the stream or `take` throws.
 */
export async function unpackLayer(
  stream: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  compression: Compression,
  take: (chunk: Uint8Array) => void,
  { signal, name }: { readonly signal: AbortSignal; readonly name: string },
): Promise<void> {
  if (compression === "none") {
    for await (const chunk of stream) take(chunk);
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
  const source = async function* (): AsyncGenerator<Uint8Array, void, void> {
    try {
      yield* stream;
    } catch (error) {
      throw keep(error);
    }
  };
  const drain = async (chunks: AsyncIterable<Uint8Array>): Promise<void> => {
    for await (const chunk of chunks) {
      try {
        take(chunk);
      } catch (error) {
        throw keep(error);
      }
    }
  };
  try {
    await pipeline(source, unzip, drain, { signal });
  } catch (error) {
    const first = cause ?? error;
    if (isAbort(first) || signal.aborted) throw interrupted();
    // zlib's codes, and those of its zstd.
    if (!/^(Z_|ZSTD_|ERR_ZLIB|ERR__?ZSTD)/.test(systemCode(first) ?? "")) throw first;
    throw new BundlerError(
      "INTEGRITY",
      `${name} is no whole ${compression} stream: ${messageOf(first)}.`,
      {
        hint: "Fetch or build it again.",
        cause: first,
      },
    );
  }
}
