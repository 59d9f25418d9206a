import { gunzipSync } from "node:zlib";
import { Parser, type ReadEntry } from "tar";
import { describe, expect, it } from "vitest";
import { digestOf } from "../../../src/core/digest.js";
import { formatPlatform, parsePlatform } from "../../../src/core/platform.js";
import { parseConfig } from "../../../src/image/config.js";
import { type ImageIndex, type ImageManifest, parseManifest } from "../../../src/image/manifest.js";
import { type Leaf, leavesOf, offeredPlatforms, selectLeaf } from "../../../src/image/select.js";
import { type SampleContent, type SampleImage, buildImage } from "../../../src/sample/images.js";

const REDIS: SampleImage = {
  registry: "docker.io",
  repository: "library/redis",
  tag: "7.0.15",
  name: "redis",
  platforms: ["linux/amd64", "linux/arm64", "linux/s390x"].map(parsePlatform),
  format: "oci",
  index: true,
};
const ARM64 = parsePlatform("linux/arm64");

function top(content: SampleContent, tag = "7.0.15"): ImageIndex | ImageManifest {
  const { bytes, mediaType } = content.manifests.get(content.tags.get(tag)!)!;
  return parseManifest("top", bytes, mediaType);
}

/** Every entry of a sample's index says what it is for. */
async function leaves(content: SampleContent): Promise<readonly Leaf[]> {
  const never = (): never => {
    throw new Error("Nothing has to be read.");
  };
  const { entries } = top(content) as ImageIndex;
  return leavesOf("sample", entries, { index: never, platform: never });
}

async function imageFor(content: SampleContent, platform = ARM64): Promise<ImageManifest> {
  const { descriptor: entry } = selectLeaf(await leaves(content), platform)!;
  const { bytes, mediaType } = content.manifests.get(entry.digest)!;
  expect([digestOf(bytes), bytes.length, mediaType]).toEqual([
    entry.digest,
    entry.size,
    entry.mediaType,
  ]);
  return parseManifest("image", bytes, mediaType) as ImageManifest;
}

function blob(content: SampleContent, digest: ImageManifest["config"]["digest"]): Buffer {
  return content.blobs.get(digest) as Buffer;
}

async function filesOf(tar: Buffer): Promise<Map<string, Buffer>> {
  const files = new Map<string, Buffer>();
  const parser = new Parser({ strict: true });
  const reading: Promise<void>[] = [];
  parser.on("entry", (entry: ReadEntry) => {
    reading.push(entry.concat().then((bytes) => void files.set(entry.path, bytes)));
  });
  parser.end(tar);
  await Promise.all(reading);
  return files;
}

