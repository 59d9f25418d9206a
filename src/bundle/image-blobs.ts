import type { Digest } from "../core/digest.js";
import { BundlerError } from "../core/errors.js";
import { BLOCK } from "../tar/header.js";
import { plainFile } from "../tar/scan.js";
import { type TarWindow, readAt, windowOf } from "../tar/window.js";
import { entryTime } from "./describe.js";
import { blobPath, layoutImageTarball } from "./image-layout.js";
import type { Bundle } from "./reader.js";
import { tarballsOf } from "./tarballs.js";
import type { BundleComponent, BundleManifest } from "./types.js";

/** A blob of an image tarball; @throws BundlerError INTEGRITY when it is not there. */
export type BlobOf = (digest: Digest) => Promise<TarWindow>;

/**
 * Finds blobs of a component's image tarball. Where each is follows from the sizes in bundle.json,
 * so that one header is read for each that is asked for; the whole tarball's only when that header is
 * another one.
 */
export function blobFinder(bundle: Bundle): (component: BundleComponent) => BlobOf {
  const places = new Map<string, ReadonlyMap<Digest, Place>>();
  return ({ name, tarball }) => {
    const known = places.get(tarball.path) ?? blobPlaces(bundle.manifest, tarball.path);
    places.set(tarball.path, known);
    return async (digest) => {
      const path = blobPath(digest);
      const window = bundle.window(tarball.path);
      const place = known.get(digest);
      if (place !== undefined && (await isThere(window, path, place))) {
        return windowOf(window, { path, ...place });
      }
      const found = (await bundle.image(name)).entries.get(path);
      if (found !== undefined) return windowOf(window, found);
      throw new BundlerError("INTEGRITY", `${tarball.path} has no blob ${digest}.`, {
        hint: "verify lists everything that is wrong.",
        details: { component: name, digest },
      });
    };
  };
}

interface Place {
  readonly dataOffset: number;
  readonly size: number;
}

/** As layoutImageTarball lays them out; none for images that it would not. */
function blobPlaces(
  { components, date }: BundleManifest,
  path: string,
): ReadonlyMap<Digest, Place> {
  const tarball = tarballsOf(components).find((one) => one.path === path);
  try {
    const images = (tarball?.components ?? []).map(({ image }) => image);
    const { blobs } = layoutImageTarball(images, entryTime(date));
    return new Map(blobs.map(({ digest, offset, size }) => [digest, { dataOffset: offset, size }]));
  } catch {
    return new Map();
  }
}

async function isThere(window: TarWindow, path: string, place: Place): Promise<boolean> {
  const { dataOffset, size } = place;
  if (dataOffset + size > window.length) return false;
  const block = await readAt(window, dataOffset - BLOCK, BLOCK);
  const header = plainFile(block);
  return header?.path === path && header.size === size;
}
