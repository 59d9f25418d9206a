import { BLOCK, END_BYTES, encodeHeader, paddedSize } from "./header.js";

/** An entry to be laid out; `content` is whatever the caller needs to find its bytes again. */
export interface TarInput<Content> {
  /** With forward slashes, relative, without a closing slash. */
  readonly path: string;
  readonly executable?: boolean;
  /** In bytes. */
  readonly size: number;
  readonly content: Content;
}

interface LaidOutEntry<Content> {
  readonly path: string;
  readonly type: "file" | "directory";
  readonly size: number;
  readonly header: Buffer;
  readonly headerOffset: number;
  readonly dataOffset: number;
  /** Absent for a directory. */
  readonly content?: Content;
}

export interface TarLayout<Content> {
  readonly entries: readonly LaidOutEntry<Content>[];
  /** Bytes of the whole archive, end blocks included. */
  readonly size: number;
}

/**
 * Computes where every byte of a tar goes, from sizes alone. Files keep their order; each folder
 * gets an entry right before the first file inside it, so that its mode does not depend on the
 * umask of whoever unpacks (busybox and GNU tar make missing parents with it).
 * @throws BundlerError FILE for a path that ustar cannot hold; Error for one that occurs twice.
 */
export function layoutTar<Content>(
  inputs: readonly TarInput<Content>[],
  mtime: number,
): TarLayout<Content> {
  const entries: LaidOutEntry<Content>[] = [];
  const seen = new Map<string, "file" | "directory">();
  let offset = 0;
  const place = (
    fields: { path: string; type: "file" | "directory"; executable: boolean; size: number },
    content?: Content,
  ): void => {
    entries.push({
      path: fields.path,
      type: fields.type,
      size: fields.size,
      header: encodeHeader({ ...fields, mtime }),
      headerOffset: offset,
      dataOffset: offset + BLOCK,
      ...(content === undefined ? {} : { content }),
    });
    seen.set(fields.path, fields.type);
    offset += BLOCK + paddedSize(fields.size);
  };
  for (const { path, executable, size, content } of inputs) {
    const parts = path.split("/");
    for (let depth = 1; depth < parts.length; depth += 1) {
      const folder = parts.slice(0, depth).join("/");
      if (seen.get(folder) === "file") throw new Error(`${folder} is a file and a folder.`);
      if (!seen.has(folder)) {
        place({ path: folder, type: "directory", executable: true, size: 0 });
      }
    }
    if (seen.has(path)) throw new Error(`${path} is laid out twice.`);
    place({ path, type: "file", executable: executable ?? false, size }, content);
  }
  return { entries, size: offset + END_BYTES };
}

/** A run of a tar's bytes: known ones (headers, padding, end blocks) or an entry's data. */
export type TarPiece<Content> =
  | { readonly bytes: Buffer }
  | { readonly entry: LaidOutEntry<Content> & { readonly content: Content } };

/** A layout as the sequence of runs that make it up, neighbouring known bytes joined. */
export function tarPieces<Content>(layout: TarLayout<Content>): readonly TarPiece<Content>[] {
  const pieces: TarPiece<Content>[] = [];
  let known: Buffer[] = [];
  const flush = (): void => {
    if (known.length > 0) pieces.push({ bytes: Buffer.concat(known) });
    known = [];
  };
  for (const entry of layout.entries) {
    known.push(entry.header);
    const { content } = entry;
    if (content === undefined || entry.size === 0) continue;
    flush();
    pieces.push({ entry: { ...entry, content } });
    known.push(Buffer.alloc(paddedSize(entry.size) - entry.size));
  }
  known.push(Buffer.alloc(END_BYTES));
  flush();
  return pieces;
}
