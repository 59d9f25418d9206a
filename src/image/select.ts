import { BundlerError } from "../core/errors.js";
import type { Digest } from "../core/digest.js";
import { LIMITS } from "../core/limits.js";
import {
  type Platform,
  formatPlatform,
  normalizePlatform,
  platformDistance,
} from "../core/platform.js";
import type { Descriptor } from "./descriptor.js";
import type { ImageIndex, IndexEntry } from "./manifest.js";
import { MEDIA_TYPES } from "./media-types.js";

/** An image below an index. */
export interface Leaf {
  readonly descriptor: Descriptor;
  readonly platform: Platform;
  /** Whether an index says so; the image's own config does otherwise. */
  readonly claimed: boolean;
}

/** How the documents below an index are read. */
export interface LeafReader {
  readonly index: (descriptor: Descriptor) => Promise<ImageIndex>;
  /** What the config of an image says that it runs on; undefined for what is no image. */
  readonly platform: (descriptor: Descriptor) => Promise<Platform | undefined>;
}

/** Levels of indexes: a layout's, containerd's of one image, the images; more is a maze. */
const MAX_DEPTH = 4;
const MAX_ENTRIES = 4 * LIMITS.indexEntries;

/**
 * All images below the entries of an index, level by level, each once; none that an engine could not
 * run. Only documents without a claim, and indexes, are read.
 * @throws BundlerError INTEGRITY for indexes nested too deeply; whatever the reader throws.
 */
export async function leavesOf(
  what: string,
  entries: readonly IndexEntry[],
  reader: LeafReader,
): Promise<readonly Leaf[]> {
  const seen = new Set<Digest>();
  const leaves: Leaf[] = [];
  let level = entries;
  for (let depth = 0; level.length > 0; depth += 1) {
    const next: IndexEntry[] = [];
    for (const entry of level) {
      const { mediaType, digest, size } = entry;
      if (!isRunnable(entry) || seen.has(digest)) continue;
      seen.add(digest);
      const descriptor = { mediaType, digest, size };
      if (isIndex(entry)) next.push(...(await reader.index(descriptor)).entries);
      else {
        const platform = entry.platform ?? (await reader.platform(descriptor));
        if (platform !== undefined) {
          leaves.push({ descriptor, platform, claimed: entry.platform !== undefined });
        }
      }
      if (depth === MAX_DEPTH || next.length + seen.size > MAX_ENTRIES) {
        throw new BundlerError(
          "INTEGRITY",
          `${what}: its indexes are nested too deeply or have too many entries.`,
        );
      }
    }
    level = next;
  }
  return leaves;
}

/** BuildKit writes its attestations as images for no machine. */
export function isRunnable({ artifact, platform }: IndexEntry): boolean {
  return !artifact && platform?.os !== "unknown" && platform?.architecture !== "unknown";
}

function isIndex({ mediaType }: Descriptor): boolean {
  return mediaType === MEDIA_TYPES.ociIndex || mediaType === MEDIA_TYPES.dockerList;
}

/** The image that an engine of the target platform would choose; undefined when none runs there. */
export function selectLeaf(leaves: readonly Leaf[], target: Platform): Leaf | undefined {
  let best: { leaf: Leaf; distance: number } | undefined;
  for (const leaf of leaves) {
    const distance = platformDistance(target, leaf.platform);
    if (distance !== undefined && (best === undefined || distance < best.distance))
      best = { leaf, distance };
  }
  return best?.leaf;
}

/** The platforms of some images, in their order, each once, for people. */
export function offeredPlatforms(leaves: readonly Leaf[]): readonly string[] {
  return [
    ...new Set(
      leaves.map(({ platform }) =>
        describePlatform(
          normalizePlatform(platform),
          platform.architecture === "arm" && platform.variant === undefined,
        ),
      ),
    ),
  ];
}

/** A platform for people; `anyArm` when nobody said which arm it is. */
export function describePlatform(platform: Platform, anyArm: boolean): string {
  return anyArm
    ? `linux/arm (no variant is given, which means ${formatPlatform(platform)})`
    : formatPlatform(platform);
}
