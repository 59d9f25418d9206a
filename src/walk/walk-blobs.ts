import { type FileHandle, open } from "node:fs/promises";
import type { BundleComponent } from "../bundle/types.js";
import { type Digest, shortDigest } from "../core/digest.js";
import { BundlerError, messageOf } from "../core/errors.js";
import { LIMITS } from "../core/limits.js";
import { type TarWindow, readWindow } from "../tar/window.js";
import { parseConfigFacts } from "./config-facts.js";
import type { WalkedImage } from "./types.js";
import { type OpenImage, type StoredLayer, type WalkOptions, walkImages } from "./walk.js";

/**
 * Walks images whose blobs are files, as a store keeps them: the same pass as that through an archive
 * that will be made of them.
 * @throws BundlerError NOT_FOUND for a blob that is not there, INTEGRITY for a config that is none;
 *   INTERRUPTED.
 */
export async function walkBlobs(
  subject: string,
  components: readonly Pick<BundleComponent, "name" | "image">[],
  blobPath: (digest: Digest) => string,
  options: Omit<WalkOptions, "only">,
): Promise<readonly WalkedImage[]> {
  const handles = new Map<Digest, FileHandle>();
  const windowOf = async (digest: Digest, size: number, component: string): Promise<TarWindow> => {
    const handle = handles.get(digest) ?? (await openBlob(digest, blobPath(digest), component));
    handles.set(digest, handle);
    return { handle, name: shortDigest(digest), offset: 0, length: size };
  };
  try {
    const images: OpenImage[] = [];
    const layers = new Map<Digest, StoredLayer>();
    for (const component of components) {
      const { name, image } = component;
      const { config } = image;
      const bytes = await readWindow(
        await windowOf(config.digest, config.size, name),
        LIMITS.config,
      );
      images.push({ component, config: parseConfigFacts(`${name}: the config`, bytes) });
      for (const { digest, mediaType, size } of image.layers) {
        if (layers.has(digest)) continue;
        const window = await windowOf(digest, size, name);
        layers.set(digest, { digest, mediaType, size, window });
      }
    }
    return await walkImages(subject, images, [...layers.values()], options);
  } finally {
    await Promise.allSettled([...handles.values()].map((handle) => handle.close()));
  }
}

async function openBlob(digest: Digest, file: string, component: string): Promise<FileHandle> {
  return open(file, "r").catch((cause: unknown) => {
    throw new BundlerError(
      "NOT_FOUND",
      `${component}: the blob ${digest} cannot be read from the store: ${messageOf(cause)}`,
      { cause, hint: "Run the command again: it is fetched anew.", details: { component, digest } },
    );
  });
}
