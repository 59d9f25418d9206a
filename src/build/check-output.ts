import { openArchive } from "../acquire/archive-files.js";
import { readDocument } from "../acquire/archive-image.js";
import { BundlerError } from "../core/errors.js";
import { LIMITS } from "../core/limits.js";
import { parseManifest } from "../image/manifest.js";
import { MEDIA_TYPES } from "../image/media-types.js";

/**
 * Makes sure that a builder wrote one image and nothing beside it: no attestations, no second
 * platform.
 * @throws BundlerError BUILD saying what is there; INTEGRITY when it is no image archive; FILE,
 *   INTERRUPTED.
 */
export async function checkOutput(
  file: string,
  options: { readonly component: string; readonly tempDir: string; readonly signal: AbortSignal },
): Promise<void> {
  const { component, tempDir, signal } = options;
  const source = await openArchive(file, { tempDir, signal });
  try {
    const what = `the archive that the builder made of ${component}`;
    const bytes = await readDocument(source, "index.json", LIMITS.manifest);
    const index = parseManifest(what, bytes, MEDIA_TYPES.ociIndex);
    const entries = index.kind === "index" ? index.entries : [];
    const images = new Set(entries.map(({ digest }) => digest));
    const attested = entries.some(({ artifact }) => artifact);
    const nested = entries.some(
      ({ mediaType }) => mediaType === MEDIA_TYPES.ociIndex || mediaType === MEDIA_TYPES.dockerList,
    );
    if (images.size === 1 && !attested && !nested) return;
    const found = attested
      ? "an attestation beside the image"
      : nested
        ? "an index of images"
        : `${images.size} images`;
    throw new BundlerError(
      "BUILD",
      `${component}: the builder wrote ${found}, where one image for one platform was asked for.`,
      {
        hint: "The builder does not do what it is told: update buildx to 0.10 or newer, or use another builder (--builder).",
        details: { component, found },
      },
    );
  } finally {
    await source.close();
  }
}
