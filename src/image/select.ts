import {
  type Platform,
  formatPlatform,
  normalizePlatform,
  platformDistance,
} from "../core/platform.js";
import type { ImageIndex, IndexEntry } from "./manifest.js";

/** The entries an engine could run: no attestations, no unknown platforms. */
function runnableEntries(
  index: ImageIndex,
): readonly (IndexEntry & { readonly platform: Platform })[] {
  return index.entries.filter(
    (entry): entry is IndexEntry & { readonly platform: Platform } =>
      !entry.attestation &&
      entry.platform !== undefined &&
      entry.platform.os !== "unknown" &&
      entry.platform.architecture !== "unknown",
  );
}

/** The best entry for a target, as an engine of that platform would choose; undefined when none runs there. */
export function selectEntry(
  index: ImageIndex,
  target: Platform,
): (IndexEntry & { readonly platform: Platform }) | undefined {
  let best: { entry: IndexEntry & { readonly platform: Platform }; distance: number } | undefined;
  for (const entry of runnableEntries(index)) {
    const distance = platformDistance(target, entry.platform);
    if (distance !== undefined && (best === undefined || distance < best.distance))
      best = { entry, distance };
  }
  return best?.entry;
}

/** The platforms an index offers, in its order, each once. */
export function offeredPlatforms(index: ImageIndex): readonly string[] {
  return [
    ...new Set(
      runnableEntries(index).map((entry) => formatPlatform(normalizePlatform(entry.platform))),
    ),
  ];
}
