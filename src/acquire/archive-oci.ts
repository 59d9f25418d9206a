import { z } from "zod";
import type { Digest } from "../core/digest.js";
import { BundlerError } from "../core/errors.js";
import { LIMITS } from "../core/limits.js";
import { parseConfig, platformOf } from "../image/config.js";
import { type Descriptor, digestSchema } from "../image/descriptor.js";
import { MAGIC_BYTES, compressionOf } from "../image/compression.js";
import { parseJson } from "../image/json.js";
import { type ImageManifest, type IndexEntry, parseManifest } from "../image/manifest.js";
import { MEDIA_TYPES } from "../image/media-types.js";
import { type LeafReader, isRunnable, leavesOf } from "../image/select.js";
import { readAt } from "../tar/window.js";
import { type Wanted, chooseByName, chooseByPlatform } from "./archive-choose.js";
import {
  type ArchivedImage,
  type ArchivedLayer,
  blobPath,
  checkLayerCount,
  missing,
  readBlob,
  readDocument,
} from "./archive-image.js";
import type { ArchiveFiles } from "./archive-files.js";

const namesSchema = z.object({
  manifests: z.array(
    z.object({ digest: digestSchema, annotations: z.record(z.string(), z.string()).nullish() }),
  ),
});

/**
 * Finds the wanted image in an OCI layout (image-spec image-layout.md), as written by skopeo, by
 * buildx and, since Docker 25, by `docker save`.
 * @throws BundlerError PLATFORM, INTEGRITY, USAGE.
 */
export async function findInLayout(archive: ArchiveFiles, wanted: Wanted): Promise<ArchivedImage> {
  const roots = chooseByName(archive.name, await readRoots(archive), wanted);
  const leaves = await leavesOf(archive.name, roots, readerOf(archive));
  const leaf = chooseByPlatform(
    archive.name,
    leaves.map((one) => ({ ...one, name: one.descriptor.digest })),
    wanted,
  );
  const { descriptor } = leaf;
  const { bytes, manifest } = await readImage(archive, descriptor);
  const configBytes = await readBlob(archive, manifest.config, LIMITS.config);
  const config = parseConfig(`${archive.name}: config ${manifest.config.digest}`, configBytes);
  // An index claims, the config proves.
  const platform = platformOf(config, leaf.claimed ? leaf.platform : undefined);
  const parsed = { ...config, platform };
  chooseByPlatform(archive.name, [{ platform, name: descriptor.digest }], wanted);
  checkLayerCount(archive, manifest.layers.length, parsed);
  const layers: ArchivedLayer[] = [];
  for (const [position, layer] of manifest.layers.entries()) {
    const diffId = parsed.diffIds[position];
    const window = await archive.find(blobPath(layer));
    if (window === undefined || diffId === undefined) throw missing(archive, blobPath(layer));
    const head = await readAt(window, 0, Math.min(window.length, MAGIC_BYTES));
    checkLayer(archive, layer, { size: window.length, head, diffId });
    layers.push({ descriptor: layer, diffId, window });
  }
  return {
    names: [...new Set(roots.flatMap(({ names }) => names))],
    manifest: { descriptor: { ...descriptor, mediaType: manifest.mediaType }, bytes },
    config: { descriptor: manifest.config, bytes: configBytes, parsed },
    layers,
  };
}

/** The index's entries, each digest once, with all the names that the tools have given it. */
async function readRoots(archive: ArchiveFiles): Promise<readonly Root[]> {
  const what = `${archive.name}: index.json`;
  const bytes = await readDocument(archive, "index.json", LIMITS.manifest);
  const index = parseManifest(what, bytes, MEDIA_TYPES.ociIndex);
  if (index.kind !== "index") throw new BundlerError("INTEGRITY", `${what} is not an index.`);
  const named = parseJson(what, bytes, namesSchema).manifests;
  const roots = new Map<Digest, Root>();
  for (const [position, entry] of index.entries.entries()) {
    if (!isRunnable(entry)) continue;
    const annotations = named[position]?.annotations ?? {};
    const name =
      annotations["io.containerd.image.name"] ?? annotations["org.opencontainers.image.ref.name"];
    const names = [
      ...(roots.get(entry.digest)?.names ?? []),
      ...(name === undefined ? [] : [name]),
    ];
    roots.set(entry.digest, { ...entry, names });
  }
  return [...roots.values()];
}

type Root = IndexEntry & { readonly names: readonly string[] };

/** Images of other platforms are often not in the archive, so those with a claim are not opened. */
function readerOf(archive: ArchiveFiles): LeafReader {
  return {
    index: async (descriptor) => {
      const { digest, mediaType } = descriptor;
      const bytes = await readBlob(archive, descriptor, LIMITS.manifest);
      const index = parseManifest(`${archive.name}: index ${digest}`, bytes, mediaType);
      if (index.kind === "index") return index;
      throw new BundlerError(
        "INTEGRITY",
        `${archive.name}: ${digest} is an image where an index should be.`,
      );
    },
    platform: async (descriptor) => {
      const found = await readImage(archive, descriptor).catch((error: unknown) => {
        if (error instanceof BundlerError && "artifact" in error.details) return undefined;
        throw error;
      });
      if (found === undefined) return undefined;
      const { manifest } = found;
      const config = await readBlob(archive, manifest.config, LIMITS.config);
      return parseConfig(`${archive.name}: config ${manifest.config.digest}`, config).platform;
    },
  };
}

async function readImage(
  archive: ArchiveFiles,
  descriptor: Descriptor,
): Promise<{ readonly bytes: Buffer; readonly manifest: ImageManifest }> {
  const bytes = await readBlob(archive, descriptor, LIMITS.manifest);
  const manifest = parseManifest(
    `${archive.name}: manifest ${descriptor.digest}`,
    bytes,
    descriptor.mediaType,
  );
  if (manifest.kind === "image") return { bytes, manifest };
  throw new BundlerError(
    "INTEGRITY",
    `${archive.name}: ${descriptor.digest} is an index where an image should be.`,
  );
}

/** What can be known by the first bytes of the layer. */
function checkLayer(
  archive: ArchiveFiles,
  layer: Descriptor,
  found: { size: number; head: Buffer; diffId: string },
): void {
  if (found.size !== layer.size) {
    throw new BundlerError(
      "INTEGRITY",
      `${archive.name}: the layer ${layer.digest} has ${found.size} bytes, its manifest says ${layer.size}.`,
      {
        details: {
          file: archive.name,
          digest: layer.digest,
          expected: layer.size,
          found: found.size,
        },
      },
    );
  }
  if (compressionOf(found.head) === "none" && found.diffId !== (layer.digest as string)) {
    throw new BundlerError(
      "INTEGRITY",
      `${archive.name}: the uncompressed layer ${layer.digest} has another diffID in its config, ${found.diffId}.`,
      { details: { file: archive.name, expected: layer.digest, found: found.diffId } },
    );
  }
}
