import { writeFile } from "node:fs/promises";
import { digestOf, hexOf } from "../core/digest.js";
import type { Platform } from "../core/platform.js";
import { MEDIA_TYPES } from "../image/media-types.js";
import { type SampleImage, buildVariant } from "./images.js";
import { type LayerFile, makeTar } from "./layer.js";

export interface SampleArchiveOptions {
  readonly platform: Platform;
  /** The name inside the archive, fully qualified: `docker.io/library/zookeeper:3.8.4`. */
  readonly reference: string;
  /** As `docker save` writes it since Docker 25, the default, or as it did before. */
  readonly shape?: "oci" | "legacy";
}

/** Writes an image archive as `docker save` does, for one platform of a sample image. */
export async function writeSampleArchive(
  path: string,
  image: SampleImage,
  options: SampleArchiveOptions,
): Promise<void> {
  await writeFile(
    path,
    makeTar(options.shape === "legacy" ? legacyFiles(image, options) : ociFiles(image, options)),
  );
}

function ociFiles(
  image: SampleImage,
  { platform, reference }: SampleArchiveOptions,
): readonly LayerFile[] {
  const { config, layers, manifest, mediaType } = buildVariant(image, platform);
  const blob = (bytes: Buffer): LayerFile => ({ path: blobPath(bytes), content: bytes });
  const index = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.ociIndex,
    manifests: [
      {
        mediaType,
        digest: digestOf(manifest),
        size: manifest.length,
        annotations: {
          "io.containerd.image.name": reference,
          "org.opencontainers.image.ref.name": reference.slice(reference.lastIndexOf(":") + 1),
        },
      },
    ],
  };
  const saved = [
    {
      Config: blobPath(config),
      RepoTags: [reference],
      Layers: layers.map(({ gzip }) => blobPath(gzip)),
    },
  ];
  return [
    ...[config, manifest, ...layers.map(({ gzip }) => gzip)].map(blob),
    { path: "index.json", content: JSON.stringify(index) },
    { path: "manifest.json", content: JSON.stringify(saved) },
    { path: "oci-layout", content: '{"imageLayoutVersion":"1.0.0"}' },
  ];
}

function legacyFiles(
  image: SampleImage,
  { platform, reference }: SampleArchiveOptions,
): readonly LayerFile[] {
  const { config, layers } = buildVariant(image, platform);
  const folders = layers.map(({ diffId }, depth) => hexOf(digestOf(`${depth} ${diffId}`)));
  const configPath = `${hexOf(digestOf(config))}.json`;
  const saved = [
    {
      Config: configPath,
      RepoTags: [reference],
      Layers: folders.map((folder) => `${folder}/layer.tar`),
    },
  ];
  return [
    ...layers.flatMap(({ tar }, depth) => {
      const folder = folders[depth] ?? "";
      const parent = folders[depth - 1];
      return [
        { path: `${folder}/VERSION`, content: "1.0" },
        {
          path: `${folder}/json`,
          content: JSON.stringify({ id: folder, ...(parent ? { parent } : {}) }),
        },
        { path: `${folder}/layer.tar`, content: tar },
      ];
    }),
    { path: configPath, content: config },
    { path: "manifest.json", content: JSON.stringify(saved) },
  ];
}

function blobPath(bytes: Buffer): string {
  return `blobs/sha256/${hexOf(digestOf(bytes))}`;
}
