import { basename } from "node:path";
import { openBundle } from "../bundle/reader.js";
import { BundlerError } from "../core/errors.js";
import type { EventSink } from "../core/events.js";
import { parsePlatform } from "../core/platform.js";
import { packageWalk } from "../sbom/read-packages.js";
import type { WalkedBundle } from "../walk/types.js";
import { walkBundle } from "../walk/walk.js";
import type { Finding } from "./report.js";
import { LAYERS, checkLayers, checkUnpacked } from "./rules/layers.js";
import { checkPrograms } from "./rules/programs.js";
import { checkSboms, hasSboms } from "./rules/sbom.js";

/**
 * Looks into every layer of every image. An archive whose structure cannot be followed gets one
 * finding that says so.
 * @throws BundlerError FILE when the archive cannot be read; INTERRUPTED.
 */
export async function checkDeep(
  path: string,
  {
    onWalked,
    ...options
  }: {
    readonly signal: AbortSignal;
    readonly onEvent: EventSink;
    /** Gets what was walked, with what tells of packages captured. */
    readonly onWalked?: (walked: WalkedBundle) => void;
  },
): Promise<readonly Finding[]> {
  let walked: WalkedBundle;
  let sboms: readonly Finding[] = [];
  try {
    const bundle = await openBundle(path);
    try {
      const looking = hasSboms(bundle);
      const wanted = looking || onWalked !== undefined ? packageWalk : {};
      walked = await walkBundle(bundle, { ...options, ...wanted });
      onWalked?.(walked);
      if (looking) sboms = await checkSboms(bundle, walked);
    } finally {
      await bundle.close();
    }
  } catch (error) {
    if (!(error instanceof BundlerError) || error.code !== "INTEGRITY") throw error;
    const message = `The layers cannot be looked into: ${error.message}`;
    return [LAYERS.finding("image/unread", { subject: basename(path), message })];
  }
  return [...checkWalked(walked), ...sboms];
}

/** What the rules say of a bundle that was walked through. */
function checkWalked(walked: WalkedBundle): readonly Finding[] {
  const platform = parsePlatform(walked.manifest.platform);
  return [
    ...checkUnpacked(walked),
    ...walked.images.flatMap((image) => [...checkLayers(image), ...checkPrograms(image, platform)]),
  ];
}
