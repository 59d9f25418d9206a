import { type Compression, isOldLayerType, layerCompression } from "./media-types.js";

/** As many of a file's first bytes as {@link formatOf} looks at. */
export const MAGIC_BYTES = 6;

/** How a file is compressed, by its first bytes; undefined for one that is not. */
export function formatOf(head: Buffer): "gzip" | "zstd" | "xz" | "bzip2" | undefined {
  const begins = (...magic: number[]): boolean =>
    head.subarray(0, magic.length).equals(Buffer.from(magic));
  // RFC 1952, 2.3.1: deflate is the only method there is.
  if (begins(0x1f, 0x8b, 0x08)) return "gzip";
  if (begins(0x28, 0xb5, 0x2f, 0xfd)) return "zstd";
  // RFC 8878, 3.1.2: a frame to be skipped may come first.
  if (head.length >= 4 && (head.readUInt32LE(0) & 0xfffffff0) >>> 0 === 0x184d2a50) return "zstd";
  if (begins(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00)) return "xz";
  return begins(0x42, 0x5a, 0x68) ? "bzip2" : undefined;
}

/**
 * How a layer is compressed, by its first bytes, {@link MAGIC_BYTES} of them: so do the engines find
 * out, whatever its media type says.
 */
export function compressionOf(head: Buffer): Compression {
  const format = formatOf(head);
  return format === "gzip" || format === "zstd" ? format : "none";
}

/**
 * Why containerd, and Docker where it keeps images in it, do not unpack a layer that others do; the
 * end of a sentence. They look at the bytes as well, except that OCI's type for plain tars is taken at
 * its word.
 */
export function refusedBecause(mediaType: string, found: Compression): string | undefined {
  if (isOldLayerType(mediaType)) return `it has the media type ${mediaType}`;
  if (found === "none" || layerCompression(mediaType) !== "none") return undefined;
  if (!mediaType.startsWith("application/vnd.oci.")) return undefined;
  return `it is compressed with ${found}, and its media type ${mediaType} says that it is not`;
}
