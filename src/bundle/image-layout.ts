import { createHash } from "node:crypto";
import { type Digest, digestFromHex, hexOf } from "../core/digest.js";
import { BundlerError } from "../core/errors.js";
import { parsePlatform } from "../core/platform.js";
import type { Descriptor } from "../image/descriptor.js";
import { MEDIA_TYPES } from "../image/media-types.js";
import type { LockedImage } from "../plan/types.js";
import { layoutTar, tarPieces } from "../tar/layout.js";

/** A run of an image tarball: known bytes, or a blob of the store as it is. */
export type ImagePiece =
  { readonly bytes: Buffer } | { readonly digest: Digest; readonly size: number };

export interface ImageLayout {
  /** In bytes, a multiple of 512. */
  readonly size: number;
  readonly pieces: readonly ImagePiece[];
  /** Each once. */
  readonly blobs: readonly Descriptor[];
}

/** Every blob of an image once: its manifest, its config, its layers. */
export function blobsOf(image: LockedImage): readonly Descriptor[] {
  const blobs = new Map<Digest, Descriptor>();
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
  return [...blobs.values()].toSorted((a, b) => (a.digest < b.digest ? -1 : 1));
}

/** `blobs/sha256/<hex>`, as OCI image-layout.md has it. */
export function blobPath(digest: Digest): string {
  return `blobs/sha256/${hexOf(digest)}`;
}

/** `docker.io/library/redis:7.0.15` → `7.0.15`; undefined when there is no tag. */
export function tagOf(reference: string): string | undefined {
  return /^[^@]+:([A-Za-z0-9_][A-Za-z0-9_.-]{0,127})$/.exec(reference)?.[1];
}

/** The documents that make a folder of blobs an OCI layout and a Docker archive at once. */
export function imageDocuments(
  image: LockedImage,
): readonly { readonly path: string; readonly bytes: Buffer }[] {
  const tag = tagOf(image.reference);
  if (tag === undefined) throw new Error(`${image.reference} has no tag.`);
  const { os, architecture, variant } = parsePlatform(image.platform);
  const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
  return [
    { path: "oci-layout", bytes: json({ imageLayoutVersion: "1.0.0" }) },
    {
      path: "index.json",
      bytes: json({
        schemaVersion: 2,
        mediaType: MEDIA_TYPES.ociIndex,
        manifests: [
          {
            mediaType: image.manifest.mediaType,
            digest: image.manifest.digest,
            size: image.manifest.size,
            platform: { architecture, os, ...(variant ? { variant } : {}) },
            annotations: {
              "io.containerd.image.name": image.reference,
              "org.opencontainers.image.ref.name": tag,
            },
          },
        ],
      }),
    },
    {
      path: "manifest.json",
      bytes: json([
        {
          Config: blobPath(image.config.digest),
          RepoTags: [image.reference],
          // A layer that occurs twice is listed twice, although its blob is there once.
          Layers: image.layers.map(({ digest }) => blobPath(digest)),
        },
      ]),
    },
  ];
}

/**
 * The layout of an image tarball that is a Docker archive (`docker load`, `podman load`) and an
 * OCI layout (image-spec image-layout.md) in one. The small documents come first, so that a
 * program that reads it as a stream knows what it is about to get.
 * @param mtime seconds since 1970, of every entry
 */
export function layoutImageTarball(image: LockedImage, mtime: number): ImageLayout {
  const blobs = blobsOf(image);
  const tar = layoutTar<Buffer | Descriptor>(
    [
      ...imageDocuments(image).map(({ path, bytes }) => ({
        path,
        size: bytes.length,
        content: bytes,
      })),
      ...blobs.map((blob) => ({ path: blobPath(blob.digest), size: blob.size, content: blob })),
    ],
    mtime,
  );
  const pieces = tarPieces(tar).map((piece): ImagePiece => {
    if ("bytes" in piece) return piece;
    const { content, size } = piece.entry;
    return Buffer.isBuffer(content) ? { bytes: content } : { digest: content.digest, size };
  });
  return { size: tar.size, pieces, blobs };
}

/** Names a tarball's bytes without reading its blobs: the same key, the same tarball. */
export function tarballKey({ pieces }: ImageLayout): Digest {
  const hash = createHash("sha256");
  for (const piece of pieces) {
    if ("bytes" in piece) hash.update(`bytes ${piece.bytes.length}\n`).update(piece.bytes);
    else hash.update(`blob ${piece.digest} ${piece.size}\n`);
  }
  return digestFromHex(hash.digest("hex"));
}
