import { BundlerError } from "../core/errors.js";
import type { Digest } from "../core/digest.js";
import { type TarInput, type TarLayout, layoutTar } from "../tar/layout.js";
import { type ImageLayout, layoutImageTarball } from "./image-layout.js";
import { type ManifestInput, describeBundle, encodeBundleManifest } from "./manifest.js";
import { MANIFEST_FILE, REQUIRED_FILES, SUMS_FILE, bundleRoot, comparePlaces } from "./paths.js";
import type { LockedImage } from "../plan/types.js";
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
  | { readonly kind: "image"; readonly component: string; readonly image: ImageLayout }
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
 * SHA256SUMS and the images, in any order.
 * @throws BundlerError NO_WAY, LOCK as describeBundle does; INTEGRITY for a lock that contradicts
 *   itself; FILE for a path that no plain tar can hold.
 */
export function layoutBundle(
  input: ManifestInput & { readonly files: readonly BundleFile[] },
): BundleLayout {
  const mtime = Math.floor(Date.parse(input.date) / 1000);
  if (!Number.isSafeInteger(mtime) || mtime < 0) {
    throw new BundlerError("LOCK", `The lock's date is not a time since 1970: ${input.date}`);
  }
  const images = new Map<LockedImage, ImageLayout>();
  const described = describeBundle(input, (image) => {
    const layout = layoutImageTarball(image, mtime);
    images.set(image, layout);
    return layout.size;
  });
  checkNames([...images.keys()]);
  const root = bundleRoot(described.name, described.version, described.platform);

  const files = input.files.map(fileEntry);
  checkPaths(files.map(({ path }) => path));
  const tarballs = described.components.map(
    ({ name, image, tarball }): TarInput<BundleContent> => ({
      path: tarball.path,
      size: tarball.size,
      content: { kind: "image", component: name, image: imageLayout(images, image) },
    }),
  );
  const sumsSize = [
    MANIFEST_FILE,
    ...files.map(({ path }) => path),
    ...tarballs.map(({ path }) => path),
  ]
    .map(sumLineSize)
    .reduce((sum, size) => sum + size, 0);
  const sums: TarInput<BundleContent> = {
    path: SUMS_FILE,
    size: sumsSize,
    content: { kind: "sums" },
  };

  const blobs = new Map<Digest, number>();
  for (const { blobs: ofImage } of images.values()) {
    for (const { digest, size } of ofImage) blobs.set(digest, size);
  }
  const sizes = {
    images: described.components.reduce((sum, { tarball }) => sum + tarball.size, 0),
    distinctBlobs: [...blobs.values()].reduce((sum, size) => sum + size, 0),
  };
  // bundle.json tells the archive's size, which its own length is part of. Both only grow with
  // each other, so this comes to rest, in practice after two or three rounds.
  for (let archive = 0; ;) {
    const manifest: BundleManifest = { ...described, sizes: { archive, ...sizes } };
    const first = fileEntry({
      path: MANIFEST_FILE,
      executable: false,
      late: (unpackedOf) => encodeBundleManifest(withUnpacked(manifest, unpackedOf)),
    });
    const ordered = [first, sums, ...files].toSorted((a, b) => comparePlaces(a.path, b.path));
    const tar = layoutTar(
      [...ordered, ...tarballs].map((entry) => ({ ...entry, path: `${root}/${entry.path}` })),
      mtime,
    );
    if (tar.size === archive) return { root, size: tar.size, manifest, tar };
    archive = tar.size;
  }
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

function checkPaths(paths: readonly string[]): void {
  const given = new Set(paths);
  if (given.size !== paths.length) throw new Error("A file of the bundle is given twice.");
  for (const path of given) {
    if (path === MANIFEST_FILE || path === SUMS_FILE || path.startsWith("images/")) {
      throw new Error(`${path} is not a file to be given.`);
    }
  }
  const missing = REQUIRED_FILES.filter(
    (path) => path !== MANIFEST_FILE && path !== SUMS_FILE && !given.has(path),
  );
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

function imageLayout(
  images: ReadonlyMap<LockedImage, ImageLayout>,
  image: LockedImage,
): ImageLayout {
  const layout = images.get(image);
  if (layout === undefined) throw new Error(`${image.reference} was not laid out.`);
  return layout;
}
