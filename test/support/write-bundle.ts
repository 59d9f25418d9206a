import type { BundleLayout } from "../../src/bundle/layout.js";
import {
  type BundleWriter,
  type WriteOptions,
  type WrittenBundle,
  openBundleWriter,
} from "../../src/bundle/writer.js";
import type { Digest } from "../../src/core/digest.js";
import { BundlerError } from "../../src/core/errors.js";

export interface Blobs {
  /** Where a blob lies. */
  readonly blobPath: (digest: Digest) => string;
}

/** Writes a whole archive from blobs that are files. */
export async function writeBundle(
  layout: BundleLayout,
  options: WriteOptions & Blobs,
): Promise<WrittenBundle> {
  const writer = await openBundleWriter(layout, options);
  try {
    await copyBlobs(writer, layout, options);
    return await writer.finish(layout);
  } finally {
    await writer.abort();
  }
}

/** @throws BundlerError INTEGRITY for a file that is not what its digest says. */
export async function copyBlobs(
  writer: BundleWriter,
  { manifest }: BundleLayout,
  { blobPath }: Blobs,
  only: readonly string[] = manifest.components.map(({ name }) => name),
): Promise<void> {
  const images = manifest.components.filter(({ name }) => only.includes(name));
  const digests = images.flatMap(({ image }) =>
    [image.manifest, image.config, ...image.layers].map(({ digest }) => digest),
  );
  await Promise.all(
    [...new Set(digests)].map(async (digest) => {
      const copied = await writer.place(digest)?.copy(blobPath(digest));
      if (copied !== "done")
        throw new BundlerError("INTEGRITY", `${digest}: ${copied}`, { details: { digest } });
    }),
  );
}
