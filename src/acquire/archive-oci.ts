import { z } from "zod";
import type { Digest } from "../core/digest.js";
import { BundlerError } from "../core/errors.js";
import { LIMITS } from "../core/limits.js";
import type { Platform } from "../core/platform.js";
import { parseConfig } from "../image/config.js";
import { type Descriptor, digestSchema } from "../image/descriptor.js";
import { parseJson } from "../image/json.js";
import { type ImageIndex, type ImageManifest, parseManifest } from "../image/manifest.js";
import { MEDIA_TYPES, layerCompression } from "../image/media-types.js";
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
import type { ArchiveSource } from "./archive-source.js";

/** An image of a layout. `platform` is what an index claims, or what the config says where none does. */
interface Leaf {
  readonly descriptor: Descriptor;
  readonly platform: Platform;
  readonly name: string;
}

/** Levels of an image layout: its index, containerd's index of one image, the images; more is a maze. */
const MAX_DEPTH = 4;
const MAX_ENTRIES = 4 * LIMITS.indexEntries;

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
export async function findInLayout(source: ArchiveSource, wanted: Wanted): Promise<ArchivedImage> {
  const roots = chooseByName(source.name, await readRoots(source), wanted);
  const leaves = await leavesOf(source, roots);
  const { descriptor } = chooseByPlatform(source.name, leaves, wanted);
  const { bytes, manifest } = await readImage(source, descriptor);
  const configBytes = await readBlob(source, manifest.config, LIMITS.config);
  const parsed = parseConfig(`${source.name}: config ${manifest.config.digest}`, configBytes);
  // An index claims, the config proves.
  const { platform } = parsed;
  chooseByPlatform(source.name, [{ platform, name: descriptor.digest }], wanted);
  checkLayerCount(source, manifest.layers.length, parsed);
  const layers: ArchivedLayer[] = [];
  for (const [position, layer] of manifest.layers.entries()) {
    const diffId = parsed.diffIds[position];
    const window = await source.find(blobPath(layer));
    if (window === undefined || diffId === undefined) throw missing(source, blobPath(layer));
    checkLayer(source, layer, { size: window.length, diffId });
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
async function readRoots(source: ArchiveSource): Promise<readonly Root[]> {
  const what = `${source.name}: index.json`;
  const bytes = await readDocument(source, "index.json", LIMITS.manifest);
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

type Entry = ImageIndex["entries"][number];
type Root = Entry & { readonly names: readonly string[] };

function isRunnable({ attestation, platform }: Entry): boolean {
  return !attestation && platform?.os !== "unknown" && platform?.architecture !== "unknown";
}

/** All images below the entries, level by level, each once. */
async function leavesOf(source: ArchiveSource, roots: readonly Entry[]): Promise<readonly Leaf[]> {
  const seen = new Set<Digest>();
  const leaves: Leaf[] = [];
  let level = roots;
  for (let depth = 0; level.length > 0; depth += 1) {
    const next: Entry[] = [];
    for (const entry of level) {
      if (seen.has(entry.digest)) continue;
      seen.add(entry.digest);
      if (isIndex(entry)) next.push(...(await readIndex(source, entry)).filter(isRunnable));
      else leaves.push(await leafOf(source, entry));
      if (depth === MAX_DEPTH || next.length + seen.size > MAX_ENTRIES) {
        throw new BundlerError(
          "INTEGRITY",
          `${source.name}: its indexes are nested too deeply or have too many entries.`,
        );
      }
    }
    level = next;
  }
  return leaves;
}

function isIndex({ mediaType }: Descriptor): boolean {
  return mediaType === MEDIA_TYPES.ociIndex || mediaType === MEDIA_TYPES.dockerList;
}

async function readIndex(source: ArchiveSource, descriptor: Descriptor): Promise<readonly Entry[]> {
  const { digest, mediaType } = descriptor;
  const bytes = await readBlob(source, descriptor, LIMITS.manifest);
  const index = parseManifest(`${source.name}: index ${digest}`, bytes, mediaType);
  if (index.kind === "index") return index.entries;
  throw new BundlerError(
    "INTEGRITY",
    `${source.name}: ${digest} is an image where an index should be.`,
  );
}

/** Images of other platforms are often not in the archive, so those with a claim are not opened. */
async function leafOf(source: ArchiveSource, entry: Entry): Promise<Leaf> {
  const { mediaType, digest, size } = entry;
  const descriptor = { mediaType, digest, size };
  if (entry.platform !== undefined) return { descriptor, platform: entry.platform, name: digest };
  const { manifest } = await readImage(source, descriptor);
  const config = await readBlob(source, manifest.config, LIMITS.config);
  const { platform } = parseConfig(`${source.name}: config ${manifest.config.digest}`, config);
  return { descriptor, platform, name: digest };
}

async function readImage(
  source: ArchiveSource,
  descriptor: Descriptor,
): Promise<{ readonly bytes: Buffer; readonly manifest: ImageManifest }> {
  const bytes = await readBlob(source, descriptor, LIMITS.manifest);
  const manifest = parseManifest(
    `${source.name}: manifest ${descriptor.digest}`,
    bytes,
    descriptor.mediaType,
  );
  if (manifest.kind === "image") return { bytes, manifest };
  throw new BundlerError(
    "INTEGRITY",
    `${source.name}: ${descriptor.digest} is an index where an image should be.`,
  );
}

/** What can be known without reading the layer. */
function checkLayer(
  source: ArchiveSource,
  layer: Descriptor,
  found: { size: number; diffId: string },
): void {
  if (found.size !== layer.size) {
    throw new BundlerError(
      "INTEGRITY",
      `${source.name}: the layer ${layer.digest} has ${found.size} bytes, its manifest says ${layer.size}.`,
      {
        details: {
          file: source.name,
          digest: layer.digest,
          expected: layer.size,
          found: found.size,
        },
      },
    );
  }
  if (layerCompression(layer.mediaType) === "none" && found.diffId !== (layer.digest as string)) {
    throw new BundlerError(
      "INTEGRITY",
      `${source.name}: the uncompressed layer ${layer.digest} has another diffID in its config, ${found.diffId}.`,
      { details: { file: source.name, expected: layer.digest, found: found.diffId } },
    );
  }
}
