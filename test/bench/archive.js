import { writeFile } from "node:fs/promises";
import path from "node:path";
import { layoutBundle } from "../../src/bundle/layout.js";
import { writeBundle } from "../../src/bundle/writer.js";
import { digestOf } from "../../src/core/digest.js";
import { MEDIA_TYPES } from "../../src/image/media-types.js";

/**
 * Writes an archive of images with the given layers, which lie in files, and next to nothing else.
 * @returns its path
 */
export async function writeArchive(dir, images, platform) {
  const blobs = new Map(images.flat().map(({ digest, file }) => [digest, file]));
  const keep = async (mediaType, value) => {
    const bytes = Buffer.from(JSON.stringify(value));
    const digest = digestOf(bytes);
    const file = path.join(dir, digest.slice(7));
    await writeFile(file, bytes);
    blobs.set(digest, file);
    return { mediaType, digest, size: bytes.length };
  };
  const [os, architecture] = platform.split("/");
  const components = [];
  for (const [at, layers] of images.entries()) {
    const own = layers.map(({ mediaType, digest, size, diffId }) => ({
      ...{ mediaType, digest, size, diffId },
    }));
    const config = await keep(MEDIA_TYPES.ociConfig, {
      ...{ os, architecture, config: {} },
      rootfs: { type: "layers", diff_ids: own.map(({ diffId }) => diffId) },
    });
    const manifest = await keep(MEDIA_TYPES.ociManifest, {
      ...{ schemaVersion: 2, mediaType: MEDIA_TYPES.ociManifest, config },
      layers: own.map(({ mediaType, digest, size }) => ({ mediaType, digest, size })),
    });
    const reference = `docker.io/bench/image-${at}:1.0`;
    const image = { reference, manifest, config, layers: own, platform };
    components.push({ name: `image-${at}`, required: false, method: "image", reason: "", image });
  }
  const output = path.join(dir, "images.tar");
  await writeBundle(layoutOf(components, platform), {
    output,
    blobPath: (digest) => blobs.get(digest),
  });
  return output;
}

function layoutOf(components, platform) {
  const title = { en: "Bench", zh: "Bench" };
  return layoutBundle({
    definition: {
      ...{ dir: "", name: "bench", version: "1.0", title, requires: [], settings: [], files: [] },
      ...{ sources: [], compose: { path: "compose.yaml", text: "" }, digest: digestOf("bench") },
      components: components.map(({ name, image }) => ({
        ...{ name, required: false, title, image: image.reference, platforms: [], ports: [] },
        ...{ alternatives: [], omit: [], requires: [], smoke: [] },
        at: { file: "components.yaml", line: 1, column: 1 },
      })),
    },
    lock: { platform, components },
    date: "2024-01-01T00:00:00Z",
    tool: { name: "openim-bundler", version: "bench" },
    files: ["install.sh", "README.md", "README.zh-CN.md", "compose.yaml"].map((name) => ({
      path: name,
      executable: name === "install.sh",
      bytes: Buffer.from(name === "compose.yaml" ? compose(components, platform) : "#!/bin/sh\n"),
    })),
  });
}

function compose(components, platform) {
  const services = components.map(
    ({ name, image }) =>
      `  ${name}:\n    image: ${image.reference}\n    platform: ${platform}\n    pull_policy: never\n`,
  );
  return `services:\n${services.join("")}`;
}
