import { digestOf } from "../../../src/core/digest.js";
import type { Forgery } from "./forge.js";

/** Replaces a JSON document by what `change` makes of it. */
export function edit(
  files: Map<string, Buffer>,
  path: string,
  change: (value: never) => unknown,
): void {
  const value = JSON.parse(files.get(path)!.toString()) as never;
  files.set(path, Buffer.from(JSON.stringify(change(value) ?? value)));
}

export const blob = (digest: string): string => `blobs/sha256/${digest.slice(7)}`;

/** Changes an image's config, and the manifest and all else that points at it. */
export function editConfig(
  forgery: Forgery,
  name: string,
  change: (config: never) => unknown,
): void {
  const image = imageOf(forgery, name);
  const files = forgery.images.get(name)!;
  edit(files, blob(image.config.digest), change);
  replace(files, image.config, files.get(blob(image.config.digest))!);
  editManifest(forgery, name, (manifest: object) => ({ ...manifest, config: image.config }));
}

/** Changes an image's manifest, and all that points at it. */
export function editManifest(
  forgery: Forgery,
  name: string,
  change: (manifest: never) => unknown,
): void {
  const image = imageOf(forgery, name);
  const files = forgery.images.get(name)!;
  edit(files, blob(image.manifest.digest), change);
  replace(files, image.manifest, files.get(blob(image.manifest.digest))!);
  edit(files, "index.json", (index: { manifests: object[] }) => {
    index.manifests = [{ ...index.manifests[0], ...image.manifest }];
  });
  edit(files, "manifest.json", ([first]: [object]) => [
    { ...first, Config: blob(image.config.digest) },
  ]);
}

function imageOf(
  { manifest }: Forgery,
  name: string,
): Forgery["manifest"]["components"][0]["image"] {
  return manifest.components.find((component) => component.name === name)!.image;
}

function replace(
  files: Map<string, Buffer>,
  descriptor: { digest: string; size: number },
  bytes: Buffer,
): void {
  files.delete(blob(descriptor.digest));
  descriptor.digest = digestOf(bytes);
  descriptor.size = bytes.length;
  files.set(blob(descriptor.digest), bytes);
}
