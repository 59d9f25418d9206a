import { BundlerError } from "../core/errors.js";
import type { Digest } from "../core/digest.js";
import type { LockedImage } from "../plan/types.js";
import { type TarInput, type TarLayout, layoutTar } from "../tar/layout.js";
import { BLOBS_TABLE, formatBlobTable } from "./blob-table.js";
import { type DescribedBundle, entryTime } from "./describe.js";
import { type TarballLayout, blobsOf } from "./image-layout.js";
import { encodeBundleManifest } from "./manifest.js";
import {
  MANIFEST_FILE,
  REQUIRED_FILES,
  SBOM_FOLDER,
  SUMS_FILE,
  bundleRoot,
  comparePlaces,
} from "./paths.js";
import { sumLineSize } from "./sums.js";
import type { BundleManifest } from "./types.js";
import { type UnpackedOf, withUnpacked } from "./unpacked.js";

/** Bytes that tell what is known only when every blob is there; as many of them whatever that is. */
type LateBytes = (unpackedOf: UnpackedOf) => Buffer;

/** A file of the archive that is no image: its bytes, where they lie on disk, or how to make them late. */
export type BundleFile = {
  /** Inside the top folder, with forward slashes. */
  readonly path: string;
  readonly executable: boolean;
} & (
  | { readonly bytes: Uint8Array }
  | { readonly source: string; readonly size: number; readonly sha256?: string }
  | { readonly late: LateBytes }
);

/**
 * What an entry of the archive is made of. Late ones are filled in when every image is written, and
 * SHA256SUMS when all else is.
 */
export type BundleContent =
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  | { readonly kind: "late"; readonly late: LateBytes }
  | { readonly kind: "file"; readonly source: string; readonly sha256?: string }
  | {
      readonly kind: "tarball";
      /** Whose images are in it, in the order of the component table. */
      readonly components: readonly string[];
      readonly tarball: TarballLayout;
    }
  | { readonly kind: "sums" };

/** Where every byte of an archive goes. The same input gives the same layout, and the same archive. */
export interface BundleLayout {
  /** The top folder; with `.tar` the archive's usual name. */
  readonly root: string;
  /** Bytes of the archive. */
  readonly size: number;
  /** Without the unpacked sizes, which bundle.json will have. */
  readonly manifest: BundleManifest;
  readonly tar: TarLayout<BundleContent>;
}

/**
 * Lays out an archive. Pure: reads no file, asks no clock. `files` are all files but bundle.json,
 * SHA256SUMS, the table of blobs and the images, in any order. What comes before `sbom/` lies where it does
 * whatever the sizes of the documents there.
 * @throws BundlerError LOCK for two images of one name; FILE for a path that no plain tar can hold.
 */
export function layoutBundle(
  { manifest: described, tarballs }: DescribedBundle,
  files: readonly BundleFile[],
): BundleLayout {
  const images = described.components.map(({ image }) => image);
  checkNames(images);
  checkPaths(files.map(({ path }) => path));
  const root = bundleRoot(described.name, described.version, described.platform);
  const mtime = entryTime(described.date);
  let archive = 0;
  const manifest = (): BundleManifest => ({
    ...described,
    sizes: {
      archive,
      images: sum(tarballs.map(({ layout }) => layout.size)),
      distinctBlobs: sum(blobsOf(...images).map(({ size }) => size)),
    },
  });
  const small = [
    ...files.map(fileEntry),
    fileEntry({
      path: BLOBS_TABLE,
      executable: false,
      bytes: Buffer.from(formatBlobTable(tarballs)),
    }),
    fileEntry({
      path: MANIFEST_FILE,
      executable: false,
      late: (unpackedOf) => encodeBundleManifest(withUnpacked(manifest(), unpackedOf)),
    }),
  ];
  const sums: TarInput<BundleContent> = {
    path: SUMS_FILE,
    size: sum(small.map(({ path }) => sumLineSize(path))),
    content: { kind: "sums" },
  };
  const ordered = [...small, sums].toSorted((a, b) => comparePlaces(a.path, b.path));
  const isSbom = ({ path }: { readonly path: string }): boolean => path.startsWith(SBOM_FOLDER);
  const tar = layoutTar(
    [
      ...ordered.filter((entry) => !isSbom(entry)),
      ...tarballs.map(({ path, components, layout }): TarInput<BundleContent> => ({
        path,
        size: layout.size,
        content: { kind: "tarball", components, tarball: layout },
      })),
      ...ordered.filter(isSbom),
    ].map((entry) => ({ ...entry, path: `${root}/${entry.path}` })),
    mtime,
  );
  // bundle.json tells it in as many characters as any other size.
  archive = tar.size;
  return { root, size: tar.size, manifest: manifest(), tar };
}

function sum(sizes: readonly number[]): number {
  return sizes.reduce((total, size) => total + size, 0);
}

function fileEntry(file: BundleFile): TarInput<BundleContent> {
  const { path, executable } = file;
  if ("bytes" in file) {
    const { bytes } = file;
    return { path, executable, size: bytes.length, content: { kind: "bytes", bytes } };
  }
  if ("late" in file) {
    const { late } = file;
    return { path, executable, size: late(() => 0).length, content: { kind: "late", late } };
  }
  const { source, size, sha256 } = file;
  const known = sha256 === undefined ? {} : { sha256 };
  return { path, executable, size, content: { kind: "file", source, ...known } };
}

/** What {@link layoutBundle} adds itself. */
const MADE_HERE: readonly string[] = [MANIFEST_FILE, SUMS_FILE, BLOBS_TABLE];

function checkPaths(paths: readonly string[]): void {
  const given = new Set(paths);
  if (given.size !== paths.length) throw new Error("A file of the bundle is given twice.");
  for (const path of given) {
    if (MADE_HERE.includes(path) || path.startsWith("images/")) {
      throw new Error(`${path} is not a file to be given.`);
    }
  }
  const missing = REQUIRED_FILES.filter((path) => !MADE_HERE.includes(path) && !given.has(path));
  if (missing.length > 0) throw new Error(`The bundle lacks ${missing.join(", ")}.`);
}

/** An engine knows one image by a name: the second one loaded would take it from the first. */
function checkNames(images: readonly LockedImage[]): void {
  const named = new Map<string, Digest>();
  for (const { reference, manifest } of images) {
    const known = named.get(reference);
    if (known !== undefined && known !== manifest.digest) {
      throw new BundlerError("LOCK", `Two images have the name ${reference}.`, {
        hint: "Give one of the components another tag.",
        details: { image: reference, expected: known, found: manifest.digest },
      });
    }
    named.set(reference, manifest.digest);
  }
}
