import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { digestOf } from "../../src/core/digest.js";
import { MEDIA_TYPES } from "../../src/image/media-types.js";
import { incompressible, makeLayer } from "../../src/sample/layer.js";
import { realLayers } from "./real-layers.js";
import { zeroLayers } from "./zero-layers.js";

const MIB = 1024 * 1024;

/** What a registry of the bench serves, by kind. Blobs lie in files, so that serving costs what it costs a real one. */
const KINDS = {
  /** Incompressible layers, about `megabytes` in all: every four images share a base, each has two of its own. */
  async shared(dir, { count, megabytes }) {
    const bases = Math.ceil(count / 4);
    // In parts of the whole: a base weighs 3, an image's own two layers 2 and 1.
    const part = (megabytes * MIB) / (bases * 3 + count * 3);
    const base = [];
    for (let at = 0; at < bases; at++) base.push(await randomLayer(dir, `base ${at}`, part * 3));
    const images = [];
    for (let at = 0; at < count; at++) {
      const own = [
        await randomLayer(dir, `a ${at}`, part * 2),
        await randomLayer(dir, `b ${at}`, part),
      ];
      images.push([base[at % bases], ...own]);
    }
    return images;
  },
  /** Images of four small layers and a config each, which nothing shares. */
  async small(dir, { count }) {
    const images = [];
    for (let at = 0; at < count; at++) {
      const layers = [];
      for (const one of [1, 2, 3, 4])
        layers.push(await randomLayer(dir, `${at} ${one}`, 64 * 1024));
      images.push(layers);
    }
    return images;
  },
  /** This machine's own files in three layers an image, as a base, an application, and what is added to it. */
  async real(dir, { count, megabytes }) {
    const parts = [3, 2, 1];
    const part = (megabytes * MIB) / (count * 6);
    const layers = [];
    const sizes = Array.from({ length: count }, () => parts.map((one) => one * part)).flat();
    for await (const layer of realLayers(dir, sizes)) layers.push(layer);
    const images = [];
    while (layers.length > 0) images.push(layers.splice(0, parts.length));
    return images;
  },
  /** One layer of zeros an image, which takes no room on the registry's disk. */
  async zeros(dir, { count, gigabytes }) {
    return (await zeroLayers(dir, { count, size: (gigabytes * 1e9) / count })).map((one) => [one]);
  },
};

async function randomLayer(dir, seed, size) {
  const pieces = Math.ceil(size / (256 * MIB));
  const files = Array.from({ length: pieces }, (_, piece) => ({
    path: `data/${seed.replaceAll(" ", "-")}-${piece}`,
    content: incompressible(`${seed} ${piece}`, Math.round(size / pieces)),
  }));
  const { gzip, digest, diffId } = makeLayer(files);
  const file = path.join(dir, digest.slice(7));
  await writeFile(file, gzip);
  return { mediaType: MEDIA_TYPES.ociLayerGzip, digest, diffId, size: gzip.length, file };
}

/** Repositories bench/image-N with these layers, tag 1.0. */
export async function makeRepositories(dir, { kind, architecture, ...options }) {
  await mkdir(dir, { recursive: true });
  const images = await KINDS[kind](dir, options);
  const repositories = new Map();
  for (const [at, layers] of images.entries()) {
    const platform = { os: "linux", architecture, created: "2024-01-01T00:00:00Z", config: {} };
    const rootfs = { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) };
    // The number tells apart the configs of images that have the same layers.
    const config = Buffer.from(JSON.stringify({ ...platform, rootfs, author: `image ${at}` }));
    const file = path.join(dir, digestOf(config).slice(7));
    await writeFile(file, config);
    const own = {
      mediaType: MEDIA_TYPES.ociConfig,
      digest: digestOf(config),
      size: config.length,
      file,
    };
    const described = ({ mediaType, digest, size }) => ({ mediaType, digest, size });
    const manifest = Buffer.from(
      JSON.stringify({
        ...{ schemaVersion: 2, mediaType: MEDIA_TYPES.ociManifest, config: described(own) },
        layers: layers.map(described),
      }),
    );
    repositories.set(`bench/image-${at}`, {
      tags: new Map([["1.0", digestOf(manifest)]]),
      manifests: new Map([
        [digestOf(manifest), { mediaType: MEDIA_TYPES.ociManifest, bytes: manifest }],
      ]),
      blobs: new Map([own, ...layers].map(({ digest, size, file }) => [digest, { file, size }])),
    });
  }
  return { repositories, layers: images.flat() };
}

/** A bundle definition over these images. */
export async function writeDefinition(dir, { count, platform }) {
  await mkdir(path.join(dir, "files"), { recursive: true });
  const names = Array.from({ length: count }, (_, at) => `image-${at}`);
  const table = names.map((name) =>
    [
      `  ${name}:`,
      `    title: { en: ${name}, zh: ${name} }`,
      `    required: false`,
      `    image: docker.io/bench/${name}:1.0`,
      `    platforms: [${platform}]`,
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
