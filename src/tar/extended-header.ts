import { Header, Pax } from "tar";
import { BundlerError } from "../core/errors.js";
import { BLOCK, type HeaderFields, paddedSize, pathProblem } from "./header.js";

/** What a header of a build context holds; the owner is always 0:0 without names. */
export interface ExtendedFields extends Omit<HeaderFields, "type"> {
  readonly type: "file" | "directory" | "symlink";
  /** Of a symbolic link, as it is to be written. */
  readonly linkpath?: string;
}

/**
 * Encodes a header for a tar that another program reads at once: plain ustar where that can hold it,
 * and a pax header before it for longer names (POSIX.1-2001 pax, "pax Extended Header").
 * @throws BundlerError FILE for a path that no archive should have.
 */
export function encodeExtendedHeader(fields: ExtendedFields): Buffer {
  const problem = fields.path === "." ? undefined : pathProblem(fields.path);
  if (problem !== undefined) {
    throw new BundlerError(
      "FILE",
      `The path ${JSON.stringify(fields.path)} cannot go into a tar: ${problem}.`,
      { details: { path: fields.path } },
    );
  }
  const path = fields.type === "directory" ? `${fields.path}/` : fields.path;
  const linkpath = fields.type === "symlink" ? (fields.linkpath ?? "") : "";
  const block = encode({ ...fields, path, linkpath });
  const read = new Header(block);
  if (read.path === path && (read.linkpath ?? "") === linkpath) return block;
  const body = Buffer.from(
    new Pax({ path, ...(linkpath === "" ? {} : { linkpath }) }).encodeBody(),
  );
  const extension = encode({
    path: "PaxHeader",
    type: "extension",
    executable: false,
    size: body.length,
    mtime: fields.mtime,
    linkpath: "",
  });
  const padding = Buffer.alloc(paddedSize(body.length) - body.length);
  return Buffer.concat([extension, body, padding, block]);
}

const TYPES = {
  file: "File",
  directory: "Directory",
  symlink: "SymbolicLink",
  extension: "ExtendedHeader",
} as const;

/** What does not fit is cut off. */
function encode(
  fields: Omit<HeaderFields, "type"> & {
    readonly type: keyof typeof TYPES;
    readonly linkpath: string;
  },
): Buffer {
  const { path, type, executable, size, mtime, linkpath } = fields;
  const block = Buffer.alloc(BLOCK);
  new Header({
    path,
    type: TYPES[type],
    mode: type === "symlink" ? 0o777 : type === "directory" || executable ? 0o755 : 0o644,
    uid: 0,
    gid: 0,
    size,
    mtime: new Date(mtime * 1000),
    linkpath,
    uname: "",
    gname: "",
    devmaj: 0,
    devmin: 0,
  }).encode(block);
  return block;
}