describe("a sample image", () => {
  it.each(["oci", "docker"] as const)(
    "in %s format is consistent from the index down to the diffIDs",
    async (format) => {
      const content = buildImage({ ...REDIS, format });
      expect(offeredPlatforms(await leaves(content))).toEqual([
        "linux/amd64",
        "linux/arm64",
        "linux/s390x",
      ]);
      for (const platform of REDIS.platforms) {
        const image = await imageFor(content, platform);
        const bytes = blob(content, image.config.digest);
        const config = parseConfig("config", bytes);
        expect(digestOf(bytes)).toBe(image.config.digest);
        expect(formatPlatform(config.platform)).toBe(formatPlatform(platform));
        const layers = image.layers.map(({ digest, size }) => {
          expect([digestOf(blob(content, digest)), blob(content, digest).length]).toEqual([
            digest,
            size,
          ]);
          return digestOf(gunzipSync(blob(content, digest)));
        });
        expect(layers).toEqual(config.diffIds);
      }
    },
  );

  it("has the same bytes each time, and never again others by accident", () => {
    expect(buildImage(REDIS).tags.get("7.0.15")).toBe(
      "sha256:329ac5f797cb941d371b0f843a543a2b934119678a73b1964d4f0296cbee9340",
    );
    expect(buildImage(REDIS).tags).toEqual(buildImage(REDIS).tags);
  });

  it("shares its base with other samples of the platform and nothing else", async () => {
    const [redis, mongo] = await Promise.all(
      [REDIS, { ...REDIS, repository: "library/mongo", name: "mongo" }].map(async (image) =>
        (await imageFor(buildImage(image))).layers.map(({ digest }) => digest),
      ),
    );
    expect(redis![0]).toBe(mongo![0]);
    expect(redis!.slice(1).filter((digest) => mongo!.includes(digest))).toEqual([]);
  });

  it("has, in OCI format, an attestation for each image that no engine may choose", () => {
    const index = top(buildImage(REDIS)) as ImageIndex;
    expect(index.entries.filter(({ artifact }) => artifact)).toHaveLength(3);
    expect(
      index.entries.every(({ artifact, platform }) => artifact === (platform?.os === "unknown")),
    ).toBe(true);
    expect((top(buildImage({ ...REDIS, format: "docker" })) as ImageIndex).entries).toHaveLength(3);
  });

  it("contains the program for its architecture, and for a service those that its health check calls", async () => {
    const service = {
      tools: [
        { path: "redis-cli", says: ["PONG"] },
        { path: "/opt/bin/check", says: [] },
      ],
      daemons: ["redis-server"],
    };
    const content = buildImage({ ...REDIS, service });
    const image = await imageFor(content);
    const files = await filesOf(gunzipSync(blob(content, image.layers.at(-1)!.digest)));
    expect([...files.keys()].filter((path) => !path.endsWith("/"))).toEqual([
      "usr/bin/hello",
      "usr/bin/serve",
      "usr/local/bin/redis-server",
      "bin/sh",
      "usr/local/bin/redis-cli",
      "opt/bin/check",
    ]);
    expect(files.get("usr/local/bin/redis-server")).toEqual(files.get("usr/bin/serve"));
    expect(files.get("bin/sh")).toEqual(files.get("usr/bin/hello"));
    expect(files.get("usr/bin/hello")!.toString("latin1")).toMatch(
      /hello from redis on linux\/arm64\n$/,
    );
    expect(files.get("usr/local/bin/redis-cli")!.toString("latin1")).toMatch(
      /hello from redis on linux\/arm64\nPONG\n$/,
    );
    expect(files.get("usr/bin/hello")!.readUInt16LE(18)).toBe(183);
    const { config } = JSON.parse(blob(content, image.config.digest).toString()) as {
      config: object;
    };
    expect(config).toMatchObject({ Entrypoint: ["/usr/bin/serve"] });
  });

  it("may answer at a port, and have a shell that says something", async () => {
    const content = buildImage({
      ...REDIS,
      service: {
        tools: [{ path: "/bin/sh", says: ["works"] }],
        daemons: ["redis-server"],
        web: { port: 9000, answer: "ready\n" },
      },
    });
    const image = await imageFor(content);
    const files = await filesOf(gunzipSync(blob(content, image.layers.at(-1)!.digest)));
    expect(files.get("bin/sh")!.toString("latin1")).toMatch(/\nworks\n$/);
    for (const path of ["usr/bin/serve", "usr/local/bin/redis-server"]) {
      expect(files.get(path)!.toString("latin1")).toContain("HTTP/1.0 200 OK");
    }
  });

  it("without an index is the manifest of its first platform", () => {
    const content = buildImage({ ...REDIS, index: false });
    const image = top(content) as ImageManifest;
    expect(image.kind).toBe("image");
    expect(formatPlatform(parseConfig("config", blob(content, image.config.digest)).platform)).toBe(
      "linux/amd64",
    );
  });

  it("may lie in its config, or about its program", async () => {
    const amd64 = parsePlatform("linux/amd64");
    const content = buildImage({ ...REDIS, lies: { config: amd64, program: amd64 } });
    const image = await imageFor(content);
    expect(parseConfig("config", blob(content, image.config.digest)).platform).toEqual(amd64);
    const files = await filesOf(gunzipSync(blob(content, image.layers.at(-1)!.digest)));
    expect(files.get("usr/bin/hello")!.readUInt16LE(18)).toBe(62);
  });

  it("in schema 1 is what engines refuse", () => {
    expect(() => top(buildImage({ ...REDIS, format: "schema1" }))).toThrow(/schema 1/);
  });
});
