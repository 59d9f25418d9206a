import { BundlerError } from "../core/errors.js";
import { LIMITS } from "../core/limits.js";
import { type Platform, formatPlatform, platformDistance } from "../core/platform.js";
import { parseConfig, platformOf } from "../image/config.js";
import type { Descriptor } from "../image/descriptor.js";
import { type ImageIndex, type ImageManifest, parseManifest } from "../image/manifest.js";
import { describePlatform, leavesOf, offeredPlatforms, selectLeaf } from "../image/select.js";
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
  const { platforms, leaf } = await lookBelow(reference, document, target, context);
  if (leaf === undefined) return { kind: "other-platforms", offered: platforms };
  const { descriptor, platform, claimed } = leaf;
  const inner = await pinnedImage(reference, descriptor, context);
  return resolveConfig(reference, target, context, {
    index: { mediaType: document.mediaType, digest: top.digest, size: top.bytes.length },
    manifest: { ...descriptor, mediaType: inner.mediaType },
    document: inner,
    ...(claimed ? { promised: platform } : {}),
  });
}

/** The image below an index that is for the target, and all platforms there. */
async function lookBelow(
  reference: Reference,
  index: ImageIndex,
  target: Platform,
  context: ResolveContext,
) {
  const name = formatReference(reference);
  const faults: Unusable[] = [];
  const leaves = await leavesOf(name, index.entries, {
    index: async (descriptor) => {
      const { digest, mediaType } = descriptor;
      const bytes = await pinnedManifest(reference, descriptor, context);
      const inner = read(() => parseManifest(`${name}@${digest}`, bytes, mediaType));
      if (inner.kind === "index") return inner;
      throw unusable(`${name}: ${digest} is an image where its index promises an index.`);
    },
    platform: async (descriptor) => {
      try {
        const { config } = await pinnedImage(reference, descriptor, context);
        const bytes = await pinnedConfig(reference, config, context);
        return read(() => parseConfig(`${name}: config ${config.digest}`, bytes)).platform;
      } catch (error) {
        // A signature or another artifact beside the images.
        if (!(error instanceof Unusable) || !("artifact" in error.reason.details)) throw error;
        faults.push(error);
        return undefined;
      }
    },
  });
  const [fault] = faults;
  if (leaves.length === 0 && fault !== undefined) throw fault;
  return { platforms: offeredPlatforms(leaves), leaf: selectLeaf(leaves, target) };
}

async function pinnedImage(
  reference: Reference,
  descriptor: Descriptor,
  context: ResolveContext,
): Promise<ImageManifest> {
  const name = `${formatReference(reference)}@${descriptor.digest}`;
  const bytes = await pinnedManifest(reference, descriptor, context);
  const document = read(() => parseManifest(name, bytes, descriptor.mediaType));
  if (document.kind === "image") return document;
  throw unusable(`${name} is an index where its index promises an image.`);
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
  image: {
    readonly index?: Descriptor;
    readonly manifest: Descriptor;
    readonly document: ImageManifest;
    readonly promised?: Platform;
  },
): Promise<Resolution> {
  const name = formatReference(reference);
  const { index, manifest, document, promised } = image;
  const bytes = await pinnedConfig(reference, document.config, context);
  const config = read(() => parseConfig(`${name}: config ${document.config.digest}`, bytes));
  const found = platformOf(config, promised);
  const configured = formatPlatform(found);
  if (platformDistance(target, found) === undefined) {
    return promised === undefined
      ? { kind: "other-platforms", offered: [describePlatform(found, config.anyArm)] }
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
