import type { Digest } from "../core/digest.js";
import { readUnpackedSize } from "../image/unpacked-size.js";
import type { TarWindow } from "../tar/window.js";
import type { BundleComponent, BundleManifest } from "./types.js";

/** Unpacked bytes of a layer, by the digest of its blob. */
export type UnpackedOf = (layer: Digest) => number;

/** Characters of a number that is filled in late: as many as the largest exact one has. */
const WIDTH = String(Number.MAX_SAFE_INTEGER).length;

/** A number in as many characters as any other, with spaces before it. */
export function padded(bytes: number): string {
  return String(Math.min(bytes, Number.MAX_SAFE_INTEGER)).padStart(WIDTH);
}

/**
 * Unpacked bytes of every layer of a bundle, from blobs that are all at hand.
 * @throws BundlerError INTEGRITY when a blob ends early; Error of the system when it cannot be read.
 */
export async function readUnpacked(
  components: readonly Pick<BundleComponent, "image">[],
  windowOf: (layer: Digest) => TarWindow,
): Promise<UnpackedOf> {
  const sizes = new Map<Digest, number>();
  for (const { image } of components) {
    for (const layer of image.layers) {
      if (sizes.has(layer.digest)) continue;
      sizes.set(layer.digest, await readUnpackedSize(layer, windowOf(layer.digest)));
    }
  }
  return (layer) => {
    const size = sizes.get(layer);
    if (size === undefined) throw new Error(`The layer ${layer} was not measured.`);
    return size;
  };
}

/** What each image adds to those before it: the unpacked bytes of its layers that none of them has. */
export function addedBytes(
  components: readonly Pick<BundleComponent, "image">[],
  unpackedOf: UnpackedOf,
): readonly number[] {
  const seen = new Set<Digest>();
  return components.map(({ image }) =>
    image.layers.reduce((sum, { digest }) => {
      if (seen.has(digest)) return sum;
      seen.add(digest);
      return sum + unpackedOf(digest);
    }, 0),
  );
}

/** A manifest with the unpacked sizes in it. */
export function withUnpacked(manifest: BundleManifest, unpackedOf: UnpackedOf): BundleManifest {
  const { components, sizes } = manifest;
  const total = addedBytes(components, unpackedOf).reduce((sum, bytes) => sum + bytes, 0);
  return {
    ...manifest,
    components: components.map((component) => ({
      ...component,
      unpacked: exact(addedBytes([component], unpackedOf)[0] ?? 0),
    })),
    sizes: { ...sizes, unpacked: exact(total) },
  };
}

function exact(bytes: number): number {
  return Math.min(bytes, Number.MAX_SAFE_INTEGER);
}
