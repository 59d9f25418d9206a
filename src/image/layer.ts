import { createHash } from "node:crypto";
import type { DiffId } from "../core/digest.js";
import { digestFromHex } from "../core/digest.js";
import { interrupted } from "../core/errors.js";
import { type StreamedEntry, TarStreamReader } from "../tar/stream.js";
import { type UnpackOptions, unpackedChunks } from "./unpack.js";

export type LayerEntry = StreamedEntry;

export interface WalkLayerOptions {
  readonly signal: AbortSignal;
  /** What messages call the layer. */
  readonly name?: string;
  /** See {@link UnpackOptions}. */
  readonly only?: UnpackOptions["only"];
  /** How many first bytes of each file `visit` gets. */
  readonly headBytes?: number;
}

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
  visit: (entry: LayerEntry, head: Buffer) => void,
  { signal, name = "The layer", only, headBytes = 64 }: WalkLayerOptions,
): Promise<DiffId> {
  const hash = createHash("sha256");
  const reader = new TarStreamReader({ name, headBytes, onEntry: visit });
  const take = (chunk: Uint8Array): void => {
    if (signal.aborted) throw interrupted();
    hash.update(chunk);
    reader.write(chunk);
  };
  await unpackLayer(stream, take, { signal, name, ...(only === undefined ? {} : { only }) });
  reader.end();
  return digestFromHex(hash.digest("hex")) as string as DiffId;
}

/**
 * Hands the bytes of a layer's tar over, in chunks of at most 256 KiB where it is compressed.
 * @throws BundlerError INTEGRITY for damaged compression, or zstd where {@link UNPACKS_ZSTD} is
 *   false; INTERRUPTED; whatever the stream or `take` throws.
 */
export async function unpackLayer(
  stream: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  take: (chunk: Uint8Array) => void,
  options: UnpackOptions,
): Promise<void> {
  for await (const chunk of unpackedChunks(stream, options)) take(chunk);
}
