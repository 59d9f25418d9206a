import { Header } from "tar";
import { BundlerError } from "../core/errors.js";

/** Bytes of a header, and what every entry's data is padded to (POSIX.1-2001 pax, "ustar Interchange Format"). */
export const BLOCK = 512;

/** Two blocks of zeros close an archive. */
export const END_BYTES = 2 * BLOCK;

/** What a deterministic header holds; the owner is always 0:0 without names. */
export interface HeaderFields {
  /** With forward slashes; a directory's without the closing slash. */
  readonly path: string;
  readonly type: "file" | "directory";
  readonly executable: boolean;
  /** In bytes. */
  readonly size: number;
  /** Seconds since 1970. */
  readonly mtime: number;
}

/** Bytes that an entry's data takes, padding included. */
export function paddedSize(size: number): number {
  return Math.ceil(size / BLOCK) * BLOCK;
}

/**
 * Encodes a plain ustar header: modes 0755 and 0644, sizes from 8 GiB on in base-256.
 * @throws BundlerError FILE for a path that ustar cannot hold: over 255 bytes, a name over 100
 *   bytes, or no slash in the right place to split it at.
 */
export function encodeHeader(fields: HeaderFields): Buffer {
  const path = fields.type === "directory" ? `${fields.path}/` : fields.path;
  const block = Buffer.alloc(BLOCK);
  new Header({
    path,
    type: fields.type === "directory" ? "Directory" : "File",
    mode: fields.type === "directory" || fields.executable ? 0o755 : 0o644,
    uid: 0,
    gid: 0,
    size: fields.size,
    mtime: new Date(fields.mtime * 1000),
    uname: "",
    gname: "",
    devmaj: 0,
    devmin: 0,
  }).encode(block);
  // encode() truncates what does not fit; only reading it back tells a harmless "needs pax" (a
  // base-256 size, UTF-8 in the name) from a name that was cut.
  if (pathProblem(fields.path) !== undefined || new Header(block).path !== path) {
    throw new BundlerError(
      "FILE",
      `The path ${JSON.stringify(fields.path)} cannot be stored in a plain tar: ${pathProblem(fields.path) ?? "it is too long"}.`,
      { hint: "Use shorter names: at most 100 bytes for a file's name, 255 with its folders." },
    );
  }
  return block;
}

/** Why a path may not be in an archive that will be unpacked on someone's server; undefined when it may. */
export function pathProblem(path: string): string | undefined {
  if (path === "") return "it is empty";
  if (path.startsWith("/")) return "it is absolute";
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  if (/[\u0000-\u001f\u007f\\\ufffd\udc80-\udcff]/.test(path)) {
    return "it has a backslash, a control character or bytes that are not UTF-8";
  }
  const parts = path.split("/");
  if (parts.includes("..")) return "it leaves its folder with ..";
  if (parts.includes("") || parts.includes(".")) return "it has an empty or . part";
  return undefined;
}
