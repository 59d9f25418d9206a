// Measures `inspect` of an archive that is too large to be read through.
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdtemp, open, rm, stat } from "node:fs/promises";
import path from "node:path";
import { MEDIA_TYPES } from "../../src/image/media-types.js";
import { writeArchive } from "./archive.js";

const IMAGES = 20;

/** A layer of zeros that takes no room on the disk; in the archive it does. */
async function layerOf(dir, size) {
  const file = path.join(dir, "layer");
  const handle = await open(file, "w");
  await handle.truncate(size);
  await handle.close();
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file, { highWaterMark: 1024 * 1024 }))
    hash.update(chunk);
  const digest = `sha256:${hash.digest("hex")}`;
  return { mediaType: MEDIA_TYPES.ociLayer, digest, diffId: digest, size, file };
}

/** @param tools the bench's own: `series`, `bundler` */
export async function benchLarge(work, { gigabytes, series, bundler }) {
  const dir = await mkdtemp(path.join(work, "large-"));
  try {
    const size = Math.round((gigabytes * 1e9) / IMAGES / 512) * 512;
    const layer = await layerOf(dir, size);
    const archive = await writeArchive(
      dir,
      Array.from({ length: IMAGES }, () => [layer]),
      "linux/arm64",
    );
    console.log(
      `\n${IMAGES} images, an archive of ${((await stat(archive)).size / 1e9).toFixed(1)} GB`,
    );
    const all = await series("inspect", bundler("inspect", archive));
    const one = await series("inspect of one component", bundler("inspect", archive, "image-7"));
    for (const [what, { seconds }] of [
      ["inspect of a large archive", all],
      ["inspect of one component of it", one],
    ])
      console.log(`${what.padEnd(44)} ${seconds.toFixed(2)} s   aim < 0.5`);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
