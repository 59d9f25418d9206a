import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { digestOf } from "../../../src/core/digest.js";
import { BundlerError } from "../../../src/core/errors.js";
import { formatPlatform, parsePlatform } from "../../../src/core/platform.js";
import { parseConfig } from "../../../src/image/config.js";
import { type ImageIndex, parseManifest } from "../../../src/image/manifest.js";
import { MEDIA_TYPES } from "../../../src/image/media-types.js";
import { leavesOf, offeredPlatforms, selectLeaf } from "../../../src/image/select.js";

const bytes = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));
const descriptor = (mediaType: string, seed = "x") => ({
  mediaType,
  digest: digestOf(seed),
  size: 10,
});
const image = {
  schemaVersion: 2,
  mediaType: MEDIA_TYPES.ociManifest,
  config: descriptor(MEDIA_TYPES.ociConfig),
  layers: [descriptor(MEDIA_TYPES.ociLayerGzip)],
};
const entry = (platform: object | undefined, annotations?: object) => ({
  ...descriptor(MEDIA_TYPES.ociManifest, JSON.stringify([platform, annotations])),
  ...(platform ? { platform } : {}),
  ...(annotations ? { annotations } : {}),
});
const indexOf = (...manifests: object[]): ImageIndex =>
  parseManifest(
    "index",
    bytes({ schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests }),
  ) as ImageIndex;

describe("manifests", () => {
  it("are images or indexes, in OCI's and in Docker's media types, named inside or by the registry", () => {
    expect(parseManifest("m", bytes(image))).toMatchObject({
      kind: "image",
      mediaType: MEDIA_TYPES.ociManifest,
    });
    const { mediaType, ...unnamed } = image;
    expect(mediaType).toBe(MEDIA_TYPES.ociManifest);
    expect(
      parseManifest("m", bytes(unnamed), `${MEDIA_TYPES.dockerManifest}; charset=utf-8`),
    ).toMatchObject({
      mediaType: MEDIA_TYPES.dockerManifest,
    });
    expect(
      parseManifest("m", bytes({ schemaVersion: 2, manifests: [] }), MEDIA_TYPES.dockerList),
    ).toMatchObject({
      kind: "index",
      mediaType: MEDIA_TYPES.dockerList,
    });
  });

  it.each([
    ["schema 1", { schemaVersion: 1, fsLayers: [], history: [] }, /schema 1/],
    [
      "both an index and an image",
      { ...image, manifests: [] },
      /neither an image manifest nor an index/,
    ],
    ["neither", { schemaVersion: 2 }, /neither/],
    ["an index by name only", { ...image, mediaType: MEDIA_TYPES.ociIndex }, /its content is not/],
    [
      "a chart",
      { ...image, config: descriptor("application/vnd.cncf.helm.config.v1+json") },
      /not a container image/,
    ],
    [
      "a layer no engine unpacks",
      { ...image, layers: [descriptor("application/x-rar")] },
      /no engine unpacks/,
    ],
    [
      "an upper-case digest",
      { ...image, config: { ...image.config, digest: image.config.digest.toUpperCase() } },
      /config\.digest/,
    ],
    [
      "a negative size",
      { ...image, layers: [{ ...image.layers[0], size: -1 }] },
      /layers\.0\.size/,
    ],
    [
      "a size no number holds",
      { ...image, layers: [{ ...image.layers[0], size: 2 ** 60 }] },
      /layers\.0\.size/,
    ],
  ])("that are %s are refused with words", (_, document, message) => {
    expect(() => parseManifest("redis:7", bytes(document))).toThrow(message);
  });

  it("never make anything but a BundlerError of whatever a registry sends", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array(),
          fc.json().map((text) => Buffer.from(text)),
        ),
        (document) => {
          for (const read of [parseManifest, parseConfig]) {
            try {
              read("x", document);
            } catch (error) {
              expect(error).toBeInstanceOf(BundlerError);
            }
          }
        },
      ),
    );
  });
});

describe("choosing from an index", () => {
  const seven = entry({ os: "linux", architecture: "arm", variant: "v7" });
  const silent = entry(undefined);
  const unset = entry({ os: null, architecture: "" });
  const inner = { ...descriptor(MEDIA_TYPES.ociIndex, "inner"), platform: null };
  const index = indexOf(
    entry({ os: "linux", architecture: "amd64" }),
    entry({ os: "linux", architecture: "arm", variant: "v6" }),
    seven,
    entry({ os: "linux", architecture: "arm64", variant: "v8" }),
    entry({ os: "windows", architecture: "amd64" }),
    entry(
      { os: "unknown", architecture: "unknown" },
      { "vnd.docker.reference.type": "attestation-manifest" },
    ),
    entry(
      { os: "linux", architecture: "s390x" },
      { "vnd.docker.reference.type": "attestation-manifest" },
    ),
    { ...entry({ os: "linux", architecture: "s390x" }, {}), artifactType: "application/x.sbom" },
    entry({ os: "linux", architecture: "s390x" }, { kind: "dev.cosignproject.cosign/sigs" }),
    silent,
    unset,
    inner,
  );
  const leaves = leavesOf("index", index.entries, {
    index: ({ digest }) => {
      expect(digest).toBe(inner.digest);
      return Promise.resolve(indexOf(entry({ os: "linux", architecture: "riscv64" }), seven));
    },
    platform: ({ digest }) => {
      expect([silent.digest, unset.digest]).toContain(digest);
      return Promise.resolve(digest === silent.digest ? parsePlatform("linux/ppc64le") : undefined);
    },
  });

  it("takes the nearest that runs on the target, and no attestation", async () => {
    const chosen = async (target: string): Promise<string | undefined> => {
      const found = selectLeaf(await leaves, parsePlatform(target));
      return found && formatPlatform(found.platform);
    };
    expect(await chosen("linux/arm/v7")).toBe("linux/arm/v7");
    expect(await chosen("linux/arm/v6")).toBe("linux/arm/v6");
    expect(await chosen("linux/arm64")).toBe("linux/arm64/v8");
    expect(await chosen("linux/amd64")).toBe("linux/amd64");
    expect(await chosen("linux/s390x")).toBeUndefined();
  });

  it("looks into an index inside it, and into the config of an image that it says nothing of", async () => {
    expect(selectLeaf(await leaves, parsePlatform("linux/riscv64"))?.claimed).toBe(true);
    expect(selectLeaf(await leaves, parsePlatform("linux/ppc64le"))?.claimed).toBe(false);
  });

  it("tells what is really offered, each once", async () => {
    expect(offeredPlatforms(await leaves)).toEqual([
      "linux/amd64",
      "linux/arm/v6",
      "linux/arm/v7",
      "linux/arm64",
      "windows/amd64",
      "linux/ppc64le",
      "linux/riscv64",
    ]);
  });

  it("says that an arm image without a variant counts as v7", async () => {
    const { entries } = indexOf(entry({ os: "linux", architecture: "arm" }));
    const never = (): never => {
      throw new Error("Nothing has to be read.");
    };
    const bare = await leavesOf("index", entries, { index: never, platform: never });
    expect(offeredPlatforms(bare)).toEqual([
      "linux/arm (no variant is given, which means linux/arm/v7)",
    ]);
  });

  it("does not follow indexes that never end", async () => {
    const endless = leavesOf("index", index.entries, {
      index: ({ digest }) =>
        Promise.resolve(indexOf(descriptor(MEDIA_TYPES.ociIndex, `${digest}x`))),
      platform: () => Promise.resolve(undefined),
    });
    await expect(endless).rejects.toThrow(/nested too deeply/);
  });
});
