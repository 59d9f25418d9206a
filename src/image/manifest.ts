import { z } from "zod";
import { BundlerError } from "../core/errors.js";
import { LIMITS } from "../core/limits.js";
import type { Platform } from "../core/platform.js";
import { type Descriptor, descriptorSchema } from "./descriptor.js";
import { parseJson } from "./json.js";
import { MEDIA_TYPES, layerCompression } from "./media-types.js";

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
  /** BuildKit's attestation manifests, which engines cannot run. */
  readonly attestation: boolean;
}

/** Several images under one name (OCI image-index.md, Docker manifest list). */
export interface ImageIndex {
  readonly kind: "index";
  readonly mediaType: string;
  readonly entries: readonly IndexEntry[];
}

const manifestSchema = z.object({
  schemaVersion: z.literal(2),
  config: descriptorSchema,
  layers: z.array(descriptorSchema).max(LIMITS.layers),
});

/** Platform names are a few letters; a megabyte of them is an attack. */
const word = z.string().max(64);

const indexSchema = z.object({
  schemaVersion: z.literal(2),
  manifests: z
    .array(
      descriptorSchema.extend({
        platform: z.object({ os: word, architecture: word, variant: word.optional() }).optional(),
        annotations: z.record(z.string(), z.string()).nullish(),
      }),
    )
    .max(LIMITS.indexEntries),
});

const headSchema = z.object({
  schemaVersion: z.number(),
  mediaType: z.string().optional(),
  manifests: z.unknown().optional(),
  layers: z.unknown().optional(),
  fsLayers: z.unknown().optional(),
});

/**
 * Reads a manifest or index. `contentType` is what the registry said; the document's own
 * `mediaType` wins where both are given and agree on nothing, as the spec requires them equal.
 * @throws BundlerError INTEGRITY for schema 1, for a document that is neither, or not well formed.
 */
export function parseManifest(
  what: string,
  bytes: Uint8Array,
  contentType?: string,
): ImageManifest | ImageIndex {
  const head = parseJson(what, bytes, headSchema);
  const mediaType = head.mediaType ?? contentType?.split(";")[0]?.trim();
  if (head.schemaVersion === 1 || head.fsLayers !== undefined) {
    throw new BundlerError(
      "INTEGRITY",
      `${what} is a Docker schema 1 manifest, a format that engines since Docker 26 refuse.`,
      { hint: "Name a newer tag of this image, or an alternative image, in components.yaml." },
    );
  }
  const isIndex = mediaType === MEDIA_TYPES.ociIndex || mediaType === MEDIA_TYPES.dockerList;
  const isImage = mediaType === MEDIA_TYPES.ociManifest || mediaType === MEDIA_TYPES.dockerManifest;
  // A document with both lists is an attack on tools that read different ones (CVE-2021-41190).
  if ((head.manifests !== undefined) === (head.layers !== undefined)) {
    throw new BundlerError("INTEGRITY", `${what} is neither an image manifest nor an index.`, {
      details: { mediaType },
    });
  }
  if ((isIndex && head.manifests === undefined) || (isImage && head.layers === undefined)) {
    throw new BundlerError("INTEGRITY", `${what} says it is ${mediaType}, but its content is not.`);
  }
  if (head.manifests !== undefined) {
    const index = parseJson(what, bytes, indexSchema);
    return {
      kind: "index",
      mediaType: isIndex ? mediaType : MEDIA_TYPES.ociIndex,
      entries: index.manifests.map(({ mediaType, digest, size, platform, annotations }) => ({
        mediaType,
        digest,
        size,
        ...(platform ? { platform: definedPlatform(platform) } : {}),
        attestation: annotations?.["vnd.docker.reference.type"] === "attestation-manifest",
      })),
    };
  }
  const manifest = parseJson(what, bytes, manifestSchema);
  if (
    manifest.config.mediaType !== MEDIA_TYPES.ociConfig &&
    manifest.config.mediaType !== MEDIA_TYPES.dockerConfig
  ) {
    throw new BundlerError(
      "INTEGRITY",
      `${what} is not a container image: its config is ${JSON.stringify(manifest.config.mediaType)}.`,
      { hint: "Helm charts, signatures and other artifacts cannot be loaded by an engine." },
    );
  }
  for (const layer of manifest.layers) {
    if (layerCompression(layer.mediaType) === undefined) {
      throw new BundlerError(
        "INTEGRITY",
        `${what} has a layer of a kind no engine unpacks: ${JSON.stringify(layer.mediaType)} (${layer.digest}).`,
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

function definedPlatform(platform: {
  os: string;
  architecture: string;
  variant?: string | undefined;
}): Platform {
  const { os, architecture, variant } = platform;
  return variant ? { os, architecture, variant } : { os, architecture };
}
