import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { BLOBS_TABLE } from "../../../src/bundle/blob-table.js";
import { tarballsOf } from "../../../src/bundle/tarballs.js";
import type { BundleManifest } from "../../../src/bundle/types.js";
import { layoutTar, tarPieces } from "../../../src/tar/layout.js";
import { scanTar } from "../../../src/tar/scan.js";
import { DATE } from "../bundle/sample.js";
import { withWindow } from "../tar/archive.js";

type Mutable<T> = T extends string | number | boolean
  ? T
  : T extends object
    ? { -readonly [K in keyof T]: Mutable<T[K]> }
    : T;

/** An archive taken apart, to be put together again with something wrong in it. */
export interface Forgery {
  root: string;
  readonly manifest: Mutable<BundleManifest>;
  /** All files but bundle.json, SHA256SUMS, the table of blobs and images. */
  readonly files: Map<string, Buffer>;
  /** By tarball, `redis` or `redis+3`, what it holds. */
  readonly images: Map<string, Map<string, Buffer>>;
  /** Changes SHA256SUMS after it was computed. */
  sums: (lines: string[]) => string[];
  /** Changes the lines of site/blobs.tsv after they were computed; nothing takes it away. */
  table: (lines: string[]) => string[];
  /** Changes the tarball's bytes. */
  readonly tarballs: Map<string, (bytes: Buffer) => Buffer>;
  /** Files that are executable, install.sh at first. */
  readonly executables: Set<string>;
  /** Changes the order of the archive's files. */
  order: (paths: string[]) => string[];
}

const MTIME = Date.parse(DATE) / 1000;

async function unpack(bytes: Buffer): Promise<Map<string, Buffer>> {
  const { entries } = await withWindow(bytes, (window) => scanTar(window, "own"));
  return new Map(
    entries
      .filter(({ type }) => type === "file")
      .map(({ path, dataOffset, size }) => [path, bytes.subarray(dataOffset, dataOffset + size)]),
  );
}

/** A tar with these files, as our writer makes it. */
export function pack(
  files: ReadonlyMap<string, Buffer>,
  isExecutable: (path: string) => boolean = () => false,
): Buffer {
  const layout = layoutTar(
    [...files].map(([path, content]) => ({
      path,
      content,
      size: content.length,
      executable: isExecutable(path),
    })),
    MTIME,
  );
  return Buffer.concat(
    tarPieces(layout).map((piece) => ("bytes" in piece ? piece.bytes : piece.entry.content)),
  );
}

/** The rows that fit a tarball, whatever is in it. */
async function blobRows(path: string, bytes: Buffer): Promise<string[]> {
  const { entries } = await withWindow(bytes, (window) => scanTar(window, "own"));
  const rows: string[] = [];
  const structure: Buffer[] = [];
  let at = 0;
  for (const { path: inside, type, dataOffset, size } of entries) {
    const hex = /^blobs\/sha256\/(\w{64})$/.exec(inside)?.[1];
    if (type !== "file" || hex === undefined) continue;
    rows.push(`${path}\t${dataOffset}\t${size}\t${hex}\n`);
    structure.push(bytes.subarray(at, dataOffset));
    at = dataOffset + size;
  }
  const rest = Buffer.concat([...structure, bytes.subarray(at)]);
  return [...rows, `${path}\t-\t${rest.length}\t${sha256(rest)}\n`];
}

const sha256 = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");

/**
 * Writes `to` as `from` with changes. Sums and sizes are made to fit what was changed, so that
 * nothing but the change itself can be noticed, except where the change is to them.
 */
export async function forge(
  from: string,
  to: string,
  change: (forgery: Forgery) => void,
): Promise<void> {
  const outer = await unpack(await readFile(from));
  const root = [...outer.keys()][0]!.split("/")[0]!;
  const take = (path: string): Buffer => {
    const bytes = outer.get(`${root}/${path}`)!;
    outer.delete(`${root}/${path}`);
    return bytes;
  };
  const manifest = JSON.parse(take("bundle.json").toString()) as Mutable<BundleManifest>;
  take("SHA256SUMS");
  const images = new Map<string, Map<string, Buffer>>();
  for (const { path } of tarballsOf(manifest.components as BundleManifest["components"])) {
    images.set(path.slice("images/".length, -".tar".length), await unpack(take(path)));
  }
  take(BLOBS_TABLE);
  const files = new Map([...outer].map(([path, bytes]) => [path.slice(root.length + 1), bytes]));
  const forgery: Forgery = {
    root,
    manifest,
    files,
    images,
    sums: (lines) => lines,
    table: (lines) => lines,
    tarballs: new Map(),
    executables: new Set(["install.sh"]),
    order: (paths) => paths,
  };
  change(forgery);

  const tarballs = new Map(
    [...images].map(([name, content]) => {
      const bytes = pack(content);
      return [`images/${name}.tar`, forgery.tarballs.get(name)?.(bytes) ?? bytes];
    }),
  );
  const actual = new Map([...tarballs].map(([path, { length }]) => [path, length]));
  const original = manifest.sizes;
  if (original.archive !== 0) {
    for (const { tarball } of manifest.components)
      tarball.size = actual.get(tarball.path) ?? tarball.size;
    manifest.sizes.images = tarballsOf(manifest.components).reduce(
      (sum, { components: [one] }) => sum + one!.tarball.size,
      0,
    );
    const blobs = new Map(
      manifest.components.flatMap(({ image }) =>
        [image.manifest, image.config, ...image.layers].map(({ digest, size }) => [digest, size]),
      ),
    );
    manifest.sizes.distinctBlobs = [...blobs.values()].reduce((sum, size) => sum + size, 0);
  }
  const rows: string[] = [];
  for (const [path, bytes] of tarballs) rows.push(...(await blobRows(path, bytes)));
  const table = forgery.table(["#tarball\toffset\tsize\tsha256\n", ...rows]).join("");
  if (table !== "") files.set(BLOBS_TABLE, Buffer.from(table));
  for (let size = -1; ;) {
    const json = Buffer.from(`${JSON.stringify(manifest, undefined, 2)}\n`);
    const listed = new Map([["bundle.json", json], ...files]);
    const lines = [...listed].map(([path, bytes]) => `${sha256(bytes)}  ${path}\n`);
    const content = new Map([
      ["bundle.json", json] as const,
      ["SHA256SUMS", Buffer.from(forgery.sums(lines).join(""))] as const,
      ...files,
      ...tarballs,
    ]);
    const whole = pack(
      new Map(
        forgery
          .order([...content.keys()])
          .map((path) => [`${forgery.root}/${path}`, content.get(path) ?? Buffer.alloc(0)]),
      ),
      (path) => forgery.executables.has(path.slice(forgery.root.length + 1)),
    );
    if (whole.length === size || original.archive === 0) {
      await writeFile(to, whole);
      return;
    }
    size = manifest.sizes.archive = whole.length;
  }
}
