import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { describeBundle } from "../../../src/bundle/describe.js";
import { imageDocuments, layoutImageTarball, tagOf } from "../../../src/bundle/image-layout.js";
import { encodeBundleManifest } from "../../../src/bundle/manifest.js";
import { formatSums, parseSums } from "../../../src/bundle/sums.js";
import { withUnpacked } from "../../../src/bundle/unpacked.js";
import { DATE, makeSample, textFile } from "./sample.js";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "layout-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

describe("the bundle's layout", () => {
  it("tells its own size in bundle.json, at every length that changes the count of digits", async () => {
    for (const size of [0, 1, 511, 512, 82_000, 84_500, 950_000, 960_000, 2 ** 34]) {
      const padding = { path: "files/p", executable: false, source: "/none", size };
      const { layout } = await makeSample(dir, { files: [padding] });
      expect(layout.manifest.sizes.archive).toBe(layout.size);
      const json = layout.tar.entries.find(({ path }) => path.endsWith("/bundle.json"));
      const whole = withUnpacked(layout.manifest, () => size);
      expect(json!.size).toBe(encodeBundleManifest(whole).length);
    }
  });

  it("counts shared layers once, and tarballs as they are", async () => {
    const { layout, images } = await makeSample(dir);
    const { redis, etcd } = images;
    const tarballs = [redis!, etcd!].map((image) => layoutImageTarball([image], 0));
    expect(layout.manifest.sizes.images).toBe(tarballs[0]!.size + tarballs[1]!.size);
    const distinct = new Map(
      tarballs.flatMap(({ blobs }) => blobs.map(({ digest, size }) => [digest, size])),
    );
    expect(layout.manifest.sizes.distinctBlobs).toBe(
      [...distinct.values()].reduce((sum, size) => sum + size, 0),
    );
  });

  it.each([
    ["a required component without an image", { image: undefined, method: "none" }, "NO_WAY"],
    ["a component that the definition lacks", { name: "stranger" }, "LOCK"],
  ] as const)("refuses %s", async (_what, change, code) => {
    const { layout, images } = await makeSample(dir);
    const [component] = layout.manifest.components;
    const locked = {
      name: "redis",
      required: true,
      method: "image",
      reason: "",
      image: images["redis"]!,
      ...change,
    } as const;
    const { image, ...without } = locked;
    const definition = {
      ...layout.manifest,
      requires: [],
      components: [component],
      digest: layout.manifest.definition,
    };
    expect(() =>
      describeBundle({
        definition: definition as never,
        lock: {
          platform: "linux/arm64",
          components: [image === undefined ? without : { ...without, image }],
        },
        date: DATE,
        tool: layout.manifest.tool,
      }),
    ).toThrow(expect.objectContaining({ code }));
  });

  it("refuses two images under one name", async () => {
    const images = makeSample(dir, {
      images: async (blobs) => ({
        a: await blobs.image("docker.io/library/x:1", [await blobs.layer(Buffer.from("a"))]),
        b: await blobs.image("docker.io/library/x:1", [await blobs.layer(Buffer.from("b"))]),
      }),
    });
    await expect(images).rejects.toMatchObject({ code: "LOCK" });
  });

  it("refuses files that are its own to write, or missing", async () => {
    for (const path of [
      "bundle.json",
      "SHA256SUMS",
      "site/blobs.tsv",
      "images/redis.tar",
      "README.md",
    ]) {
      await expect(makeSample(dir, { files: [textFile(path, "")] })).rejects.toThrow();
    }
    for (const path of ["../x", "/x", "a//b"]) {
      await expect(makeSample(dir, { files: [textFile(path, "")] })).rejects.toMatchObject({
        code: "FILE",
      });
    }
  });

  it("makes documents that both engines read", async () => {
    const { images } = await makeSample(dir);
    const [oci, index, docker] = imageDocuments([images["etcd"]!]).map(
      ({ bytes }) => JSON.parse(bytes.toString()) as unknown,
    );
    expect(oci).toEqual({ imageLayoutVersion: "1.0.0" });
    expect(index).toMatchObject({
      schemaVersion: 2,
      manifests: [
        {
          digest: images["etcd"]!.manifest.digest,
          platform: { os: "linux", architecture: "arm64" },
          annotations: {
            "io.containerd.image.name": "quay.io/coreos/etcd:v3.5.13",
            "org.opencontainers.image.ref.name": "v3.5.13",
          },
        },
      ],
    });
    expect(docker).toMatchObject([{ RepoTags: ["quay.io/coreos/etcd:v3.5.13"] }]);
  });

  it.each([
    ["docker.io/library/redis:7.0", "7.0"],
    ["localhost:5000/redis:7", "7"],
    ["localhost:5000/redis", undefined],
    ["quay.io/a/b@sha256:00", undefined],
  ])("finds the tag of %s", (reference, tag) => {
    expect(tagOf(reference)).toBe(tag);
  });
});

describe("SHA256SUMS", () => {
  const path = fc.stringMatching(/^[^\n]{1,20}$/);
  const hex = fc.stringMatching(/^[0-9a-f]{64}$/);

  it("reads back what it writes", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(path, hex)), (lines) => {
        const sums = new Map(lines);
        const parsed = parseSums(formatSums(sums));
        expect(parsed.problems).toEqual([]);
        expect(new Map([...parsed.sums].sort())).toEqual(new Map([...sums].sort()));
      }),
    );
  });

  it("points at lines that are wrong", () => {
    const good = `${"a".repeat(64)}  x\n`;
    const { problems } = parseSums(`${good}nonsense\n${good}${"A".repeat(64)}  y`);
    expect(problems.map(({ line }) => line)).toEqual([4, 2, 3]);
  });
});
