import { open } from "node:fs/promises";
import { describeBundle } from "../../src/bundle/describe.js";
import { type BundleLayout, layoutBundle } from "../../src/bundle/layout.js";
import { REQUIRED_FILES } from "../../src/bundle/paths.js";
import { type DiffId, type Digest, digestOf } from "../../src/core/digest.js";
import type { Component, Definition } from "../../src/definition/types.js";
import { MEDIA_TYPES } from "../../src/image/media-types.js";
import type { LockedComponent, LockedImage } from "../../src/plan/types.js";
import { tarPieces } from "../../src/tar/layout.js";

/** Layers of zeros, which take no room on a disk: an archive as large as it is told, at once. */
export async function writeSparseArchive(
  file: string,
  { images, layers, layerBytes }: { images: number; layers: number; layerBytes: number },
): Promise<BundleLayout> {
  const blobs = new Map<Digest, Buffer>();
  const add = (mediaType: string, value: unknown) => {
    const bytes = Buffer.from(JSON.stringify(value));
    const digest = digestOf(bytes);
    blobs.set(digest, bytes);
    return { mediaType, digest, size: bytes.length };
  };
  const imageOf = (name: string): LockedImage => {
    const all = Array.from({ length: layers }, (_, at) => ({
      mediaType: MEDIA_TYPES.ociLayer,
      digest: digestOf(`${name} ${at}`),
      diffId: digestOf(`${name} ${at}`) as string as DiffId,
      size: layerBytes,
    }));
    const config = add(MEDIA_TYPES.ociConfig, {
      os: "linux",
      architecture: "arm64",
      config: { Labels: { "org.opencontainers.image.licenses": "MIT" } },
      rootfs: { type: "layers", diff_ids: all.map(({ diffId }) => diffId) },
      history: all.map((_, at) => ({ created_by: `step ${at}` })),
    });
    return {
      reference: `docker.io/library/${name}:1.0`,
      manifest: add(MEDIA_TYPES.ociManifest, { schemaVersion: 2, config, layers: all }),
      config,
      layers: all,
      platform: "linux/arm64",
    };
  };
  const locked = Array.from({ length: images }, (_, at): LockedComponent => {
    const name = `app${at}`;
    return { name, required: true, method: "image", reason: "", image: imageOf(name) };
  });
  const components = locked.map(({ name, image }): Component => ({
    name,
    required: true,
    title: { en: name, zh: name },
    image: image?.reference ?? "",
    platforms: [],
    ports: [],
    alternatives: [],
    omit: [],
    requires: [],
    smoke: [],
    at: { file: "components.yaml", line: 1, column: 1 },
  }));
  const definition: Definition = {
    dir: "",
    name: "large",
    version: "1.0",
    title: { en: "Large", zh: "大" },
    requires: [],
    components,
    sources: [],
    extras: [],
    compose: { path: "compose.yaml", text: "" },
    settings: [],
    files: [],
    digest: digestOf("definition"),
  };
  const layout = layoutBundle(
    describeBundle({
      definition,
      lock: { platform: "linux/arm64", components: locked },
      date: "2024-05-06T07:08:09Z",
      tool: { name: "openim-bundler", version: "0.1.0" },
    }),
    REQUIRED_FILES.filter((name) => !/bundle\.json|SHA256SUMS/.test(name)).map((path) => ({
      path,
      executable: path === "install.sh",
      bytes: Buffer.from("services: {}\n"),
    })),
  );
  const handle = await open(file, "w");
  try {
    let at = 0;
    const write = async (bytes: Uint8Array): Promise<void> => {
      await handle.write(bytes, 0, bytes.length, at);
      at += bytes.length;
    };
    for (const piece of tarPieces(layout.tar)) {
      if ("bytes" in piece) {
        await write(piece.bytes);
        continue;
      }
      const { content, size } = piece.entry;
      const end = at + size;
      if (content.kind === "bytes") await write(content.bytes);
      else if (content.kind === "late") await write(content.late(() => layerBytes));
      else if (content.kind === "tarball") {
        for (const part of content.tarball.pieces) {
          if ("bytes" in part) await write(part.bytes);
          else {
            const start = at;
            const known = blobs.get(part.digest);
            if (known !== undefined) await write(known);
            at = start + part.size;
          }
        }
      }
      at = end;
    }
    await handle.truncate(layout.size);
  } finally {
    await handle.close();
  }
  return layout;
}
