import type { FileHandle } from "node:fs/promises";

/** Where POSIX tar (pax, "ustar Interchange Format") and GNU tar both write "ustar". */
const TAR_MAGIC = { text: "ustar", offset: 257 };

/**
 * Why a file cannot be an archive at all, by its first bytes; undefined when it may be one, whole
 * or damaged.
 */
export async function notATar(handle: FileHandle, size: number): Promise<string | undefined> {
  if (size === 0) return "It is empty.";
  const { text, offset } = TAR_MAGIC;
  const start = Buffer.alloc(offset + text.length);
  const { bytesRead } = await handle.read(start, 0, start.length, 0);
  const head = start.subarray(0, bytesRead);
  // RFC 1952, section 2.3.1.
  if (head[0] === 0x1f && head[1] === 0x8b) return "It is gzip-compressed; gunzip it first.";
  const isTar = head.toString("latin1", offset) === text;
  return isTar ? undefined : "It is not a tar archive.";
}
