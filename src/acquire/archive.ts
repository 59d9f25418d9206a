import { createHash } from "node:crypto";
import { digestFromHex } from "../core/digest.js";
import { BundlerError } from "../core/errors.js";
import { type EventSink, noEvents } from "../core/events.js";
import { formatPlatform } from "../core/platform.js";
import type { LockedImage } from "../plan/types.js";
import type { Store } from "../store/store.js";
import { streamWindow } from "../tar/window.js";
import { type Wanted, otherName } from "./archive-choose.js";
import { findInDockerArchive } from "./archive-docker.js";
import type { ArchivedImage, ArchivedLayer } from "./archive-image.js";
import { findInLayout } from "./archive-oci.js";
import { type ArchiveFiles, openArchive } from "./archive-files.js";

export interface ImportOptions extends Wanted {
  readonly store: Pick<Store, "dir" | "has" | "put" | "partial">;
  readonly signal: AbortSignal;
  /** Gets a warning when the archive calls the image otherwise than the bundle will. */
  readonly onEvent?: EventSink;
}

/**
 * Takes one image out of an archive into the store: the target's platform of an OCI layout (a tar,
 * or a folder), or of what `docker save`, podman and skopeo write, plain or gzip. Its config proves
 * the platform. Layers are streamed and hashed on the way; memory stays flat.
 * @throws BundlerError PLATFORM when the archive's image is for another platform; INTEGRITY when it
 *   is damaged, not whole, or not an image archive; USAGE when it holds several images and it is not
 *   clear which is meant; FILE, DISK, INTERRUPTED.
 */
export async function importArchive(file: string, options: ImportOptions): Promise<LockedImage> {
  const { store, signal, reference, component, onEvent = noEvents } = options;
  const archive = await openArchive(file, { tempDir: store.dir, signal });
  try {
    const image = await findImage(archive, options);
    const other = otherName(image.names, reference);
    if (other !== undefined) {
      const message = `${component}: the archive calls its image ${other}; it goes in as ${reference}, with that service's settings.`;
      onEvent({ type: "notice", level: "warn", message });
    }
    const layers = new Map(image.layers.map((layer) => [layer.descriptor.digest, layer]));
    for (const layer of layers.values()) await copyLayer(layer, options);
    await store.put(image.config.bytes);
    await store.put(image.manifest.bytes);
    const { platform, created } = image.config.parsed;
    return {
      reference,
      manifest: image.manifest.descriptor,
      config: image.config.descriptor,
      layers: image.layers.map(({ descriptor, diffId }) => ({ ...descriptor, diffId })),
      platform: formatPlatform(platform),
      ...(created === undefined ? {} : { created }),
    };
  } finally {
    await archive.close();
  }
}

/** Today's `docker save` writes both formats into one archive; the layout is the one with manifests. */
async function findImage(archive: ArchiveFiles, options: ImportOptions): Promise<ArchivedImage> {
  if ((await archive.find("oci-layout")) !== undefined) return findInLayout(archive, options);
  if ((await archive.find("manifest.json")) !== undefined) {
    return findInDockerArchive(archive, options, options.signal);
  }
  throw new BundlerError(
    "INTEGRITY",
    `${archive.name} for ${options.component} is not an image archive: it has neither oci-layout nor manifest.json.`,
    {
      hint: "Make one with docker save, skopeo copy … oci-archive: or docker buildx build -o type=oci.",
    },
  );
}

async function copyLayer(
  { descriptor, window }: ArchivedLayer,
  { store, signal }: ImportOptions,
): Promise<void> {
  const { digest, size } = descriptor;
  const partial = await store.partial(digest, size, { signal });
  if (partial === undefined) return;
  try {
    await partial.truncate();
    const hash = createHash("sha256");
    let position = 0;
    for await (const chunk of streamWindow(window, signal)) {
      const written = partial.write([chunk], position);
      // Hashing keeps this thread busy while the disk takes the same bytes.
      hash.update(chunk);
      await written;
      position += chunk.length;
    }
    const found = digestFromHex(hash.digest("hex"));
    if (found !== digest) {
      throw new BundlerError(
        "INTEGRITY",
        `${window.name} is damaged: its bytes give ${found}, they should give ${digest}.`,
        {
          hint: "Copy the archive again from where it was made, or save the image again.",
          details: { file: window.name, expected: digest, found },
        },
      );
    }
    await partial.commit();
  } finally {
    await partial.discard();
  }
}
