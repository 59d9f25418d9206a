import { fetchImages, packedComponents, planFetch } from "../acquire/fetch.js";
import type { BundleWriter } from "../bundle/writer.js";
import { type Digest, isDigest } from "../core/digest.js";
import { BundlerError } from "../core/errors.js";
import { noEvents } from "../core/events.js";
import type { PlatformLock } from "../plan/types.js";
import type { JobOptions, Opened } from "./job.js";

/** How a run reaches its registries and its store. */
export type PackContext = JobOptions & Opened;

/** Packs one image tarball; a blob that has rotted in the store is dropped and fetched again, once in a run. */
export async function packTarball(
  tarball: string,
  lock: PlatformLock,
  writer: BundleWriter,
  context: PackContext & { readonly healing: Map<Digest, Promise<void>> },
): Promise<void> {
  const healedHere = new Set<Digest>();
  for (;;) {
    try {
      await writer.tarball(tarball);
      return;
    } catch (error) {
      if (!(error instanceof BundlerError)) throw error;
      const { digest, component } = error.details;
      if (typeof digest !== "string" || !isDigest(digest) || healedHere.has(digest)) throw error;
      if (typeof component !== "string") throw error;
      healedHere.add(digest);
      // Images that share the blob meet the same damage and wait for the same cure.
      const cure = context.healing.get(digest) ?? healBlob(digest, component, lock, context);
      context.healing.set(digest, cure);
      await cure;
    }
  }
}

/**
 * Takes a damaged blob out of the store and fetches it again.
 * @throws BundlerError INTEGRITY where only another run can make it anew; as fetchImages does.
 */
export async function healBlob(
  digest: Digest,
  component: string,
  lock: PlatformLock,
  context: PackContext,
): Promise<void> {
  await context.store.remove(digest);
  const components = packedComponents(lock).filter(({ name }) => name === component);
  const method = components[0]?.method;
  if (method === "provided" || method === "build") {
    const anew =
      method === "build" ? "the image is built anew" : "it is read from the image archive anew";
    throw new BundlerError(
      "INTEGRITY",
      `${component}: the stored blob ${digest} was damaged and has been deleted.`,
      {
        hint: `Run the same command again: ${anew}.`,
        details: { component },
      },
    );
  }
  const message = `${component}: the stored blob ${digest} was damaged; it is fetched again.`;
  context.onEvent({ type: "notice", level: "warn", message });
  const single = { platform: lock.platform, components };
  await fetchImages(single, await planFetch(single, context.store), {
    ...context,
    onEvent: noEvents,
    onReady: () => undefined,
  });
}
