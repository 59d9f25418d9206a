import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { fetchImages, packedComponents, planFetch } from "../acquire/fetch.js";
import { type ManifestInput, describeBundle } from "../bundle/describe.js";
import { type Digest, digestFromHex } from "../core/digest.js";
import type { EventSink } from "../core/events.js";
import { type SbomDocument, sbomDocuments } from "../sbom/documents.js";
import { imagesOf, packageWalk } from "../sbom/read-packages.js";
import type { WalkedImage } from "../walk/types.js";
import { walkBlobs } from "../walk/walk-blobs.js";
import { type PackContext, healBlob } from "./pack-image.js";

/** The SBOMs of a bundle before it is written. */
export interface Sboms {
  readonly documents: readonly SbomDocument[];
  /** Distinct packages that they list. */
  readonly packages: number;
}

/**
 * Fetches all images of a bundle and looks into them: an archive's layout needs to know how large
 * every file is, so its SBOMs are made before it.
 * @throws BundlerError as fetchImages, walkBlobs and healBlob do.
 */
export async function makeSboms(
  input: ManifestInput,
  context: PackContext & { readonly onFetch: EventSink },
): Promise<Sboms> {
  const { lock } = input;
  const { store, onEvent, onFetch } = context;
  await fetchImages(lock, await planFetch(lock, store), {
    ...context,
    onEvent: onFetch,
    onReady: () => undefined,
  });
  const walk = (): Promise<readonly WalkedImage[]> =>
    walkBlobs(lock.platform, packedComponents(lock), (digest) => store.path(digest), {
      ...context,
      ...packageWalk,
    });
  let walked = await walk();
  if (await healDamaged(walked, input, context)) walked = await walk();
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

/** Fetches layers again that have rotted in the store; one that its registry has damaged stays so. */
async function healDamaged(
  walked: readonly WalkedImage[],
  { lock }: ManifestInput,
  context: PackContext,
): Promise<boolean> {
  const seen = new Set<Digest>();
  let healed = false;
  for (const { component, layers } of walked) {
    for (const { digest, trouble } of layers) {
      if (trouble?.kind !== "damaged" || seen.has(digest)) continue;
      seen.add(digest);
      if ((await digestOfFile(context.store.path(digest), context.signal)) === digest) continue;
      await healBlob(digest, component, lock, context);
      healed = true;
    }
  }
  return healed;
}

async function digestOfFile(file: string, signal: AbortSignal): Promise<Digest> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), hash, { signal });
  return digestFromHex(hash.digest("hex"));
}
