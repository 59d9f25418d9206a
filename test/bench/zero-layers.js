import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import path from "node:path";
import { digestFromHex } from "../../src/core/digest.js";
import { MEDIA_TYPES } from "../../src/image/media-types.js";

/** Uncompressed layers that are told apart by their length, in files without blocks. */
export async function zeroLayers(dir, { count, size }) {
  const layers = [];
  for (let at = 0; at < count; at++) {
    const length = (Math.round(size / 512) + at) * 512;
    const file = path.join(dir, `zeros-${at}`);
    const handle = await open(file, "w");
    await handle.truncate(length);
    await handle.close();
    const hash = createHash("sha256");
    for await (const chunk of createReadStream(file, { highWaterMark: 1024 * 1024 }))
      hash.update(chunk);
    const digest = digestFromHex(hash.digest("hex"));
    layers.push({ mediaType: MEDIA_TYPES.ociLayer, digest, diffId: digest, size: length, file });
  }
  return layers;
}
