import { BundlerError } from "../core/errors.js";
import type { Descriptor } from "./descriptor.js";
import { unpackedChunks } from "./unpack.js";
import { type TarWindow, readAt, streamWindow } from "../tar/window.js";
import { MAGIC_BYTES, compressionOf } from "./compression.js";
import type { Compression } from "./media-types.js";

const KIB = 1024;
const GIB = 1024 ** 3;

/** What layers are taken to unpack to where they do not tell: programs compress to about a third. */
const USUAL_RATIO = 4;

/** As a blob's own size is limited; what claims to be more is not believed. */
const LARGEST = 2 ** 40;

/** The most that a zstd frame's header takes (RFC 8878, 3.1.1.1). */
const ZSTD_HEADER = 18;

/** The end of a gzip member that holds ISIZE. */
const GZIP_SIZE = 4;

/** A layer's blob as far as its unpacked size can be told from it. */
interface LayerEnds {
  /** In bytes, as it lies in the store. */
  readonly size: number;
  /** Its first bytes, {@link ZSTD_HEADER} of them where there are as many. */
  readonly head: Buffer;
  /** Its last bytes, {@link GZIP_SIZE} of them where there are as many. */
  readonly tail: Buffer;
}

/**
 * The bytes of a layer's tar, without unpacking it. Exact for a plain tar, for a gzip file of one
 * member that is below 4 GiB unpacked, and for a zstd frame that tells; an estimate otherwise. What
 * the engine's disk takes is near it, a little more for many small files.
 */
export function unpackedSize(layer: LayerEnds): number {
  const { size } = layer;
  const compression = compressionOf(layer.head);
  if (compression === "none") return size;
  const usual = USUAL_RATIO * size;
  const told = toldSize(layer, compression);
  if (told === undefined || told > LARGEST) return usual;
  // The size of the last of several members, or one of 4 GiB and more that was cut (RFC 1952, 2.3.1).
  if (!explains(told, size)) return usual;
  return compression === "gzip" && size >= GIB ? Math.max(usual, told) : told;
}

function toldSize({ head, tail }: LayerEnds, compression: Compression): number | undefined {
  if (compression === "zstd") return zstdContentSize(head);
  if (tail.length < GZIP_SIZE) return undefined;
  return tail.readUInt32LE(tail.length - GZIP_SIZE);
}

/** Frame_Content_Size of a zstd frame's header (RFC 8878, 3.1.1.1); undefined where it has none. */
function zstdContentSize(head: Buffer): number | undefined {
  if (head.length < 6 || head.readUInt32LE(0) !== 0xfd2fb528) return undefined;
  const descriptor = head.readUInt8(4);
  const flag = descriptor >> 6;
  const singleSegment = (descriptor & 0x20) !== 0;
  const dictionary = [0, 1, 2, 4][descriptor & 3] ?? 0;
  const at = 5 + (singleSegment ? 0 : 1) + dictionary;
  const length = flag === 0 ? (singleSegment ? 1 : 0) : 2 ** flag;
  if (length === 0 || head.length < at + length) return undefined;
  switch (length) {
    case 1:
      return head.readUInt8(at);
    case 2:
      return head.readUInt16LE(at) + 256;
    case 4:
      return head.readUInt32LE(at);
    default:
      return Number(head.readBigUInt64LE(at));
  }
}

/**
 * {@link unpackedSize} of a layer, wherever its blob lies. One of several gzip members, which tells of
 * the last alone, is unpacked and counted.
 * @throws BundlerError INTEGRITY when it ends early; Error of the system when it cannot be read.
 */
export async function readUnpackedSize(
  { size }: Pick<Descriptor, "size">,
  blob: TarWindow,
): Promise<number> {
  const tail = Math.min(GZIP_SIZE, size);
  const ends = {
    size,
    head: await readAt(blob, 0, Math.min(ZSTD_HEADER, size)),
    tail: await readAt(blob, size - tail, tail),
  };
  const estimate = unpackedSize(ends);
  const told = toldSize(ends, "gzip");
  if (compressionOf(ends.head) !== "gzip" || told === undefined || explains(told, size)) {
    return estimate;
  }
  const { signal } = new AbortController();
  let counted = 0;
  try {
    for await (const chunk of unpackedChunks(streamWindow(blob, signal), {
      signal,
      name: "layer",
    })) {
      counted += chunk.length;
    }
    return counted;
  } catch (error) {
    // What cannot be unpacked is verify's to tell.
    if (error instanceof BundlerError && error.code === "INTEGRITY") return estimate;
    throw error;
  }
}

/** What cannot be compressed grows by less than a thousandth, beside headers and names. */
function explains(unpacked: number, size: number): boolean {
  return unpacked + unpacked / 1000 + KIB >= size;
}

/**
 * How a layer is compressed, wherever its blob lies.
 * @throws Error of the system when it cannot be read.
 */
export async function readCompression(blob: TarWindow): Promise<Compression> {
  return compressionOf(await readAt(blob, 0, Math.min(blob.length, MAGIC_BYTES)));
}
