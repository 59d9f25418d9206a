import { type Digest, digestOf } from "../core/digest.js";
import { BundlerError } from "../core/errors.js";
import { LIMITS } from "../core/limits.js";
import { readUnpackedSize } from "../image/unpacked-size.js";
import { readWindow } from "../tar/window.js";
import { parseConfigFacts } from "../walk/config-facts.js";
import type { BlobOf } from "../bundle/image-blobs.js";
import type { BundleComponent } from "../bundle/types.js";

/** A step that made an image (OCI image-spec config.md, `history`). */
export interface HistoryLine {
  /** As the builder wrote it: a line of a Dockerfile, mostly. */
  readonly createdBy: string;
  readonly comment?: string;
  readonly created?: string;
  /** Which layer it made, from 0; absent for a step that changed no file. */
  readonly layer?: number;
}

/** What an image's own documents and blobs tell, beside what bundle.json says of it. */
export interface ImageNotes {
  /** Sorted by name. */
  readonly labels: readonly { readonly name: string; readonly value: string }[];
  /** By its `org.opencontainers.image.licenses` label: an SPDX expression, as a rule. */
  readonly licenses?: string;
  /** Oldest first. */
  readonly history: readonly HistoryLine[];
  /** Bytes of a layer's tar, told by the ends of its blob as `unpacked` of bundle.json is. */
  readonly unpacked?: ReadonlyMap<Digest, number>;
}

const LICENSES = "org.opencontainers.image.licenses";

/**
 * Reads an image's config and, where `layers` says so, the ends of its layers.
 * @throws BundlerError INTEGRITY when its tarball, its config or a layer is damaged or missing.
 */
export async function readImageNotes(
  component: BundleComponent,
  blob: BlobOf,
  { layers }: { readonly layers: boolean },
): Promise<ImageNotes> {
  const { name, image } = component;
  const config = await readWindow(await blob(image.config.digest), LIMITS.config);
  // It may be found where it was expected, and not be the one that an engine gets.
  if (digestOf(config) !== image.config.digest) {
    throw new BundlerError(
      "INTEGRITY",
      `The config of ${name} is not ${image.config.digest}, but ${digestOf(config)}.`,
      { details: { component: name, digest: image.config.digest } },
    );
  }
  const { labels, history } = parseConfigFacts(`The config of ${name}`, config);
  let layer = 0;
  return {
    labels: Object.entries(labels)
      .map(([label, value]) => ({ name: label, value }))
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
    ...(Object.hasOwn(labels, LICENSES) ? { licenses: labels[LICENSES] ?? "" } : {}),
    history: history.map(({ emptyLayer, ...line }) => ({
      ...line,
      ...(emptyLayer ? {} : { layer: layer++ }),
    })),
    ...(layers ? { unpacked: await unpackedLayers(component, blob) } : {}),
  };
}

async function unpackedLayers(
  { image }: BundleComponent,
  blob: BlobOf,
): Promise<ReadonlyMap<Digest, number>> {
  const unpacked = new Map<Digest, number>();
  for (const { digest } of image.layers) {
    if (unpacked.has(digest)) continue;
    const window = await blob(digest);
    unpacked.set(digest, await readUnpackedSize({ size: window.length }, window));
  }
  return unpacked;
}
