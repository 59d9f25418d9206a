import { createCipheriv, createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describeBundle } from "../../../src/bundle/describe.js";
import { layoutBundle, type BundleFile, type BundleLayout } from "../../../src/bundle/layout.js";
import { type DiffId, type Digest, digestOf, hexOf } from "../../../src/core/digest.js";
import type { Component, Definition } from "../../../src/definition/types.js";
import type { Descriptor } from "../../../src/image/descriptor.js";
import { MEDIA_TYPES } from "../../../src/image/media-types.js";
import type { LockedComponent, LockedImage } from "../../../src/plan/types.js";

export const DATE = "2024-05-06T07:08:09Z";

/** Bytes that look random and are the same in every run. */
export function noise(seed: string, size: number): Buffer {
  const key = createHash("sha256").update(seed).digest().subarray(0, 16);
  return createCipheriv("aes-128-ctr", key, Buffer.alloc(16)).update(Buffer.alloc(size));
}

/** A folder of blobs, as a store keeps them. */
export class Blobs {
  readonly dir: string;

  constructor(dir: string) {
    this.dir = dir;
  }

  readonly path = (digest: Digest): string => join(this.dir, hexOf(digest));

  async add(mediaType: string, bytes: Buffer): Promise<Descriptor> {
    await mkdir(this.dir, { recursive: true });
    const digest = digestOf(bytes);
    await writeFile(this.path(digest), bytes);
    return { mediaType, digest, size: bytes.length };
  }

  async layer(content: Buffer): Promise<Descriptor & { readonly diffId: DiffId }> {
    const gzipped = gzipSync(content, { level: 1 });
    const descriptor = await this.add(MEDIA_TYPES.ociLayerGzip, gzipped);
    return { ...descriptor, diffId: digestOf(content) as string as DiffId };
  }

  async image(
    reference: string,
    layers: readonly (Descriptor & { readonly diffId: DiffId })[],
    platform: { os: string; architecture: string; variant?: string } = {
      os: "linux",
      architecture: "arm64",
    },
    run: Readonly<Record<string, unknown>> = { Cmd: [reference] },
  ): Promise<LockedImage> {
    const config = await this.add(
      MEDIA_TYPES.ociConfig,
      Buffer.from(
        JSON.stringify({
          ...platform,
          config: run,
          rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
        }),
      ),
    );
    const manifest = await this.add(
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
    const { os, architecture, variant } = platform;
    return {
      reference,
      manifest,
      config,
      layers,
      platform: [os, architecture, ...(variant === undefined ? [] : [variant])].join("/"),
      created: DATE,
    };
  }
}

export interface Sample {
  readonly layout: BundleLayout;
  readonly blobs: Blobs;
  readonly images: Readonly<Record<string, LockedImage>>;
}

/** Options by which a sample differs from a sound one. */
export interface SampleOptions {
  readonly platform?: string;
  readonly compose?: string;
  readonly files?: readonly BundleFile[];
  /** Bytes of each layer's content. */
  readonly layerSize?: number;
  readonly images?: (blobs: Blobs) => Promise<Readonly<Record<string, LockedImage>>>;
}

export function composeFor(
  images: Readonly<Record<string, LockedImage>>,
  platform: string,
): string {
  const services = Object.entries(images).map(
    ([name, { reference }]) =>
      `  ${name}:\n    image: ${reference}\n    platform: ${platform}\n    pull_policy: never\n    healthcheck: { test: [CMD, "true"] }\n`,
  );
  return `services:\n${services.join("")}`;
}

/** Two images that share a base layer, one of which has a layer twice. */
async function twoImages(
  blobs: Blobs,
  layerSize = 3000,
): Promise<Readonly<Record<string, LockedImage>>> {
  const base = await blobs.layer(noise("base", layerSize));
  const redis = await blobs.layer(noise("redis", layerSize + 700));
  const etcd = await blobs.layer(noise("etcd", layerSize + 1));
  return {
    redis: await blobs.image("docker.io/library/redis:7.0.15", [base, redis, redis]),
    etcd: await blobs.image("quay.io/coreos/etcd:v3.5.13", [base, etcd]),
  };
}

export function textFile(path: string, text: string, executable = false): BundleFile {
  return { path, executable, bytes: Buffer.from(text) };
}

export async function makeSample(dir: string, options: SampleOptions = {}): Promise<Sample> {
  const blobs = new Blobs(join(dir, "blobs"));
  const platform = options.platform ?? "linux/arm64";
  const images = await (options.images?.(blobs) ?? twoImages(blobs, options.layerSize));
  const locked = Object.entries(images).map(([name, image]): LockedComponent => ({
    name,
    required: true,
    method: "image",
    reason: "the table's image",
    image,
  }));
  const components = [...locked.map(({ name }) => name), "node-exporter"].map(
    (name): Component => ({
      name,
      required: name !== "node-exporter",
      title: { en: name, zh: name },
      image: images[name]?.reference ?? "docker.io/prom/node-exporter:v1.7.0",
      platforms: [],
      ports: [],
      alternatives: [],
      omit: [],
      requires: [],
      smoke: [],
      at: { file: "components.yaml", line: 1, column: 1 },
    }),
  );
  const definition: Definition = {
    dir,
    name: "openim",
    version: "2.3.9",
    title: { en: "OpenIM", zh: "OpenIM" },
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
      lock: {
        platform,
        components: [
          ...locked,
          { name: "node-exporter", required: false, method: "left-out", reason: "not wanted" },
        ],
      },
      date: DATE,
      tool: { name: "openim-bundler", version: "0.1.0" },
    }),
    [
      textFile("install.sh", "#!/bin/sh\necho hello\n", true),
      textFile("lib/check.sh", "check() { :; }\n"),
      textFile("README.md", "# OpenIM\n"),
      textFile("README.zh-CN.md", "# OpenIM 离线包\n"),
      textFile("compose.yaml", options.compose ?? composeFor(images, platform)),
      textFile("site/images.tsv", "redis\timages/redis.tar\n"),
      ...(options.files ?? []),
    ],
  );
  return { layout, blobs, images };
}
