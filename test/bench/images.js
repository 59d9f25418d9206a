import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { digestOf } from "../../src/core/digest.js";
import { MEDIA_TYPES } from "../../src/image/media-types.js";
import { incompressible, makeLayer } from "../../src/sample/layer.js";

const PLATFORM = { os: "linux", architecture: "arm64" };

/**
 * Makes `count` images of incompressible layers, about `megabytes` in all: every four share a base,
 * each has two layers of its own. Blobs lie in files, so that serving them costs what it costs a
 * real registry.
 */
export async function makeImages(dir, { count, megabytes }) {
  await mkdir(dir, { recursive: true });
  const bases = Math.ceil(count / 4);
  // In parts of the whole: a base weighs 3, an image's own two layers 2 and 1.
  const part = (megabytes * 1024 * 1024) / (bases * 3 + count * 3);
  const blobs = new Map();
  const layerOf = async (seed, parts) => {
    const size = Math.round(part * parts);
    const pieces = Math.ceil(size / (256 * 1024 * 1024));
    const files = Array.from({ length: pieces }, (_, piece) => ({
      path: `data/${seed.replaceAll(" ", "-")}-${piece}`,
      content: incompressible(`${seed} ${piece}`, Math.round(size / pieces)),
    }));
    const { gzip, digest, diffId } = makeLayer(files);
    await keep(digest, gzip);
    return { mediaType: MEDIA_TYPES.ociLayerGzip, digest, size: gzip.length, diffId };
  };
  const keep = async (digest, bytes) => {
    const file = path.join(dir, digest.slice(7));
    await writeFile(file, bytes);
    blobs.set(digest, { file, size: bytes.length });
  };
  const baseLayers = [];
  for (let at = 0; at < bases; at++) baseLayers.push(await layerOf(`base ${at}`, 3));

  const repositories = new Map();
  for (let at = 0; at < count; at++) {
    const layers = [
      baseLayers[at % bases],
      await layerOf(`a ${at}`, 2),
      await layerOf(`b ${at}`, 1),
    ];
    const config = Buffer.from(
      JSON.stringify({
        ...PLATFORM,
        created: "2024-01-01T00:00:00Z",
        config: {},
        rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
      }),
    );
    await keep(digestOf(config), config);
    const manifest = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: MEDIA_TYPES.ociManifest,
        config: { mediaType: MEDIA_TYPES.ociConfig, digest: digestOf(config), size: config.length },
        layers: layers.map(({ mediaType, digest, size }) => ({ mediaType, digest, size })),
      }),
    );
    const own = [digestOf(config), ...layers.map(({ digest }) => digest)];
    repositories.set(`bench/image-${at}`, {
      tags: new Map([["1.0", digestOf(manifest)]]),
      manifests: new Map([
        [digestOf(manifest), { mediaType: MEDIA_TYPES.ociManifest, bytes: manifest }],
      ]),
      blobs: new Map(own.map((digest) => [digest, blobs.get(digest)])),
    });
  }
  return repositories;
}

/** A bundle definition over these images. */
export async function writeDefinition(dir, count) {
  await mkdir(path.join(dir, "files"), { recursive: true });
  const names = Array.from({ length: count }, (_, at) => `image-${at}`);
  const table = names.map((name) =>
    [
      `  ${name}:`,
      `    title: { en: ${name}, zh: ${name} }`,
      `    required: false`,
      `    image: docker.io/bench/${name}:1.0`,
      `    platforms: [linux/arm64]`,
    ].join("\n"),
  );
  const services = names.map((name) => `  ${name}:\n    image: docker.io/bench/${name}:1.0`);
  await writeFile(
    path.join(dir, "components.yaml"),
    `name: bench\nversion: "1.0"\ntitle: { en: Bench, zh: Bench }\ncomponents:\n${table.join("\n")}\n`,
  );
  await writeFile(path.join(dir, "compose.yaml"), `services:\n${services.join("\n")}\n`);
  await writeFile(path.join(dir, "site.yaml"), "settings: {}\n");
}
