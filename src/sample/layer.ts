import { createCipheriv, createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { type DiffId, type Digest, digestOf } from "../core/digest.js";
import { layoutTar, tarPieces } from "../tar/layout.js";

/** When everything in the samples was made, so that their digests never change. */
export const SAMPLE_DATE = new Date("2024-01-01T00:00:00Z");

/** A file of a sample layer. */
export interface LayerFile {
  /** Relative to the image's root, with forward slashes. */
  readonly path: string;
  readonly content: Buffer | string;
  readonly executable?: boolean;
}

/** A layer as it is sent, and as an engine unpacks it. */
export interface SampleLayer {
  readonly tar: Buffer;
  readonly diffId: DiffId;
  readonly gzip: Buffer;
  readonly digest: Digest;
}

/** Packs files into a layer; the same files give the same bytes on every machine. */
export function makeLayer(files: readonly LayerFile[]): SampleLayer {
  const tar = makeTar(files);
  const gzip = storeGzip(tar);
  return { tar, diffId: digestOf(tar) as string as DiffId, gzip, digest: digestOf(gzip) };
}

/** Bytes that no compressor makes smaller, the same for the same seed. */
export function incompressible(seed: string, size: number): Buffer {
  const key = createHash("sha256").update(seed).digest();
  return createCipheriv("aes-256-ctr", key, Buffer.alloc(16)).update(Buffer.alloc(size));
}

/** A tar in memory, with the folders that its files need. */
export function makeTar(files: readonly LayerFile[]): Buffer {
  const inputs = files.map(({ path, content, executable = false }) => {
    const bytes = Buffer.from(content);
    return { path, executable, size: bytes.length, content: bytes };
  });
  const pieces = tarPieces(layoutTar(inputs, SAMPLE_DATE.getTime() / 1000));
  return Buffer.concat(
    pieces.map((piece) => ("bytes" in piece ? piece.bytes : piece.entry.content)),
  );
}

/**
 * Gzip without compression (RFC 1952 around RFC 1951's stored blocks). zlib's own output differs
 * between versions and processors, and the samples' digests must not.
 */
function storeGzip(data: Buffer): Buffer {
  const limit = 0xffff;
  const parts: Buffer[] = [Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff])];
  for (let at = 0; at === 0 || at < data.length; at += limit) {
    const block = data.subarray(at, at + limit);
    const head = Buffer.alloc(5);
    head.writeUInt8(at + limit >= data.length ? 1 : 0, 0);
    head.writeUInt16LE(block.length, 1);
    head.writeUInt16LE(block.length ^ 0xffff, 3);
    parts.push(head, block);
  }
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(crc32(data), 0);
  trailer.writeUInt32LE(data.length % 2 ** 32, 4);
  return Buffer.concat([...parts, trailer]);
}
