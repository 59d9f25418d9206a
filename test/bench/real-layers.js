import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { lstat, readdir, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { createGunzip } from "node:zlib";
import { digestFromHex } from "../../src/core/digest.js";
import { MEDIA_TYPES } from "../../src/image/media-types.js";

/** Where programs, libraries and texts lie, as in images. */
const FOLDERS = ["/usr/bin", "/usr/sbin", "/usr/lib", "/usr/libexec", "/usr/share", "/usr/local"];

/** What such files compress to, at first; each layer corrects it. */
const USUAL_RATIO = 0.35;

/**
 * Layers of this machine's own files, compressed as Docker does, of about `sizes` bytes compressed;
 * fewer, where the machine has not as many files.
 */
export async function* realLayers(dir, sizes) {
  const files = walkFolders();
  let ratio = USUAL_RATIO;
  for (const [index, size] of sizes.entries()) {
    const list = [];
    let raw = 0;
    while (raw * ratio < size) {
      const { done, value } = await files.next();
      if (done) break;
      list.push(value.path);
      raw += value.size;
    }
    if (list.length === 0) return;
    const names = path.join(dir, `names-${index}`);
    const file = path.join(dir, `layer-${index}.tar.gz`);
    await writeFile(names, list.join("\0"));
    execFileSync("sh", [
      "-c",
      `tar -C / --null --no-recursion -T '${names}' -cf - 2>/dev/null | gzip -6 >'${file}'`,
    ]);
    const layer = await describe(file);
    ratio = layer.size / raw;
    yield { ...layer, mediaType: MEDIA_TYPES.ociLayerGzip, file };
  }
}

/** Regular files below the folders, in an order that mixes kinds: a few of each folder at a time. */
async function* walkFolders() {
  const walks = FOLDERS.map((folder) => walk(folder));
  for (let left = walks.length; left > 0;) {
    left = 0;
    for (const one of walks) {
      for (let count = 0; count < 50; count++) {
        const { done, value } = await one.next();
        if (done) break;
        left++;
        yield value;
      }
    }
  }
}

async function* walk(folder) {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const full = path.join(folder, entry.name);
    if (entry.isDirectory()) yield* walk(full);
    else if (entry.isFile()) {
      const { size } = await lstat(full).catch(() => ({ size: 0 }));
      yield { path: full.slice(1), size };
    }
  }
}

async function describe(file) {
  const stored = createHash("sha256");
  const unpacked = createHash("sha256");
  let bytes = 0;
  for await (const chunk of createReadStream(file)) stored.update(chunk);
  for await (const chunk of createReadStream(file).pipe(createGunzip())) {
    unpacked.update(chunk);
    bytes += chunk.length;
  }
  return {
    digest: digestFromHex(stored.digest("hex")),
    diffId: digestFromHex(unpacked.digest("hex")),
    size: (await stat(file)).size,
    unpacked: bytes,
  };
}
