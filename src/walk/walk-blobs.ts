import type { BundleComponent } from "../bundle/types.js";
import type { Digest } from "../core/digest.js";
import { LIMITS } from "../core/limits.js";
import { type TarWindow, readWindow } from "../tar/window.js";
import { parseConfigFacts } from "./config-facts.js";
import type { WalkedImage } from "./types.js";
import { type OpenImage, type StoredLayer, type WalkOptions, walkImages } from "./walk.js";

/**
 * Walks images whose blobs lie wherever `windowOf` says: the same pass as that through the archive that
 * is made of them.
 * @throws BundlerError INTEGRITY for a config that is none; as walkImages does.
 */
export async function walkBlobs(
  subject: string,
  components: readonly Pick<BundleComponent, "name" | "image">[],
  windowOf: (digest: Digest) => TarWindow,
  options: Omit<WalkOptions, "only">,
): Promise<readonly WalkedImage[]> {
  const images: OpenImage[] = [];
  const layers = new Map<Digest, StoredLayer>();
  for (const component of components) {
    const { name, image } = component;
    const bytes = await readWindow(windowOf(image.config.digest), LIMITS.config);
    images.push({ component, config: parseConfigFacts(`${name}: the config`, bytes) });
    for (const { digest, mediaType, size } of image.layers) {
      if (!layers.has(digest))
        layers.set(digest, { digest, mediaType, size, window: windowOf(digest) });
    }
  }
  return walkImages(subject, images, [...layers.values()], options);
}
