import { BundlerError } from "../core/errors.js";
import { LIMITS } from "../core/limits.js";
import { type Platform, formatPlatform, platformDistance } from "../core/platform.js";
import { parseConfig } from "../image/config.js";
import type { Descriptor } from "../image/descriptor.js";
import { type ImageManifest, parseManifest } from "../image/manifest.js";
import { offeredPlatforms, selectEntry } from "../image/select.js";
import type { Registry } from "../registry/client.js";
import { type Reference, formatReference } from "../image/reference.js";
import type { Store } from "../store/store.js";
import type { LockedImage } from "./types.js";

/** What a registry has for one reference and one platform. */
export type Resolution =
  | { readonly kind: "found"; readonly image: LockedImage }
  /** The image exists, but not for the platform; `offered` is what the registry really has. */
  | { readonly kind: "other-platforms"; readonly offered: readonly string[] }
  /** The index promises the platform, the image's own config says another one. */
  | { readonly kind: "contradiction"; readonly promised: string; readonly configured: string }
  /** Missing, not readable for us, or in a format engines refuse. */
  | { readonly kind: "unusable"; readonly error: BundlerError };

interface ResolveContext {
  readonly registry: Registry;
  readonly store: Store;
  readonly signal: AbortSignal;
}

/**
 * Asks a registry for an image: index, manifest and config, never a layer. The config decides
 * the platform, for an image inside an index as for a single manifest. Manifest and config are
 * kept in the store, where packing finds them.
 * @throws BundlerError NETWORK when the registry cannot be asked, INTEGRITY when bytes arrive spoilt
 *   from every source, INTERRUPTED.
 */
export async function resolveImage(
  reference: Reference,
  target: Platform,
  context: ResolveContext,
): Promise<Resolution> {
  try {
    return await resolve(reference, target, context);
  } catch (error) {
    if (error instanceof Unusable) return { kind: "unusable", error: error.reason };
    if (error instanceof BundlerError && (error.code === "NOT_FOUND" || error.code === "AUTH")) {
      return { kind: "unusable", error };
    }
    throw error;
  }
}

/** Carries what is wrong with a document that arrived as it should. */
class Unusable extends Error {
  readonly reason: BundlerError;

  constructor(reason: BundlerError) {
    super(reason.message);
    this.reason = reason;
  }
}

function unusable(message: string): Unusable {
  return new Unusable(new BundlerError("INTEGRITY", message));
}

/**
 * Reads a document of the image. What fails here is the image's fault, and an alternative may stand
 * in; bytes that were spoilt on their way are nobody's reason to take another image.
 */
function read<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw error instanceof BundlerError ? new Unusable(error) : error;
  }
}

async function resolve(
  reference: Reference,
  target: Platform,
  context: ResolveContext,
): Promise<Resolution> {
  const { registry, store, signal } = context;
  const name = formatReference(reference);
  const top = await registry.manifest(reference, signal);
  const document = read(() => parseManifest(name, top.bytes, top.mediaType));
  if (document.kind === "image") {
    const manifest = { mediaType: document.mediaType, digest: top.digest, size: top.bytes.length };
    await store.put(top.bytes);
    return resolveConfig(reference, target, context, { manifest, document });
  }
  const entry = selectEntry(document, target);
  if (entry === undefined) return { kind: "other-platforms", offered: offeredPlatforms(document) };
  const { mediaType, digest, size } = entry;
  const bytes = await pinnedManifest(reference, { mediaType, digest, size }, context);
  const inner = read(() => parseManifest(`${name}@${digest}`, bytes, mediaType));
  if (inner.kind === "index") {
    throw unusable(`${name} holds an index inside its index, which engines do not load.`);
  }
  return resolveConfig(reference, target, context, {
    index: { mediaType: document.mediaType, digest: top.digest, size: top.bytes.length },
    manifest: { mediaType: inner.mediaType, digest, size },
    document: inner,
    promised: entry.platform,
  });
}

/** A manifest by its digest, from the store when it is there. */
export async function pinnedManifest(
  reference: Reference,
  descriptor: Descriptor,
  { registry, store, signal }: ResolveContext,
): Promise<Uint8Array> {
  const { digest, size } = descriptor;
  if (await store.has(digest, size)) return store.read(digest, LIMITS.manifest);
  const { registry: host, repository } = reference;
  const { bytes } = await registry.manifest({ registry: host, repository, digest }, signal);
  if (bytes.length !== size) {
    throw new BundlerError(
      "INTEGRITY",
      `${formatReference(reference)}: manifest ${digest} has ${bytes.length} bytes, its descriptor says ${size}.`,
    );
  }
  await store.put(bytes);
  return bytes;
}

async function pinnedConfig(
  reference: Reference,
  descriptor: Descriptor,
  { registry, store, signal }: ResolveContext,
): Promise<Uint8Array> {
  if (await store.has(descriptor.digest, descriptor.size))
    return store.read(descriptor.digest, LIMITS.config);
  const bytes = await registry.blob(reference, descriptor, signal);
  await store.put(bytes);
  return bytes;
}

async function resolveConfig(
  reference: Reference,
  target: Platform,
  context: ResolveContext,
  found: {
    readonly index?: Descriptor;
    readonly manifest: Descriptor;
    readonly document: ImageManifest;
    readonly promised?: Platform;
  },
): Promise<Resolution> {
  const name = formatReference(reference);
  const { index, manifest, document, promised } = found;
  const bytes = await pinnedConfig(reference, document.config, context);
  const config = read(() => parseConfig(`${name}: config ${document.config.digest}`, bytes));
  const configured = formatPlatform(config.platform);
  if (platformDistance(target, config.platform) === undefined) {
    return promised === undefined
      ? { kind: "other-platforms", offered: [configured] }
      : { kind: "contradiction", promised: formatPlatform(promised), configured };
  }
  const layers = document.layers.flatMap((layer, position) => {
    const diffId = config.diffIds[position];
    return diffId === undefined ? [] : [{ ...layer, diffId }];
  });
  if (layers.length !== document.layers.length || layers.length !== config.diffIds.length) {
    throw unusable(
      `${name}: the manifest has ${document.layers.length} layers, its config ${config.diffIds.length} diffIDs.`,
    );
  }
  return {
    kind: "found",
    image: {
      reference: taggedName(reference),
      ...(index ? { index } : {}),
      manifest,
      config: document.config,
      layers,
      platform: configured,
      ...(config.created ? { created: config.created } : {}),
    },
  };
}

/** The name an engine will know the image by: the digest, if any, is dropped, since loading keeps tags only. */
function taggedName({ registry, repository, tag }: Reference): string {
  return formatReference({ registry, repository, tag: tag ?? "latest" });
}
