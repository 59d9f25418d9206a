import { openBundle } from "../bundle/reader.js";
import type { BundleManifest } from "../bundle/types.js";
import type { EventSink } from "../core/events.js";
import type { WalkedImage } from "../walk/types.js";
import { walkBundle } from "../walk/walk.js";
import { condense, packageCapture } from "./capture.js";
import type { SbomImage } from "./cyclonedx.js";
import { findPackages } from "./find-packages.js";

/** How a walk is to be made for {@link imagesOf}. */
export const packageWalk = { capture: packageCapture, condense };

export interface ReadPackagesOptions {
  readonly signal: AbortSignal;
  /** Gets the phase `walk`. */
  readonly onEvent?: EventSink;
  /** Component names; all when absent. */
  readonly only?: readonly string[];
}

/** Images that were walked as {@link packageWalk} says, and what is in them. */
export function imagesOf(walked: readonly WalkedImage[]): readonly SbomImage[] {
  return walked.map((image) => ({
    component: { name: image.component, image: image.image },
    packages: findPackages(image),
  }));
}

/**
 * Finds the packages in an archive's images, in one pass through their layers.
 * @throws BundlerError as openBundle and walkBundle do.
 */
export async function readPackages(
  archive: string,
  options: ReadPackagesOptions,
): Promise<{ readonly manifest: BundleManifest; readonly images: readonly SbomImage[] }> {
  const bundle = await openBundle(archive);
  try {
    const { manifest, images } = await walkBundle(bundle, { ...options, ...packageWalk });
    return { manifest, images: imagesOf(images) };
  } finally {
    await bundle.close();
  }
}
