import type { Bundle } from "../bundle/reader.js";
import { BundlerError } from "../core/errors.js";
import type { EventSink } from "../core/events.js";
import { findPackages } from "../sbom/find-packages.js";
import { packageWalk } from "../sbom/read-packages.js";
import type { WalkedBundle, WalkedImage } from "../walk/types.js";
import { walkBundle } from "../walk/walk.js";
import { diffImageFiles } from "./image-files.js";
import { diffPackages } from "./packages.js";
import type { BundleDiff } from "./types.js";

export interface ContentOptions {
  readonly signal: AbortSignal;
  readonly onEvent?: EventSink;
  /** Components whose packages are compared. */
  readonly packages?: readonly string[];
  /** Components whose files are compared. */
  readonly files: readonly string[];
  /** The new archive, when it was walked as {@link packageWalk} says already: for packages. */
  readonly walkedNext?: WalkedBundle;
}

type Contents = Pick<BundleDiff, "packages" | "imageFiles">;

/**
 * What differs inside images, for which all their layers are read, those of both archives.
 * @param notes gets what could not be read.
 * @throws BundlerError NOT_FOUND for a component that one of them lacks; whatever walkBundle throws.
 */
export async function diffContents(
  old: Bundle,
  next: Bundle,
  options: ContentOptions,
  notes: string[],
): Promise<Contents> {
  const { packages, files, walkedNext } = options;
  const only = [...new Set([...(packages ?? []), ...files])];
  const before = await walked(old, only, options, notes);
  const after =
    walkedNext === undefined || files.length > 0
      ? await walked(next, only, options, notes)
      : byComponent(next, walkedNext.images, only, notes);
  const both = (name: string): readonly [WalkedImage, WalkedImage] => {
    const [was, is] = [before.get(name), after.get(name)];
    if (was !== undefined && is !== undefined) return [was, is];
    throw new BundlerError("NOT_FOUND", `Only one of the two has ${name}.`);
  };
  return {
    ...(packages === undefined
      ? {}
      : {
          packages: packages.map((name) => {
            const [was, is] = both(name).map((image) => packagesOf(image, notes));
            if (was === undefined || is === undefined) throw new Error("There are two sides.");
            return diffPackages(was, is);
          }),
        }),
    ...(files.length === 0
      ? {}
      : { imageFiles: files.map((name) => diffImageFiles(...both(name))) }),
  };
}

async function walked(
  bundle: Bundle,
  only: readonly string[],
  { signal, onEvent, packages, files }: ContentOptions,
  notes: string[],
): Promise<ReadonlyMap<string, WalkedImage>> {
  if (only.length === 0) return new Map();
  const { images } = await walkBundle(bundle, {
    signal,
    only,
    hashFiles: files.length > 0,
    ...(onEvent === undefined ? {} : { onEvent }),
    ...(packages === undefined ? {} : packageWalk),
  });
  return byComponent(bundle, images, only, notes);
}

function byComponent(
  bundle: Bundle,
  images: readonly WalkedImage[],
  only: readonly string[],
  notes: string[],
): ReadonlyMap<string, WalkedImage> {
  const wanted = images.filter(({ component }) => only.includes(component));
  for (const { component, layers } of wanted) {
    for (const { trouble } of layers) {
      if (trouble !== undefined) notes.push(`${bundle.path}: ${component}: ${trouble.message}`);
    }
  }
  return new Map(wanted.map((image) => [image.component, image]));
}

function packagesOf(image: WalkedImage, notes: string[]): ReturnType<typeof findPackages> {
  const found = findPackages(image);
  for (const { path, reason } of found.skipped) {
    notes.push(`${image.component}: no packages were read from /${path}: ${reason}`);
  }
  return found;
}
