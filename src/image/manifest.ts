import { z } from "zod";
import { BundlerError } from "../core/errors.js";
import { LIMITS } from "../core/limits.js";
import type { Platform } from "../core/platform.js";
import { type Descriptor, descriptorSchema } from "./descriptor.js";
import { goList, goString, parseJson } from "./json.js";
import { MEDIA_TYPES, isLayerType } from "./media-types.js";

/** One image for one platform (OCI image-spec manifest.md, Docker schema 2). Layers are base first. */
export interface ImageManifest {
  readonly kind: "image";
  readonly mediaType: string;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

/** An entry of an index. `platform` is absent where the index does not say. */
export interface IndexEntry extends Descriptor {
  readonly platform?: Platform;
  /** BuildKit's attestations, signatures, SBOMs: nothing that an engine could run. */
  readonly artifact: boolean;
}

/** Several images under one name (OCI image-index.md, Docker manifest list). */
export interface ImageIndex {
  readonly kind: "index";
  readonly mediaType: string;
  readonly entries: readonly IndexEntry[];
}

/**
 * What configs of images are called: the last three by registries and builders of long ago, and Docker
 * takes them. What such a config is, its bytes tell.
 */
const CONFIG_TYPES: ReadonlySet<string> = new Set([
  MEDIA_TYPES.ociConfig,
  MEDIA_TYPES.dockerConfig,
  "application/octet-stream",
  "application/json",
  "text/html",
]);

/** What `cosign save` writes into a layout beside the image. */
const COSIGN_EXTRAS: ReadonlySet<string> = new Set([
  "dev.cosignproject.cosign/sigs",
  "dev.cosignproject.cosign/atts",
  "dev.cosignproject.cosign/sboms",
]);

/** Platform names are a few letters; a megabyte of them is an attack. */
const word = goString(64);

/** A list that is not there is as good as an empty one, but tells an index from an image. */
const headSchema = z.object({
  schemaVersion: z.number(),
  mediaType: goString(255),
  manifests: z.unknown().optional(),
  layers: z.unknown().optional(),
  config: z.unknown().optional(),
  fsLayers: z.unknown().optional(),
});

/** With the types of the fields that we do not need: engines refuse the whole document for one of them. */
const entrySchema = descriptorSchema.extend({
  platform: z.object({ os: word, architecture: word, variant: word }).nullish(),
  annotations: z.record(z.string(), goString(LIMITS.manifest)).nullish(),
  artifactType: goString(255),
  urls: goList(goString(LIMITS.manifest), 100),
});

const blobSchema = entrySchema.transform(({ mediaType, digest, size }) => ({
  mediaType,
  digest,
  size,
}));

const manifestSchema = z.object({
  schemaVersion: z.literal(2),
  config: blobSchema,
  layers: goList(blobSchema, LIMITS.layers),
});

const indexSchema = z.object({
  schemaVersion: z.literal(2),
  manifests: goList(entrySchema, LIMITS.indexEntries),
});

/**
 * Reads a manifest or index. `contentType` is what the registry said; the document's own
 * `mediaType` wins where both are given and agree on nothing, as the spec requires them equal.
 * @throws BundlerError INTEGRITY for schema 1, for a document that is neither, or not well formed;
 *   with `artifact` in its details for a signature or a chart, which is no image at all, and schema 1.
 */
export function parseManifest(
  what: string,
  bytes: Uint8Array,
  contentType?: string,
): ImageManifest | ImageIndex {
  const head = parseJson(what, bytes, headSchema);
  const mediaType = head.mediaType === "" ? contentType?.split(";")[0]?.trim() : head.mediaType;
  if (head.schemaVersion === 1 || head.fsLayers !== undefined) {
    throw new BundlerError(
      "INTEGRITY",
      `${what} is a Docker schema 1 manifest, a format that engines since Docker 26 refuse.`,
      {
        hint: "Name a newer tag of this image, or an alternative image, in components.yaml.",
        details: { artifact: MEDIA_TYPES.dockerSchema1 },
      },
    );
  }
  const isIndex = mediaType === MEDIA_TYPES.ociIndex || mediaType === MEDIA_TYPES.dockerList;
  const isImage = mediaType === MEDIA_TYPES.ociManifest || mediaType === MEDIA_TYPES.dockerManifest;
  const { manifests, layers, config } = head;
  // Both lists are an attack on tools that read different ones (CVE-2021-41190), be one of them null.
  const lists = manifests !== undefined;
  const fills = layers !== undefined || (config !== undefined && config !== null);
  if (lists === fills) {
    throw new BundlerError("INTEGRITY", `${what} is neither an image manifest nor an index.`, {
      details: { mediaType },
    });
  }
  if ((isIndex && !lists) || (isImage && !fills)) {
    throw new BundlerError("INTEGRITY", `${what} says it is ${mediaType}, but its content is not.`);
  }
  if (lists) {
    const index = parseJson(what, bytes, indexSchema);
    return {
      kind: "index",
      mediaType: isIndex ? mediaType : MEDIA_TYPES.ociIndex,
      entries: index.manifests.map(({ mediaType, digest, size, ...entry }) => ({
        ...{ mediaType, digest, size },
        ...definedPlatform(entry.platform),
        artifact:
          entry.artifactType !== "" ||
          entry.annotations?.["vnd.docker.reference.type"] === "attestation-manifest" ||
          COSIGN_EXTRAS.has(entry.annotations?.["kind"] ?? ""),
      })),
    };
  }
  const manifest = parseJson(what, bytes, manifestSchema);
  if (!CONFIG_TYPES.has(manifest.config.mediaType)) {
    throw new BundlerError(
      "INTEGRITY",
      `${what} is not a container image: its config is ${JSON.stringify(manifest.config.mediaType)}.`,
      {
        hint: "Helm charts, signatures and other artifacts cannot be loaded by an engine.",
        details: { artifact: manifest.config.mediaType },
      },
    );
  }
  for (const layer of manifest.layers) {
    if (!isLayerType(layer.mediaType)) {
      throw new BundlerError(
        "INTEGRITY",
        `${what} has a layer of a kind no engine unpacks: ${JSON.stringify(layer.mediaType)} (${layer.digest}).`,
        { details: { artifact: layer.mediaType } },
      );
    }
  }
  return {
    kind: "image",
    mediaType: isImage ? mediaType : MEDIA_TYPES.ociManifest,
    config: manifest.config,
    layers: manifest.layers,
  };
}

/** Where an index names no machine, the image's config does. */
function definedPlatform(
  platform: { os: string; architecture: string; variant: string } | null | undefined,
): { readonly platform?: Platform } {
  if (!platform || platform.os === "" || platform.architecture === "") return {};
  const { os, architecture, variant } = platform;
  return { platform: variant === "" ? { os, architecture } : { os, architecture, variant } };
}
