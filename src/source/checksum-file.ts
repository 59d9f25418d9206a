import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { type Hash, createHash } from "node:crypto";
import type { Checksum } from "../core/checksum.js";
import { type Digest, digestFromHex } from "../core/digest.js";
import { interrupted } from "../core/errors.js";

export type Algorithm = "sha256" | "sha512";

export function algorithmOf(checksum: Checksum): Algorithm {
  return checksum.startsWith("sha256:") ? "sha256" : "sha512";
}

export interface ChecksummedFile {
  /** Bytes. */
  readonly size: number;
  readonly checksum: Checksum;
  readonly digest: Digest;
}

/**
 * Reads a regular file once, for its sha256 and one checksum more.
 * @throws what the file system threw; Error for what is no regular file; BundlerError INTERRUPTED.
 */
export async function checksumFile(
  path: string,
  algorithm: Algorithm,
  signal: AbortSignal,
): Promise<ChecksummedFile> {
  // Opening a pipe that nobody writes to would wait for ever.
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    if (!(await handle.stat()).isFile()) throw new Error("it is not a regular file");
    const sha256 = createHash("sha256");
    const hashes: readonly Hash[] =
      algorithm === "sha256" ? [sha256] : [sha256, createHash(algorithm)];
    let size = 0;
    const chunks = handle.createReadStream({ autoClose: false, highWaterMark: 1024 * 1024 });
    for await (const chunk of chunks as AsyncIterable<Buffer>) {
      if (signal.aborted) throw interrupted();
      for (const hash of hashes) hash.update(chunk);
      size += chunk.length;
    }
    const [hex = "", other = hex] = hashes.map((hash) => hash.digest("hex"));
    return { size, checksum: `${algorithm}:${other}`, digest: digestFromHex(hex) };
  } finally {
    await handle.close();
  }
}
