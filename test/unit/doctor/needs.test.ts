import { describe, expect, it } from "vitest";
import path from "node:path";
import { formatPlatform, parsePlatform } from "../../../src/core/platform.js";
import { loadDefinition } from "../../../src/definition/definition.js";
import type {
  Alternative,
  Build,
  Component,
  Definition,
  Source,
} from "../../../src/definition/types.js";
import { type DockerfileFacts, findNeeds, servedPlatforms } from "../../../src/doctor/needs.js";

const at = { file: "components.yaml", line: 1, column: 1 };
const title = { en: "x", zh: "x" };
const platforms = (...names: string[]) => names.map(parsePlatform);

const component = (name: string, more: Partial<Component>): Component => ({
  ...{ name, required: true, title, image: `team/${name}:1.0`, platforms: platforms("amd64") },
  ...{ ports: [], alternatives: [], omit: [], requires: [], smoke: [], at, ...more },
});
const build = (more: Partial<Build> = {}): Build => ({
  ...{ platforms: platforms("amd64", "arm64"), always: false, context: "app" },
  ...{ dockerfile: "Dockerfile", sources: [], args: {}, secrets: [], at, ...more },
});
const alternative = (image: string, ...names: string[]): Alternative => ({
  ...{
    image,
    platforms: platforms(...names),
    reason: { en: "stands in", zh: "代替" },
    service: {},
    at,
  },
});
const definition = (
  components: readonly Component[],
  sources: Definition["sources"] = [],
): Definition => ({
  ...{
    dir: ".",
    name: "mine",
    version: "1.0",
    title,
    requires: [],
    components,
    sources,
    extras: [],
    settings: [],
    files: [],
  },
  ...{ compose: { path: "compose.yaml", text: "" }, digest: "sha256:0" as Definition["digest"] },
});
const facts: DockerfileFacts = {
  bases: ["debian:12.5", "quay.io/team/base:1"],
  targetRuns: 1,
  java: false,
};
const needsOf = (components: Component[], names: string[], sources: Definition["sources"] = []) =>
  findNeeds(definition(components, sources), platforms(...names), () => Promise.resolve(facts));

describe("what a definition needs", () => {
  it("is every registry that a plan would ask, until the table says that an image fits", async () => {
    const needs = await needsOf(
      [
        component("db", {
          alternatives: [
            alternative("quay.io/x/db:1", "arm64"),
            alternative("ghcr.io/x/db:1", "arm64"),
          ],
        }),
      ],
      ["arm64"],
    );
    expect(needs.registries).toEqual([
      { name: "docker.io", needed: true, repositories: ["team/db"], users: ["db"] },
      { name: "quay.io", needed: true, repositories: ["x/db"], users: ["db"] },
    ]);
    expect(needs.builds).toEqual([]);
  });

  it("is nothing of a component that is left out, or that is built whatever registries have", async () => {
    const left = component("left", {
      omit: [{ platforms: platforms("arm64"), reason: { en: "no", zh: "无" } }],
      build: build(),
    });
    expect(await needsOf([left], ["arm64"])).toMatchObject({ registries: [], builds: [] });
    const always = component("own", { image: "own.example/own:1", build: build({ always: true }) });
    const needs = await needsOf([always], ["amd64"]);
    expect(needs.registries.map(({ name }) => name)).toEqual(["docker.io", "quay.io"]);
    expect(needs.builds).toMatchObject([{ component: "own", needed: true }]);
  });

  it("is a build where no image is claimed, with its base images and sources", async () => {
    const source: Source = {
      name: "src",
      urls: ["https://a.example/s.zip"],
      format: "zip",
      checksumUrl: "https://a.example/s.zip.sha512",
      strip: 0,
      optional: false,
      at,
    };
    const unused = { ...source, name: "unused" };
    const app = component("app", { build: build({ source: "src" }) });
    const needs = await needsOf([app], ["amd64", "arm64"], [source, unused]);
    expect(needs.builds).toEqual([
      { component: "app", platform: "linux/amd64", needed: false, targetRuns: 1, java: false },
      { component: "app", platform: "linux/arm64", needed: true, targetRuns: 1, java: false },
    ]);
    expect(needs.registries).toMatchObject([
      { name: "docker.io", users: ["app", "debian:12.5 for app"] },
      { name: "quay.io", needed: true },
    ]);
    expect(needs.sources).toEqual([
      {
        name: "src",
        urls: ["https://a.example/s.zip", "https://a.example/s.zip.sha512"],
        users: ["app"],
        optional: false,
      },
    ]);
  });

  it("does not need an optional component's build, nor the bases of one that is only a way out", async () => {
    const extra = component("extra", { required: false, build: build() });
    expect((await needsOf([extra], ["arm64"])).builds).toMatchObject([{ needed: false }]);
    const fallback = await needsOf([component("app", { build: build() })], ["amd64"]);
    expect(fallback.registries).toMatchObject([
      { name: "docker.io", needed: true },
      { name: "quay.io", needed: false },
    ]);
  });

  it("says nothing of the steps of a Dockerfile that is not here yet", async () => {
    const app = component("app", { build: build() });
    const needs = await findNeeds(definition([app]), platforms("arm64"), () =>
      Promise.resolve(undefined),
    );
    expect(needs.builds[0]).not.toHaveProperty("targetRuns");
  });
});

describe("the platforms that a definition is for", () => {
  it("are those that every required component has a way to", () => {
    const all = component("all", { platforms: platforms("amd64", "arm64", "s390x") });
    const built = component("built", { build: build() });
    const extra = component("extra", { required: false });
    expect(servedPlatforms(definition([all, built, extra])).map(formatPlatform)).toEqual([
      "linux/amd64",
      "linux/arm64",
    ]);
  });

  it("are amd64 and arm64 for OpenIM 2.3.9", async () => {
    const dir = path.resolve(import.meta.dirname, "../../../bundles/openim-2.3.9");
    const served = servedPlatforms(await loadDefinition(dir)).map(formatPlatform);
    expect(served).toEqual(["linux/amd64", "linux/arm64"]);
  });
});
