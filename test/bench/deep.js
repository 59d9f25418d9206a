// Measures `verify --deep` beside gunzipping the same layers one after the other.
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { layoutBundle } from "../../dist/bundle/layout.js";
import { writeBundle } from "../../dist/bundle/writer.js";
import { digestOf } from "../../dist/core/digest.js";
import { MEDIA_TYPES } from "../../dist/image/media-types.js";
import { realLayers } from "./real-layers.js";

/** Images have three layers each, as a base, an application, and what is added to it. */
const PARTS = [3, 2, 1];
const IMAGES = 4;

/**
 * Writes an archive of real files, about `megabytes` compressed.
 * @returns its path, and the distinct layers with their files
 */
async function writeArchive(dir, megabytes, platform) {
  const part = (megabytes * 1024 * 1024) / (IMAGES * PARTS.reduce((sum, one) => sum + one, 0));
  const sizes = Array.from({ length: IMAGES }, () => PARTS.map((one) => one * part)).flat();
  const layers = [];
  for await (const layer of realLayers(dir, sizes)) layers.push(layer);
  const blobs = new Map(layers.map(({ digest, file }) => [digest, file]));
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
  for (let at = 0; at * PARTS.length < layers.length; at++) {
    const own = layers
      .slice(at * PARTS.length, (at + 1) * PARTS.length)
      .map(({ mediaType, digest, size, diffId }) => ({ mediaType, digest, size, diffId }));
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
  const title = { en: "Bench", zh: "Bench" };
  const layout = layoutBundle({
    definition: {
      ...{ dir, name: "bench", version: "1.0", title, requires: [], settings: [], files: [] },
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
  const output = path.join(dir, "deep.tar");
  await writeBundle(layout, { output, blobPath: (digest) => blobs.get(digest) });
  return { archive: output, layers };
}

function compose(components, platform) {
  const services = components.map(
    ({ name, image }) =>
      `  ${name}:\n    image: ${image.reference}\n    platform: ${platform}\n    pull_policy: never\n`,
  );
  return `services:\n${services.join("")}`;
}

/** @param tools the bench's own: `series`, `ratio`, `sh`, `bundler` */
export async function benchDeep(work, { megabytes, series, ratio, sh, bundler }) {
  const dir = await mkdtemp(path.join(work, "deep-"));
  await mkdir(dir, { recursive: true });
  try {
    const architecture = { x64: "amd64" }[process.arch] ?? process.arch;
    const { archive, layers } = await writeArchive(dir, megabytes, `linux/${architecture}`);
    const mib = (key) => (layers.reduce((sum, one) => sum + one[key], 0) / 1024 / 1024).toFixed(0);
    console.log(
      `\n${layers.length} layers of this machine's files: ${mib("size")} MiB, ${mib("unpacked")} MiB unpacked`,
    );
    const gunzip = layers.map(({ file }) => `gzip -dc '${file}' >/dev/null`).join(" && ");
    const floor = await series("gzip -dc of the layers, one after the other", sh(gunzip));
    // Files of a whole machine have their faults; what counts is how long it takes to find them.
    const deep = await series("verify --deep", bundler("verify", "--deep", archive), {
      accepted: [0, 10],
    });
    console.log("");
    ratio("verify --deep / gzip -dc", deep.seconds, floor.seconds, "0.8");
    console.log(`${"its peak memory".padEnd(44)} ${deep.peak.toFixed(0)} MiB   aim ≤ 300`);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
