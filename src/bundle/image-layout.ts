import { createHash } from "node:crypto";
import { type Digest, digestFromHex, hexOf } from "../core/digest.js";
import { BundlerError } from "../core/errors.js";
import { parsePlatform } from "../core/platform.js";
import type { Descriptor } from "../image/descriptor.js";
import { MEDIA_TYPES } from "../image/media-types.js";
import type { LockedImage } from "../plan/types.js";
import { layoutTar, tarPieces } from "../tar/layout.js";

/** A run of an image tarball: known bytes, or a blob of the store as it is. */
type ImagePiece = { readonly bytes: Buffer } | { readonly digest: Digest; readonly size: number };

/** A blob and the byte of the tarball at which it begins, a multiple of 512. */
type PlacedBlob = Descriptor & { readonly offset: number };

/** Where every byte of an image tarball goes: of one image, or of several that share layers. */
export interface TarballLayout {
  /** In bytes, a multiple of 512. */
  readonly size: number;
  readonly pieces: readonly ImagePiece[];
  /** Each once, in the tarball's order. */
  readonly blobs: readonly PlacedBlob[];
  /** All bytes that are no blob's, one after the other: headers, documents, padding, end blocks. */
  readonly structure: { readonly size: number; readonly sha256: string };
}

/**
 * Every blob of images once: their manifests, configs and layers, in the order of digests.
 * @throws BundlerError INTEGRITY where a blob is given two sizes.
 */
export function blobsOf(...images: readonly LockedImage[]): readonly Descriptor[] {
  const blobs = new Map<Digest, Descriptor>();
  for (const image of images) {
    for (const { mediaType, digest, size } of [image.manifest, image.config, ...image.layers]) {
      const known = blobs.get(digest);
      if (known !== undefined && known.size !== size) {
        throw new BundlerError(
          "INTEGRITY",
          `${image.reference} gives ${digest} two sizes: ${known.size} and ${size} bytes.`,
          { details: { image: image.reference, digest, expected: known.size, found: size } },
        );
      }
      if (known === undefined) blobs.set(digest, { mediaType, digest, size });
    }
  }
  return [...blobs.values()].toSorted((a, b) => (a.digest < b.digest ? -1 : 1));
}

/** `blobs/sha256/<hex>`, as OCI image-layout.md has it. */
export function blobPath(digest: Digest): string {
  return `blobs/sha256/${hexOf(digest)}`;
}

/** The digest that a path inside a layout is named after; undefined where it is no blob's. */
export function blobDigest(path: string): Digest | undefined {
  const hex = /^blobs\/sha256\/([0-9a-f]{64})$/.exec(path)?.[1];
  return hex === undefined ? undefined : digestFromHex(hex);
}

/** `docker.io/library/redis:7.0.15` → `7.0.15`; undefined when there is no tag. */
export function tagOf(reference: string): string | undefined {
  return /^[^@]+:([A-Za-z0-9_][A-Za-z0-9_.-]{0,127})$/.exec(reference)?.[1];
}

/** An image of a tarball once, with every name that it goes by there. */
export interface NamedImage {
  readonly image: LockedImage;
  readonly references: readonly string[];
}

/** Images in their order, the same one once. */
export function namedImages(images: readonly LockedImage[]): readonly NamedImage[] {
  const named = new Map<Digest, { readonly image: LockedImage; readonly references: string[] }>();
  for (const image of images) {
    const known = named.get(image.manifest.digest);
    if (known === undefined) {
      named.set(image.manifest.digest, { image, references: [image.reference] });
    } else if (!known.references.includes(image.reference)) known.references.push(image.reference);
  }
  return [...named.values()];
}

/** The documents that make a folder of blobs an OCI layout and a Docker archive at once. */
export function imageDocuments(
  images: readonly LockedImage[],
): readonly { readonly path: string; readonly bytes: Buffer }[] {
  const named = namedImages(images);
  const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
  return [
    { path: "oci-layout", bytes: json({ imageLayoutVersion: "1.0.0" }) },
    {
      path: "index.json",
      bytes: json({
        schemaVersion: 2,
        mediaType: MEDIA_TYPES.ociIndex,
        manifests: named.flatMap(({ image, references }) =>
          references.map((reference) => indexEntry(image, reference)),
        ),
      }),
    },
    {
      path: "manifest.json",
      bytes: json(
        named.map(({ image, references }) => ({
          Config: blobPath(image.config.digest),
          RepoTags: references,
          // A layer that occurs twice is listed twice, although its blob is there once.
          Layers: image.layers.map(({ digest }) => blobPath(digest)),
        })),
      ),
    },
  ];
}

function indexEntry(image: LockedImage, reference: string): object {
  const tag = tagOf(reference);
  if (tag === undefined) throw new Error(`${reference} has no tag.`);
  const { os, architecture, variant } = parsePlatform(image.platform);
  const { mediaType, digest, size } = image.manifest;
  return {
    mediaType,
    digest,
    size,
    platform: { architecture, os, ...(variant ? { variant } : {}) },
    annotations: {
      "io.containerd.image.name": reference,
      "org.opencontainers.image.ref.name": tag,
    },
  };
}

/**
 * The layout of an image tarball that is a Docker archive (`docker load`, `podman load`) and an
 * OCI layout (image-spec image-layout.md) in one. The small documents come first, so that a
 * program that reads it as a stream knows what it is about to get.
 * @param mtime seconds since 1970, of every entry
 * @throws BundlerError INTEGRITY where a blob is given two sizes.
 */
export function layoutImageTarball(images: readonly LockedImage[], mtime: number): TarballLayout {
  const tar = layoutTar<Buffer | Descriptor>(
    [
      ...imageDocuments(images).map(({ path, bytes }) => ({
        path,
        size: bytes.length,
        content: bytes,
      })),
      ...blobsOf(...images).map((blob) => ({
        path: blobPath(blob.digest),
        size: blob.size,
        content: blob,
      })),
    ],
    mtime,
  );
  const structure = createHash("sha256");
  let structureSize = 0;
  const pieces = tarPieces(tar).map((piece): ImagePiece => {
    const content = "bytes" in piece ? piece.bytes : piece.entry.content;
    if (!Buffer.isBuffer(content)) return { digest: content.digest, size: content.size };
    structure.update(content);
    structureSize += content.length;
    return { bytes: content };
  });
  return {
    size: tar.size,
    pieces,
    blobs: tar.entries.flatMap(({ content, dataOffset }) =>
      content === undefined || Buffer.isBuffer(content) ? [] : { ...content, offset: dataOffset },
    ),
    structure: { size: structureSize, sha256: structure.digest("hex") },
  };
}
