// Measures `verify --deep` beside gunzipping the same layers one after the other.
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import path from "node:path";
import { writeArchive } from "./archive.js";
import { realLayers } from "./real-layers.js";

/** Images have three layers each, as a base, an application, and what is added to it. */
const PARTS = [3, 2, 1];
const IMAGES = 4;

/** @param tools the bench's own: `series`, `ratio`, `sh`, `bundler` */
export async function benchDeep(work, { megabytes, series, ratio, sh, bundler }) {
  const dir = await mkdtemp(path.join(work, "deep-"));
  await mkdir(dir, { recursive: true });
  try {
    const architecture = { x64: "amd64" }[process.arch] ?? process.arch;
    const part = (megabytes * 1024 * 1024) / (IMAGES * PARTS.reduce((sum, one) => sum + one, 0));
    const sizes = Array.from({ length: IMAGES }, () => PARTS.map((one) => one * part)).flat();
    const layers = [];
    for await (const layer of realLayers(dir, sizes)) layers.push(layer);
    const images = [];
    for (let at = 0; at < layers.length; at += PARTS.length) {
      images.push(layers.slice(at, at + PARTS.length));
    }
    const archive = await writeArchive(dir, images, `linux/${architecture}`);
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
