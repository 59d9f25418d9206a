import type { TarballLayout } from "./image-layout.js";

/**
 * The sums of the image tarballs, blob by blob. Each is known before a byte of it is written, and is the
 * same whatever tarball it lies in.
 */
export const BLOBS_TABLE = "site/blobs.tsv";

const HEAD = "#tarball\toffset\tsize\tsha256";

/** A blob in a tarball; offset and size in bytes. */
export interface BlobRow {
  readonly offset: number;
  readonly size: number;
  /** In hexadecimal digits. */
  readonly sha256: string;
}

/** What a tarball consists of: no byte of it belongs to two, or to none. */
export interface TarballSums {
  /** One after the other as they lie there. */
  readonly blobs: readonly BlobRow[];
  /** Every byte that is no blob's, one after the other. */
  readonly structure: Omit<BlobRow, "offset">;
}

/** One line a blob, and after those of a tarball one with `-` as offset for its other bytes. */
export function formatBlobTable(
  tarballs: readonly { readonly path: string; readonly layout: TarballLayout }[],
): string {
  const lines = tarballs.flatMap(({ path, layout: { blobs, structure } }) => [
    ...blobs.map(
      ({ offset, size, digest }) =>
        `${path}\t${offset}\t${size}\t${digest.slice("sha256:".length)}`,
    ),
    `${path}\t-\t${structure.size}\t${structure.sha256}`,
  ]);
  return [HEAD, ...lines].map((line) => `${line}\n`).join("");
}

export interface ParsedBlobTable {
  /** By the tarball's path. */
  readonly tarballs: ReadonlyMap<string, TarballSums>;
  readonly problems: readonly { readonly line: number; readonly message: string }[];
}

/** Reads the table strictly: one form of line, each tarball in one place, its blobs in order and apart. */
export function parseBlobTable(text: string): ParsedBlobTable {
  const tarballs = new Map<string, TarballSums>();
  const problems: { line: number; message: string }[] = [];
  const lines = text.split("\n");
  if (lines.pop() !== "") problems.push({ line: lines.length + 1, message: "has no line end" });
  if (lines.shift() !== HEAD) problems.push({ line: 1, message: "is not the table's head" });
  let open: { readonly path: string; readonly blobs: BlobRow[]; end: number } | undefined;
  for (const [index, row] of lines.entries()) {
    const problem = (message: string): void => void problems.push({ line: index + 2, message });
    const [, path = "", offset = "", size = "", sha256 = ""] =
      /^([^\t]+)\t(-|0|[1-9]\d{0,15})\t(0|[1-9]\d{0,15})\t([0-9a-f]{64})$/.exec(row) ?? [];
    if (path === "") {
      problem("is not a tarball, an offset, a size and a sha256");
      continue;
    }
    if (open !== undefined && open.path !== path)
      problem(`begins another tarball than ${open.path}, which has no end`);
    if (open?.path !== path) open = { path, blobs: [], end: 0 };
    if (tarballs.has(path)) problem(`names ${JSON.stringify(path)} again`);
    if (offset === "-") {
      tarballs.set(path, { blobs: open.blobs, structure: { size: Number(size), sha256 } });
      open = undefined;
      continue;
    }
    const blob = { offset: Number(offset), size: Number(size), sha256 };
    if (blob.offset < open.end) problem("overlaps the blob before it, or lies before it");
    open.end = blob.offset + blob.size;
    open.blobs.push(blob);
  }
  if (open !== undefined) {
    problems.push({ line: lines.length + 1, message: `leaves ${open.path} without an end` });
  }
  return { tarballs, problems };
}

/** The runs of a tarball between, before and behind its blobs, which its structure's sum is over. */
export function structureRuns(
  blobs: readonly Pick<BlobRow, "offset" | "size">[],
  length: number,
): readonly { readonly offset: number; readonly length: number }[] {
  let at = 0;
  const runs = [...blobs, { offset: length, size: 0 }].map(({ offset, size }) => {
    const run = { offset: at, length: offset - at };
    at = offset + size;
    return run;
  });
  return runs.filter((run) => run.length > 0);
}
