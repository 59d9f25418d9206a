import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { formatPlatform, normalizePlatform, parsePlatform } from "../../../src/core/platform.js";
import type { Component } from "../../../src/definition/types.js";
import { writeSampleArchive } from "../../../src/sample/archives.js";
import { sampleCatalogue, sampleOf } from "../../../src/sample/catalogue.js";
import { type SampleImage, buildImage } from "../../../src/sample/images.js";

function component(
  name: string,
  image: string,
  platforms: string[],
  alternatives: Component["alternatives"] = [],
): Component {
  return {
    name,
    required: true,
    title: { en: name, zh: name },
    image,
    platforms: platforms.map(parsePlatform),
    ports: [],
    alternatives,
    omit: [],
    requires: [],
    smoke: [],
    at: { file: "components.yaml", line: 1, column: 1 },
  };
}

const MARIADB = {
  image: "mariadb:10.11.11",
  platforms: [],
  reason: { en: "", zh: "" },
  service: {
    healthcheck: { test: ["CMD", "mariadb-admin", "ping"] },
    entrypoint: "/run-mariadb --now",
  },
  at: { file: "components.yaml", line: 1, column: 1 },
};
const DEFINITION = {
  components: [
    component("mysql", "mysql:5.7.44", ["linux/amd64", "linux/arm64"], [MARIADB]),
    component("redis", "redis:7.0.15", ["linux/amd64"]),
    component("zookeeper", "zookeeper:3.8.4", ["linux/amd64", "linux/arm64"]),
    component("minio", "minio/minio:RELEASE.1", ["linux/arm64"]),
    component("etcd", "quay.io/coreos/etcd:v3.5.21", ["linux/arm64"]),
    component("server", "openim/open_im_server:v2.3.9", ["linux/amd64", "linux/arm64"]),
    component("own", "registry.example:5000/team/app:1.2", ["linux/arm64"]),
  ],
  compose: {
    path: "compose.yaml",
    text: 'services:\n  mysql:\n    healthcheck:\n      test: ["CMD-SHELL", "mysqladmin ping"]\n  redis:\n    healthcheck:\n      test: [CMD, redis-cli, ping]\n',
  },
};

function find(images: readonly SampleImage[], repository: string): SampleImage | undefined {
  return images.find((image) => image.repository === repository);
}

function platformsOf(image: SampleImage | undefined): string[] | undefined {
  return image?.platforms.map((platform) => formatPlatform(normalizePlatform(platform)));
}

it("offers what the registries really have, whatever the table claims", () => {
  const images = sampleCatalogue(DEFINITION);
  expect(platformsOf(find(images, "library/mysql"))).toEqual(["linux/amd64"]);
  expect(platformsOf(find(images, "library/mariadb"))).toEqual([
    "linux/amd64",
    "linux/arm64",
    "linux/ppc64le",
    "linux/s390x",
  ]);
  expect(platformsOf(find(images, "library/redis"))).toContain("linux/arm/v7");
  expect(find(images, "openim/open_im_server")).toMatchObject({ index: false, format: "docker" });
  expect(platformsOf(find(images, "openim/open_im_server"))).toEqual(["linux/amd64"]);
});

it("leaves out what is no longer there", () => {
  const images = sampleCatalogue(DEFINITION);
  expect(find(images, "library/zookeeper")).toBeUndefined();
  expect(find(images, "minio/minio")).toBeUndefined();
});

it("keeps the definition's tags, registries and, for unknown images, its claims", () => {
  const images = sampleCatalogue(DEFINITION);
  expect(find(images, "coreos/etcd")).toMatchObject({
    registry: "quay.io",
    tag: "v3.5.21",
    name: "etcd",
  });
  expect(find(images, "team/app")).toMatchObject({
    registry: "registry.example:5000",
    tag: "1.2",
    index: true,
  });
  expect(platformsOf(find(images, "team/app"))).toEqual(["linux/arm64"]);
});

it("gives services the programs that the compose file and the alternatives call", () => {
  const images = sampleCatalogue(DEFINITION, { services: true });
  expect(find(images, "library/redis")?.service).toEqual({
    tools: [{ path: "redis-cli", says: [] }],
    daemons: [],
  });
  expect(find(images, "library/mariadb")?.service).toEqual({
    tools: [{ path: "mariadb-admin", says: [] }],
    daemons: ["/run-mariadb"],
  });
  expect(find(sampleCatalogue(DEFINITION), "library/redis")?.service).toBeUndefined();
});

it("gives services what the smoke tests look for", () => {
  const [, redis, ...others] = DEFINITION.components;
  const tested: Component = {
    ...redis!,
    ports: [
      { host: 19_000, container: 9000, protocol: "tcp" },
      { host: 16_379, container: 6379, protocol: "tcp" },
    ],
    smoke: [
      { run: ["redis-cli", "ping"], expect: "PONG", limit: 5 },
      { run: ["redis-cli", "info"], expect: "role:master", limit: 5 },
      { http: "http://${BIND_ADDRESS}:16379/ready", expect: "ready", limit: 5 },
      { http: "http://127.0.0.1:16379/", limit: 5 },
    ],
    alternatives: [{ ...MARIADB, image: "valkey:8.0", smoke: [{ run: ["/bin/v"], limit: 5 }] }],
  };
  const images = sampleCatalogue(
    { ...DEFINITION, components: [tested, ...others] },
    { services: true },
  );
  expect(find(images, "library/redis")?.service).toEqual({
    tools: [
      { path: "redis-cli", says: ["PONG", "role:master"] },
      { path: "mariadb-admin", says: [] },
      { path: "/bin/v", says: [] },
    ],
    daemons: ["/run-mariadb"],
    web: { port: 6379, answer: "ready\nworks\n" },
  });
});

it("makes a whole table's images of few bytes", () => {
  const bytes = sampleCatalogue(DEFINITION)
    .map(buildImage)
    .flatMap(({ blobs }) => [...blobs.values()])
    .reduce((sum, blob) => sum + (Buffer.isBuffer(blob) ? blob.length : blob.size), 0);
  expect(bytes).toBeLessThan(25e6);
});

it("has a sample of a component's own image for any platform", async () => {
  const zookeeper = sampleOf(DEFINITION, "zookeeper");
  expect(platformsOf(zookeeper)).toContain("linux/riscv64");
  expect(() => sampleOf(DEFINITION, "zoo")).toThrow(/no component "zoo"/);
  const dir = await mkdtemp(join(tmpdir(), "sample-archive-"));
  try {
    const write = async (name: string): Promise<Buffer> => {
      await writeSampleArchive(join(dir, name), zookeeper, {
        platform: parsePlatform("linux/arm64"),
        reference: "docker.io/library/zookeeper:3.8.4",
      });
      return readFile(join(dir, name));
    };
    expect((await write("one.tar")).equals(await write("two.tar"))).toBe(true);
  } finally {
    await rm(dir, { recursive: true });
  }
});
