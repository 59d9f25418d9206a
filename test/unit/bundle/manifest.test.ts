import { describe, expect, it } from "vitest";
import { encodeBundleManifest, parseBundleManifest } from "../../../src/bundle/manifest.js";
import { describeBundle } from "../../../src/bundle/describe.js";
import type { BundleManifest } from "../../../src/bundle/types.js";
import { digestOf } from "../../../src/core/digest.js";
import { parsePlatform } from "../../../src/core/platform.js";
import type { Component, Requirement } from "../../../src/definition/types.js";
import type { LockedComponent } from "../../../src/plan/types.js";
import { siteManifest } from "../../site/bundle.js";
import { DATE } from "./sample.js";

const at = { file: "components.yaml", line: 1, column: 1 };
const reason = { en: "so", zh: "如此" };
const needs = (value: string, ...platforms: string[]): Requirement => ({
  kind: "memory",
  value,
  level: "fail",
  ...(platforms.length === 0 ? {} : { platforms: platforms.map(parsePlatform) }),
  reason,
});
const { image } = siteManifest("linux/arm64").components[0]!;

const component: Component = {
  name: "db",
  required: true,
  title: { en: "db", zh: "db" },
  image: "mysql:5.7",
  platforms: [],
  ports: [],
  alternatives: [
    {
      image: "mariadb:10.11",
      platforms: [],
      reason: { en: "stands in", zh: "代替" },
      service: {},
      requires: [],
      smoke: [{ run: ["mariadb"], limit: 20 }],
      at,
    },
  ],
  omit: [{ platforms: [parsePlatform("linux/arm64")], reason: { en: "too old", zh: "过旧" } }],
  requires: [needs("1"), needs("2", "linux/amd64")],
  smoke: [{ run: ["mysql"], limit: 20 }],
  upgrade: { within: "minor", reason },
  at,
};

function described(
  change: Partial<LockedComponent> = {},
  requires: readonly Requirement[] = [],
  components: readonly LockedComponent[] = [
    { name: "db", required: true, method: "image", reason: "", image, ...change },
  ],
): Omit<BundleManifest, "sizes"> {
  return describeBundle({
    definition: {
      name: "shop",
      version: "1.0",
      title: { en: "Shop", zh: "商店" },
      requires,
      components: [component],
      settings: [],
      digest: digestOf("definition"),
    },
    lock: {
      platform: "linux/arm64",
      components,
    },
    date: DATE,
    tool: { name: "openim-bundler", version: "0.1.0" },
  }).manifest;
}

const encoded = (manifest: Omit<BundleManifest, "sizes">, sizes: object = {}): Buffer =>
  encodeBundleManifest({
    ...manifest,
    sizes: { archive: 1, images: 1, distinctBlobs: 1, ...sizes },
  });

describe("bundle.json", () => {
  it("says what holds for its platform", () => {
    const { requires, components } = described({}, [needs("3", "arm64"), needs("4", "amd64")]);
    expect(requires).toEqual([{ kind: "memory", value: "3", level: "fail", reason }]);
    expect(components[0]).toMatchObject({
      requires: [{ kind: "memory", value: "1", level: "fail", reason }],
      smoke: [{ run: ["mysql"], limit: 20 }],
      upgrade: { within: "minor", reason },
    });
  });

  it("says what an alternative has of its own, and the component's where it has not", () => {
    const [db] = described({ method: "alternative", alternative: 0 }).components;
    expect(db).not.toHaveProperty("requires");
    expect(db).toMatchObject({
      smoke: [{ run: ["mariadb"], limit: 20 }],
      upgrade: { within: "minor", reason },
      reasonZh: "代替",
    });
  });

  it.each([
    ["left-out" as const, "too old", "过旧"],
    ["left-out" as const, "left out by --only", "制作安装包时未选入"],
    ["none" as const, "db is there only for linux/amd64", "没有适用于 linux/arm64 的镜像"],
  ])("says in both languages why a component is not inside: %s, %s", (method, why, zh) => {
    const locked = { name: "db", required: false, method, reason: why };
    const { leftOut } = described({}, [], [locked]);
    expect(leftOut).toEqual([{ name: "db", required: false, reason: why, reasonZh: zh }]);
  });

  it("is read as it was written, with and without what earlier versions did not have", () => {
    const sizes = { archive: 1, images: 1, distinctBlobs: 1 };
    const old = { ...siteManifest("linux/arm64"), sizes };
    expect(parseBundleManifest("it", encoded(old))).toEqual(old);
    const [db] = described().components;
    const now = {
      ...described({}, [needs("3")]),
      components: [{ ...db!, unpacked: 12 }],
      sizes: { ...sizes, unpacked: 34 },
    };
    expect(parseBundleManifest("it", encoded(now, now.sizes))).toEqual(now);
  });

  it("is as long whatever the unpacked sizes are, and leaves alone what only looks like one", () => {
    const manifest = {
      ...described({ reason: '"unpacked": 7\n  "unpacked": 8' }),
      title: { en: "unpacked", zh: '"unpacked": 1' },
    };
    const [small, large] = [0, Number.MAX_SAFE_INTEGER].map((unpacked) =>
      encoded(manifest, { unpacked }),
    );
    expect(large!.length).toBe(small!.length);
    expect(small!.toString()).toContain('"unpacked":                0\n');
    expect(parseBundleManifest("it", small!)).toMatchObject(manifest);
  });
});
