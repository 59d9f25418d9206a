import type { Digest } from "../core/digest.js";
import type { Descriptor } from "../image/descriptor.js";
import type { LockedImage } from "../plan/types.js";
import type { Share, Shares } from "./types.js";

/** Blobs by digest, with their bytes. */
export type Blobs = ReadonlyMap<Digest, number>;

/** Every blob of some images, each once. */
export function blobsOf(images: Iterable<LockedImage>): Blobs {
  const blobs = new Map<Digest, number>();
  for (const { manifest, config, layers } of images) {
    for (const { digest, size } of [manifest, config, ...layers]) blobs.set(digest, size);
  }
  return blobs;
}

/** An image's layers, each once. */
export function layersOf(image: LockedImage | undefined): Blobs {
  return new Map((image?.layers ?? []).map(({ digest, size }: Descriptor) => [digest, size]));
}

/**
 * How much of `next` is in `reachable` already, and what of `old` nothing has any more.
 * @param kept all that the new side has, for what is gone.
 */
export function sharesOf(
  { old, next }: { readonly old: Blobs; readonly next: Blobs },
  { reachable = old, kept = next }: { readonly reachable?: Blobs; readonly kept?: Blobs } = {},
): Shares {
  return {
    reused: shareOf(next, (digest) => reachable.has(digest)),
    added: shareOf(next, (digest) => !reachable.has(digest)),
    removed: shareOf(old, (digest) => !kept.has(digest)),
  };
}

/** Of all blobs, or those that are wanted. */
export function shareOf(blobs: Blobs, wanted: (digest: Digest) => boolean = () => true): Share {
  let [count, bytes] = [0, 0];
  for (const [digest, size] of blobs) {
    if (!wanted(digest)) continue;
    count += 1;
    bytes += size;
  }
  return { count, bytes };
}
