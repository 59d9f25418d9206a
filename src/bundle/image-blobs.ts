import type { Digest } from "../core/digest.js";
import { BundlerError } from "../core/errors.js";
import { BLOCK, paddedSize } from "../tar/header.js";
import { plainFile } from "../tar/scan.js";
import { type TarWindow, readAt, windowOf } from "../tar/window.js";
import { blobPath, blobsOf, imageDocuments, tagOf } from "./image-layout.js";
import type { Bundle } from "./reader.js";
import type { BundleComponent } from "./types.js";

/** A blob of an image tarball; @throws BundlerError INTEGRITY when it is not there. */
export type BlobOf = (digest: Digest) => Promise<TarWindow>;

/**
 * Finds blobs of a component's image tarball. Where each is follows from the sizes in bundle.json,
 * so that one header is read for each that is asked for; the whole tarball's only when that header is
 * another one.
 */
export function imageBlobs(bundle: Bundle, component: BundleComponent): BlobOf {
  const { name, tarball } = component;
  const places = blobPlaces(component);
  let scanned: Promise<ReadonlyMap<string, TarWindow>> | undefined;
  const scan = async (): Promise<ReadonlyMap<string, TarWindow>> => {
    const { entries } = await bundle.image(name);
    const window = bundle.window(tarball.path);
    return new Map(entries.map((entry) => [entry.path, windowOf(window, entry)]));
  };
  return async (digest) => {
    const path = blobPath(digest);
    const window = bundle.window(tarball.path);
    const place = places.get(digest);
    if (place !== undefined && (await isThere(window, path, place))) {
      return windowOf(window, { path, ...place });
    }
    const found = (await (scanned ??= scan())).get(path);
    if (found !== undefined) return found;
    throw new BundlerError("INTEGRITY", `${tarball.path} has no blob ${digest}.`, {
      hint: "verify lists everything that is wrong.",
      details: { component: name, digest },
    });
  };
}

interface Place {
  readonly dataOffset: number;
  readonly size: number;
}

/** As layoutImageTarball lays them out; none for an image that it would not. */
function blobPlaces({ image }: BundleComponent): ReadonlyMap<Digest, Place> {
  const places = new Map<Digest, Place>();
  if (tagOf(image.reference) === undefined) return places;
  let offset = 0;
  const pass = (size: number): Place => {
    const place = { dataOffset: offset + BLOCK, size };
    offset += BLOCK + paddedSize(size);
    return place;
  };
  for (const { bytes } of imageDocuments(image)) pass(bytes.length);
  // The folders `blobs` and `blobs/sha256`.
  offset += 2 * BLOCK;
  for (const { digest, size } of blobsOf(image)) places.set(digest, pass(size));
  return places;
}

async function isThere(window: TarWindow, path: string, place: Place): Promise<boolean> {
  const { dataOffset, size } = place;
  if (dataOffset + size > window.length) return false;
  const block = await readAt(window, dataOffset - BLOCK, BLOCK);
  const header = plainFile(block);
  return header?.path === path && header.size === size;
}
