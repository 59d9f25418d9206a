import type { Digest } from "../core/digest.js";
import { BundlerError, isAbort } from "../core/errors.js";
import type { EventSink } from "../core/events.js";
import type { Descriptor } from "../image/descriptor.js";
import { pinnedManifest } from "../plan/resolve.js";
import type { LockedComponent, LockedImage, PlatformLock } from "../plan/types.js";
import type { Registry } from "../registry/client.js";
import { type Reference, parseReference } from "../image/reference.js";
import type { Store } from "../store/store.js";

export interface FetchContext {
  readonly registry: Registry;
  readonly store: Store;
  readonly signal: AbortSignal;
  readonly onEvent: EventSink;
}

/** A blob that the store lacks and the image that it is fetched for; images that share it wait for it too. */
interface Missing {
  readonly descriptor: Descriptor;
  readonly reference: Reference;
  readonly component: string;
}

/** What fetching a platform's images will cost. */
export interface FetchPlan {
  readonly missing: ReadonlyMap<Digest, Missing>;
  /** Bytes to be downloaded. */
  readonly bytes: number;
}

/** The components of a lock whose image goes into the bundle. */
export function packedComponents(
  lock: PlatformLock,
): readonly (LockedComponent & { readonly image: LockedImage })[] {
  return lock.components.filter(
    (component): component is LockedComponent & { readonly image: LockedImage } =>
      component.image !== undefined,
  );
}

/** Compares what the lock needs with what the store has. */
export async function planFetch(lock: PlatformLock, store: Store): Promise<FetchPlan> {
  const missing = new Map<Digest, Missing>();
  let bytes = 0;
  for (const { name, image } of packedComponents(lock)) {
    const reference = parseReference(image.reference);
    for (const descriptor of [image.manifest, image.config, ...image.layers]) {
      if (missing.has(descriptor.digest) || (await store.has(descriptor.digest, descriptor.size)))
        continue;
      missing.set(descriptor.digest, { descriptor, reference, component: name });
      bytes += descriptor.size;
    }
  }
  return { missing, bytes };
}

/**
 * Brings every missing blob into the store, each once, and calls `onReady` for each component as
 * soon as its image is whole. The images with most to fetch start first, so that none of them is
 * left alone at the end. The first failure stops the others.
 * @throws BundlerError naming the component: NETWORK, AUTH, INTEGRITY, DISK, INTERRUPTED; LOCK when
 *   the registry no longer has what the lock pins.
 */
export async function fetchImages(
  lock: PlatformLock,
  plan: FetchPlan,
  context: FetchContext & { readonly onReady: (component: string) => void },
): Promise<void> {
  const { onEvent, onReady } = context;
  const failed = new AbortController();
  const signal = AbortSignal.any([context.signal, failed.signal]);
  const inner = { ...context, signal };
  const flights = new Map<Digest, Promise<void>>();
  const missingBytes = ({ image }: { image: LockedImage }): number =>
    [image.manifest, image.config, ...image.layers].reduce(
      (sum, { digest, size }) => sum + (plan.missing.has(digest) ? size : 0),
      0,
    );
  const components = packedComponents(lock).toSorted((a, b) => missingBytes(b) - missingBytes(a));

  const blobFlight = ({ digest }: Descriptor): Promise<void> => {
    const wanted = plan.missing.get(digest);
    if (wanted === undefined) return Promise.resolve();
    let flight = flights.get(digest);
    if (flight === undefined) {
      flight = fetchBlob(wanted, inner).catch((error: unknown) => {
        failed.abort(error);
        throw error;
      });
      flights.set(digest, flight);
    }
    return flight;
  };

  onEvent({
    type: "phase-start",
    phase: "fetch",
    subject: lock.platform,
    totalBytes: plan.bytes,
    totalItems: components.length,
  });
  const outcomes = await Promise.allSettled(
    components.map(async ({ name, image }) => {
      const fetched = missingBytes({ image }) > 0;
      if (fetched) onEvent({ type: "item", phase: "fetch", name, state: "start" });
      await Promise.all([image.manifest, image.config, ...image.layers].map(blobFlight));
      onEvent({ type: "item", phase: "fetch", name, state: fetched ? "done" : "skipped" });
      onReady(name);
    }),
  );
  const errors = outcomes.flatMap((outcome) =>
    outcome.status === "rejected" ? [outcome.reason as unknown] : [],
  );
  if (errors.length > 0) throw errors.find((error) => !isAbort(error)) ?? errors[0];
  const summary =
    plan.missing.size === 0 ? "everything is in the store" : `${plan.missing.size} blobs`;
  onEvent({ type: "phase-end", phase: "fetch", subject: lock.platform, summary });
}

async function fetchBlob(
  { descriptor, reference, component }: Missing,
  context: FetchContext,
): Promise<void> {
  const { registry, store, signal, onEvent } = context;
  const onBytes = (delta: number): void => onEvent({ type: "bytes", phase: "fetch", delta });
  try {
    if (isManifest(descriptor)) {
      await pinnedManifest(reference, descriptor, context);
      onBytes(descriptor.size);
    } else {
      await registry.download(reference, descriptor, store, { signal, onBytes });
    }
  } catch (error) {
    if (!(error instanceof BundlerError) || error.code === "INTERRUPTED") throw error;
    throw error.with({ component }, `${component}: `);
  }
}

function isManifest({ mediaType }: Descriptor): boolean {
  return /\.manifest\.v\d\+json$/.test(mediaType);
}
