import { mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Header } from "tar";
import { writeBundle } from "../../support/write-bundle.js";
import { type DiffId, digestOf } from "../../../src/core/digest.js";
import { parsePlatform } from "../../../src/core/platform.js";
import { MEDIA_TYPES } from "../../../src/image/media-types.js";
import type { LockedImage } from "../../../src/plan/types.js";
import { sampleProgram } from "../../../src/sample/elf.js";
import { parseConfigFacts } from "../../../src/walk/config-facts.js";
import { overlayLayers } from "../../../src/walk/overlay.js";
import { type LayerFacts, readLayer } from "../../../src/walk/read-layer.js";
import type { Capture, WalkedImage } from "../../../src/walk/types.js";
import { type Blobs, makeSample } from "../bundle/sample.js";

/** An entry of a layer; a file unless it says otherwise. */
export interface Entry {
  readonly path: string;
  readonly type?: "File" | "Directory" | "SymbolicLink" | "Link";
  readonly content?: Buffer | string;
  readonly mode?: number;
  readonly linkpath?: string;
}

export const file = (path: string, content: Buffer | string = "", mode = 0o644): Entry => ({
  path,
  content,
  mode,
});
export const program = (path: string, content: Buffer | string): Entry =>
  file(path, content, 0o755);
export const symlink = (path: string, linkpath: string): Entry => ({
  path,
  type: "SymbolicLink",
  linkpath,
});
export const hardLink = (path: string, linkpath: string): Entry => ({
  path,
  type: "Link",
  linkpath,
});
export const folder = (path: string): Entry => ({ path, type: "Directory", mode: 0o755 });

/** A static program for a platform, of some hundred bytes. */
export function programFor(platform: string): Buffer {
  return sampleProgram({ platform: parsePlatform(platform), message: "hello\n", then: "exit" });
}

/** A tar as other programs write them, with links. Paths of at most 100 bytes. */
export function layerTar(entries: readonly Entry[]): Buffer {
  const blocks = entries.flatMap(({ path, type = "File", content = "", mode, linkpath = "" }) => {
    const bytes = Buffer.from(content);
    const header = new Header({
      path: type === "Directory" ? `${path}/` : path,
      type,
      mode: mode ?? 0o644,
      uid: 0,
      gid: 0,
      size: bytes.length,
      mtime: new Date(0),
      linkpath,
    });
    header.encode();
    return [header.block!, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

/** Reads a layer's bytes as the walk does. */
export async function readBytes(
  bytes: Buffer,
  options: {
    readonly capture?: Capture;
    readonly hashFiles?: boolean;
    readonly signal?: AbortSignal;
  } = {},
): Promise<LayerFacts> {
  const { capture, hashFiles = false } = options;
  const dir = await mkdtemp(join(tmpdir(), "walk-"));
  await writeFile(join(dir, "layer"), bytes);
  const handle = await open(join(dir, "layer"));
  try {
    return await readLayer(
      {
        name: "The layer",
        fd: handle.fd,
        offset: 0,
        length: bytes.length,
        hashFiles,
        ...(capture === undefined ? {} : { capture }),
      },
      { signal: options.signal ?? new AbortController().signal, onBytes: () => undefined },
    );
  } finally {
    await handle.close();
    await rm(dir, { recursive: true, force: true });
  }
}

export interface ImageSample {
  readonly layers: readonly (readonly Entry[])[];
  /** `config` of the image config. */
  readonly config?: object;
  readonly history?: readonly object[];
  /** What the config says, and where it says nothing what the bundle is for. */
  readonly label?: string;
}

/** An image's config document. */
function configOf(
  { config = {}, history, label }: ImageSample,
  diffIds: readonly DiffId[],
): Buffer {
  return Buffer.from(
    JSON.stringify({
      ...parsePlatform(label ?? "linux/arm64"),
      config,
      history,
      rootfs: { type: "layers", diff_ids: diffIds },
    }),
  );
}

/** An image as the walk gives it, without an archive around it. */
export async function walkedImage(sample: ImageSample): Promise<WalkedImage> {
  const layers = await Promise.all(
    sample.layers.map(async (entries) => {
      const tar = layerTar(entries);
      const { trouble, ...facts } = await readBytes(tar);
      if (trouble !== undefined) throw new Error(trouble);
      return { digest: digestOf(tar), size: tar.length, ...facts };
    }),
  );
  const config = configOf(sample, []);
  const descriptor = (bytes: Buffer) => ({
    mediaType: "",
    digest: digestOf(bytes),
    size: bytes.length,
  });
  return {
    component: "sample",
    image: {
      reference: "docker.io/library/sample:1",
      manifest: descriptor(config),
      config: descriptor(config),
      layers: layers.map(({ digest, size, diffId }) => ({
        mediaType: MEDIA_TYPES.ociLayer,
        digest,
        size,
        diffId: diffId!,
      })),
      platform: sample.label ?? "linux/arm64",
    },
    config: parseConfigFacts("The config", config),
    layers,
    ...overlayLayers("sample", layers),
  };
}

/** Writes a bundle of such images, for linux/arm64 unless told otherwise. */
export async function writeSample(
  dir: string,
  images: Readonly<Record<string, ImageSample>>,
  platform = "linux/arm64",
): Promise<string> {
  const { layout, blobs } = await makeSample(join(dir, "sample"), {
    platform,
    images: async (store) =>
      Object.fromEntries(
        await Promise.all(
          Object.entries(images).map(async ([name, image]) => [
            name,
            await storeImage(store, name, { label: platform, ...image }),
          ]),
        ),
      ) as Record<string, LockedImage>,
  });
  const output = join(dir, "sample.tar");
  await writeBundle(layout, { output, blobPath: blobs.path });
  return output;
}

async function storeImage(blobs: Blobs, name: string, sample: ImageSample): Promise<LockedImage> {
  const layers = await Promise.all(sample.layers.map((entries) => blobs.layer(layerTar(entries))));
  const document = configOf(
    sample,
    layers.map(({ diffId }) => diffId),
  );
  const config = await blobs.add(MEDIA_TYPES.ociConfig, document);
  const manifest = await blobs.add(
    MEDIA_TYPES.ociManifest,
    Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: MEDIA_TYPES.ociManifest,
        config,
        layers: layers.map(({ mediaType, digest, size }) => ({ mediaType, digest, size })),
      }),
    ),
  );
  return {
    reference: `docker.io/library/${name}:1.0.0`,
    manifest,
    config,
    layers,
    platform: sample.label ?? "linux/arm64",
  };
}
