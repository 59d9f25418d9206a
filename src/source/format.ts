import { open } from "node:fs/promises";
import { BundlerError, messageOf } from "../core/errors.js";

const MAGIC = {
  zip: [0x50, 0x4b, 0x03, 0x04],
  "empty zip": [0x50, 0x4b, 0x05, 0x06],
  "empty zip64": [0x50, 0x4b, 0x06, 0x06],
  gzip: [0x1f, 0x8b],
  zstd: [0x28, 0xb5, 0x2f, 0xfd],
  xz: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00],
  bzip2: [0x42, 0x5a, 0x68],
} as const;

/** `tar` where nothing says otherwise: whoever reads it finds out. */
type Packing = "zip" | "gzip" | "tar";

/**
 * How a source is packed, by its first bytes: names and definitions can be wrong.
 * @throws BundlerError INTEGRITY for a compression that is not read here; FILE.
 */
export async function packingOf(name: string, path: string): Promise<Packing> {
  const start = await firstBytes(name, path);
  const kind = (Object.keys(MAGIC) as (keyof typeof MAGIC)[]).find((key) =>
    start.subarray(0, MAGIC[key].length).equals(Buffer.from(MAGIC[key])),
  );
  switch (kind) {
    case undefined:
      return "tar";
    case "zip":
    case "empty zip":
    case "empty zip64":
      return "zip";
    case "gzip":
      return "gzip";
    default:
      throw new BundlerError(
        "INTEGRITY",
        `Source ${name}: ${path}: it is compressed with ${kind}, which is not read here.`,
        {
          hint: "Give it as a zip, a tar.gz or a plain tar.",
          details: { source: name, file: path },
        },
      );
  }
}

/** @throws as `packingOf`. */
export async function formatOf(name: string, path: string): Promise<"zip" | "tar.gz"> {
  return (await packingOf(name, path)) === "zip" ? "zip" : "tar.gz";
}

async function firstBytes(name: string, path: string): Promise<Buffer> {
  try {
    const handle = await open(path);
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(8), 0, 8, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch (cause) {
    throw new BundlerError("FILE", `Source ${name}: ${path} cannot be read: ${messageOf(cause)}`, {
      details: { source: name, file: path },
      cause,
    });
  }
}
