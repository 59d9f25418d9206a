import { packedComponents } from "../acquire/acquisition.js";
import { type ManifestInput, describeBundle } from "../bundle/describe.js";
import type { Digest } from "../core/digest.js";
import type { EventSink } from "../core/events.js";
import { type SbomDocument, sbomDocuments, sbomPaths } from "../sbom/documents.js";
import { imagesOf, packageWalk } from "../sbom/read-packages.js";
import type { TarWindow } from "../tar/window.js";
import { walkBlobs } from "../walk/walk-blobs.js";

/** The SBOMs of a bundle. */
export interface Sboms {
  readonly documents: readonly SbomDocument[];
  /** Distinct packages that they list. */
  readonly packages: number;
}

/** The documents that there will be, before anybody has looked into an image: their places are what counts. */
export function announcedSboms({ lock }: Pick<ManifestInput, "lock">): readonly SbomDocument[] {
  return sbomPaths(packedComponents(lock).map(({ name }) => name)).map((path) => ({
    path,
    text: "",
  }));
}

/**
 * Looks into all images of a bundle where they lie.
 * @throws BundlerError as walkBlobs does.
 */
export async function makeSboms(
  input: ManifestInput,
  windowOf: (digest: Digest) => TarWindow,
  context: { readonly signal: AbortSignal; readonly onEvent: EventSink },
): Promise<Sboms> {
  const { lock } = input;
  const { signal, onEvent } = context;
  const walked = await walkBlobs(lock.platform, packedComponents(lock), windowOf, {
    ...packageWalk,
    signal,
    onEvent,
  });
  const images = imagesOf(walked);
  const unread = images.flatMap(({ packages }) => packages.skipped);
  if (unread.length > 0) {
    const [{ path, reason }] = unread as [(typeof unread)[number]];
    const more = unread.length === 1 ? "" : `, and ${unread.length - 1} more`;
    const message = `The SBOM lacks what could not be read: ${path} ${reason}${more}.`;
    onEvent({ type: "notice", level: "warn", message });
  }
  const purls = images.flatMap(({ packages }) => packages.packages.map(({ purl }) => purl));
  return {
    documents: sbomDocuments(describeBundle(input).manifest, images),
    packages: new Set(purls).size,
  };
}
