import { symlink } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { rememberImage } from "../../../src/build/cache.js";
import { buildKey } from "../../../src/build/key.js";
import { planBuild } from "../../../src/build/plan-build.js";
import { machinePlatform } from "../../../src/build/strategy.js";
import { digestOf } from "../../../src/core/digest.js";
import { BundlerError } from "../../../src/core/errors.js";
import { parsePlatform } from "../../../src/core/platform.js";
import type { LockedBuild } from "../../../src/plan/build-types.js";
import type { PlannedBuild } from "../../../src/plan/types.js";
import type { LockedImage } from "../../../src/plan/types.js";
import { buildImage } from "../../../src/sample/images.js";
import {
  ARM64,
  BASES,
  builderOf,
  component,
  containing,
  GO_DOCKERFILE,
  JAVA_DOCKERFILE,
  type Lab,
  matching,
  node,
  openLab,
  RUNS_DOCKERFILE,
  SampleHost,
  source,
  writeFiles,
  writeSource,
  X86_ALONE,
  X86_EMULATING,
} from "./lab.js";

let lab: Lab;
beforeEach(async () => {
  lab = await openLab();
  await lab.write({ "hello/Dockerfile": GO_DOCKERFILE, "hello/main.go": "package main\n" });
});
afterEach(() => lab.close());

const HELLO = component({ context: "hello" });

function planned(plan: PlannedBuild) {
  if (plan.kind === "planned") return plan;
  throw plan.error;
}

function obstacle(plan: PlannedBuild) {
  if (plan.kind === "obstacle") return plan;
  throw new Error(`planned: ${plan.reason}`);
}

const indexDigest = (name: string): string | undefined => {
  const base = BASES.find(({ repository }) => repository === `library/${name}`)!;
  return buildImage(base).tags.get(base.tag);
};

describe("a build's plan", () => {
  it("pins the bases by their index, and all that goes in", async () => {
    const { build, reason, image } = planned(await planBuild(HELLO, ARM64, lab.context()));
    expect(image).toBeUndefined();
    expect(reason).toBe("built: cross, the target's stage runs nothing");
    expect(build).toEqual({
      reference: "docker.io/example/hello:1.0",
      platform: "linux/arm64",
      strategy: "cross",
      context: matching(/^sha256:/),
      dockerfile: "Dockerfile",
      args: {},
      bases: [
        { reference: "docker.io/library/alpine:3.19", digest: indexDigest("alpine") },
        { reference: "docker.io/library/golang:1.20.14", digest: indexDigest("golang") },
      ],
      sources: [],
      date: "2024-01-01T00:00:00Z",
    });
  });

  it("is the same whatever lies in what .dockerignore leaves out, which is not looked at", async () => {
    const context = async () => planned(await planBuild(HELLO, ARM64, lab.context())).build.context;
    await lab.write({ "hello/.dockerignore": "node_modules\n*.log\n.dockerignore\n" });
    const before = await context();
    await lab.write({ "hello/build.log": "one", "hello/node_modules/.bin/x": "x" });
    await symlink("/usr/bin/env", join(lab.definition, "hello", "node_modules", "env"));
    await symlink("/nowhere", join(lab.definition, "hello", "link.log"));
    expect(await context()).toBe(before);
    // Not sent itself, and yet it says what of a source's tree is.
    await lab.write({ "hello/.dockerignore": "node_modules\n*.log\n.dockerignore\nx\n" });
    expect(await context()).not.toBe(before);
  });

  it("takes back what an exclamation mark names, from below a folder that is left out", async () => {
    await lab.write({
      "hello/.dockerignore": "vendor\n!vendor/keep\n",
      "hello/vendor/keep/a.txt": "a",
      "hello/vendor/other.txt": "other",
    });
    const context = async () => planned(await planBuild(HELLO, ARM64, lab.context())).build.context;
    const before = await context();
    await lab.write({ "hello/vendor/other.txt": "another" });
    expect(await context()).toBe(before);
    await lab.write({ "hello/vendor/keep/a.txt": "b" });
    expect(await context()).not.toBe(before);
  });

  it("is dated by SOURCE_DATE_EPOCH, or by the newest base, or else by 1980", async () => {
    const dated = async (options: Parameters<Lab["context"]>[0]) =>
      planned(await planBuild(HELLO, ARM64, lab.context(options))).build.date;
    expect(await dated({ sourceDateEpoch: 1_700_000_000 })).toBe("2023-11-14T22:13:20Z");
    expect(await dated({})).toBe("2024-01-01T00:00:00Z");
    await lab.write({ "hello/Dockerfile": "FROM scratch\nCOPY main.go /\n" });
    expect(await dated({})).toBe("1980-01-01T00:00:00Z");
  });

  it("takes the arguments of the build into the bases' names", async () => {
    await lab.write({ "hello/Dockerfile": "ARG BASE=onlyx86:1.0\nFROM ${BASE}\n" });
    const args = component({ context: "hello", args: { BASE: "alpine:3.19" } });
    const { build } = planned(await planBuild(args, ARM64, lab.context()));
    expect(build.bases.map(({ reference }) => reference)).toEqual([
      "docker.io/library/alpine:3.19",
    ]);
    expect(obstacle(await planBuild(HELLO, ARM64, lab.context())).error.code).toBe("PLATFORM");
  });

  it("names line, base and what the registry offers when a base lacks the platform", async () => {
    await lab.write({
      "hello/Dockerfile": "FROM alpine:3.19 AS a\nFROM onlyx86:1.0\nCOPY --from=a / /\n",
    });
    const { error, build } = obstacle(await planBuild(HELLO, ARM64, lab.context()));
    expect(build).toBeUndefined();
    expect(error).toMatchObject({
      code: "PLATFORM",
      message:
        "hello/Dockerfile:2: the base image onlyx86:1.0 is not there for linux/arm64: it is there only for linux/amd64.",
      hint: containing("hello/Dockerfile"),
    });
  });

  it("asks for a base on the builder's platform where the builder's stages use it", async () => {
    await lab.write({
      "hello/Dockerfile":
        "FROM --platform=$BUILDPLATFORM onlyx86:1.0 AS a\nFROM alpine:3.19\nCOPY --from=a / /\n",
    });
    expect(planned(await planBuild(HELLO, ARM64, lab.context())).build.bases).toHaveLength(2);
    const host = new SampleHost({ builder: builderOf(node("arm", { native: "linux/arm64" })) });
    const { error } = obstacle(await planBuild(HELLO, ARM64, lab.context({ host })));
    expect(error.message).toContain("is not there for linux/arm64, which the builder runs on");
  });

  it("says that a base does not exist at all", async () => {
    await lab.write({ "hello/Dockerfile": "FROM nowhere:1.0\n" });
    const { error } = obstacle(await planBuild(HELLO, ARM64, lab.context()));
    expect(error).toMatchObject({
      code: "NOT_FOUND",
      message: containing("hello/Dockerfile:1: the base image nowhere:1.0"),
    });
  });

  it("keeps a digest that is in the Dockerfile, and refuses two for one name", async () => {
    const digest = indexDigest("alpine");
    await lab.write({
      "hello/Dockerfile": `FROM alpine:3.19@${digest} AS a\nFROM alpine:3.19\nCOPY --from=a / /\n`,
    });
    expect(planned(await planBuild(HELLO, ARM64, lab.context())).build.bases).toEqual([
      { reference: "docker.io/library/alpine:3.19", digest },
    ]);
    await lab.write({
      "hello/Dockerfile": `FROM alpine:3.19@${digest} AS a\nFROM alpine:3.19@${digestOf("other")}\nCOPY --from=a / /\n`,
    });
    expect(obstacle(await planBuild(HELLO, ARM64, lab.context())).error.code).toBe("DEFINITION");
  });

  it("fails, and is no answer, when the registry cannot be reached", async () => {
    await lab.registry.close();
    await expect(planBuild(HELLO, ARM64, lab.context())).rejects.toMatchObject({ code: "NETWORK" });
  });

  it.each([
    [
      "native",
      builderOf(node("k", { native: "linux/arm64" })),
      "built: native, hello/Dockerfile:2 RUN apk add",
    ],
    [
      "emulate",
      X86_EMULATING,
      "built: emulate, hello/Dockerfile:2 RUN apk add --no-cache tzdata runs on linux/arm64",
    ],
  ])(
    "chooses %s for a target's step where the builder is such",
    async (strategy, builder, reason) => {
      await lab.write({ "hello/Dockerfile": RUNS_DOCKERFILE });
      const plan = planned(
        await planBuild(HELLO, ARM64, lab.context({ host: new SampleHost({ builder }) })),
      );
      expect(plan.build.strategy).toBe(strategy);
      expect(plan.reason).toContain(reason);
    },
  );

  it("has the build even where the builder cannot run it", async () => {
    await lab.write({ "hello/Dockerfile": RUNS_DOCKERFILE });
    const { error, build } = obstacle(await planBuild(HELLO, ARM64, lab.context()));
    expect(error.code).toBe("BUILDER");
    expect(build).toMatchObject({
      reference: "docker.io/example/hello:1.0",
      platform: "linux/arm64",
    });
  });

  it("refuses Java under emulation unless it is forced", async () => {
    await lab.write({ "hello/Dockerfile": JAVA_DOCKERFILE });
    const host = new SampleHost({ builder: X86_EMULATING });
    const { error } = obstacle(await planBuild(HELLO, ARM64, lab.context({ host })));
    expect(error).toMatchObject({
      code: "BUILDER",
      message: containing("hello/Dockerfile:3 runs Java (RUN java -jar tool.jar)"),
    });
    const forced = lab.context({ host, forceEmulation: new Set(["hello"]) });
    expect(planned(await planBuild(HELLO, ARM64, forced)).build.strategy).toBe("emulate");
    const native = new SampleHost({ builder: builderOf(node("k", { native: "linux/arm64" })) });
    expect(
      planned(await planBuild(HELLO, ARM64, lab.context({ host: native }))).build.strategy,
    ).toBe("native");
  });

  it("takes the strategy that is asked for, or says why it cannot be", async () => {
    const host = new SampleHost({ builder: X86_EMULATING });
    const asked = (strategy: "native" | "emulate") =>
      planBuild(HELLO, ARM64, lab.context({ host, strategies: new Map([["hello", strategy]]) }));
    expect(planned(await asked("emulate")).reason).toContain("as asked with --strategy");
    expect(obstacle(await asked("native")).error).toMatchObject({
      code: "USAGE",
      message: containing("--strategy hello=native"),
    });
  });

  it("warns of what may go wrong, with its line", async () => {
    await lab.write({
      "hello/Dockerfile":
        "FROM alpine:3.19\nADD https://example.org/tool-linux-amd64.tar.gz /tool\n",
    });
    planned(await planBuild(HELLO, ARM64, lab.context()));
    expect(lab.notices()).toContainEqual(matching(/^hello: hello\/Dockerfile:2: .*amd64.*arm64/));
  });

  describe("without a builder", () => {
    const error = new BundlerError("BUILDER", "There is no docker here.", { hint: "Install it." });
    const missing = Object.assign(new SampleHost(), { builder: () => Promise.reject(error) });

    it("has the build, and the builder's error", async () => {
      expect(await planBuild(HELLO, ARM64, lab.context({ host: missing }))).toMatchObject({
        kind: "obstacle",
        error,
        build: { strategy: "cross", platform: "linux/arm64" },
      });
      await lab.write({ "hello/Dockerfile": RUNS_DOCKERFILE });
      const other =
        machinePlatform().architecture === "arm64" ? parsePlatform("linux/amd64") : ARM64;
      expect(await planBuild(HELLO, other, lab.context({ host: missing }))).toMatchObject({
        build: { strategy: "emulate" },
      });
    });

    it("still has the image that was built before", async () => {
      const context = lab.context({ host: missing });
      const { build } = obstacle(await planBuild(HELLO, ARM64, context));
      const put = async (text: string, mediaType: string) => {
        const digest = await context.store.put(Buffer.from(text));
        return { mediaType, digest, size: text.length };
      };
      const image: LockedImage = {
        reference: build!.reference,
        platform: build!.platform,
        manifest: await put("manifest", "application/vnd.oci.image.manifest.v1+json"),
        config: await put("config", "application/vnd.oci.image.config.v1+json"),
        layers: [],
      };
      await rememberImage(build!, image, context.store);
      expect(await planBuild(HELLO, ARM64, context)).toMatchObject({ kind: "planned", image });
      await context.store.remove(image.config.digest);
      expect(await planBuild(HELLO, ARM64, context)).toMatchObject({ kind: "obstacle" });
    });
  });

  it("tells of a builder that cannot write images to files", async () => {
    const host = new SampleHost({ builder: { ...X86_ALONE, cannotExport: "It cannot." } });
    expect(obstacle(await planBuild(HELLO, ARM64, lab.context({ host }))).error).toMatchObject({
      code: "BUILDER",
      message: "It cannot.",
      hint: containing("builder setup"),
    });
  });
});

describe("where a build's files come from", () => {
  it("is a recipe of openim-bundler", async () => {
    await writeFiles(lab.recipes, { "zookeeper/Dockerfile": GO_DOCKERFILE });
    expect(
      planned(await planBuild(component({ recipe: "zookeeper" }), ARM64, lab.context())).build
        .bases,
    ).toHaveLength(2);
    const { error } = obstacle(
      await planBuild(component({ recipe: "zookeper" }), ARM64, lab.context()),
    );
    expect(error).toMatchObject({ code: "DEFINITION", hint: 'Did you mean "zookeeper"?' });
  });

  it("may be a source alone, whose Dockerfile is read out of it", async () => {
    const file = await writeSource(join(lab.dir, "p.tar.gz"), {
      "docker/Dockerfile": RUNS_DOCKERFILE,
    });
    const context = lab.context({
      sources: [source("project")],
      given: new Map([["project", file]]),
    });
    const fromSource = component({ source: "project", dockerfile: "docker/Dockerfile" });
    const { error } = obstacle(await planBuild(fromSource, ARM64, context));
    expect(error.message).toContain("project/docker/Dockerfile:2 RUN apk add");
    const { error: missing } = obstacle(
      await planBuild(component({ source: "project" }), ARM64, context),
    );
    expect(missing).toMatchObject({
      code: "DEFINITION",
      message: "hello: there is no Dockerfile in the source project.",
    });
  });

  it("is the folder before the source", async () => {
    const file = await writeSource(join(lab.dir, "p.tar.gz"), { Dockerfile: RUNS_DOCKERFILE });
    const context = lab.context({
      sources: [source("project")],
      given: new Map([["project", file]]),
    });
    const both = component({ context: "hello", source: "project" });
    const { build } = planned(await planBuild(both, ARM64, context));
    expect(build).toMatchObject({ strategy: "cross", sources: [{ name: "project" }] });
  });

  it("goes without an optional source, and not without another", async () => {
    const sources = [source("extra", { optional: true }), source("needed")];
    const optional = component({ context: "hello", sources: ["extra"] });
    expect(
      planned(await planBuild(optional, ARM64, lab.context({ sources }))).build.sources,
    ).toEqual([]);
    const needed = component({ context: "hello", sources: ["needed"] });
    expect(obstacle(await planBuild(needed, ARM64, lab.context({ sources }))).error).toMatchObject({
      code: "USAGE",
      hint: containing("--source needed=FILE"),
    });
  });

  it("may not lead out of the definition", async () => {
    await writeFiles(lab.dir, { "secret/Dockerfile": GO_DOCKERFILE });
    await symlink("../secret", join(lab.definition, "link"));
    for (const context of ["../secret", "link"]) {
      const { error } = obstacle(await planBuild(component({ context }), ARM64, lab.context()));
      expect(error).toMatchObject({
        code: "DEFINITION",
        message: `${context} leads out of the definition's folder.`,
      });
    }
  });

  it("is told where a Dockerfile cannot be read", async () => {
    await lab.write({ "hello/Dockerfile": "RUN true\n" });
    expect(obstacle(await planBuild(HELLO, ARM64, lab.context())).error).toMatchObject({
      code: "DEFINITION",
      message: containing("hello/Dockerfile:1"),
    });
  });
});

describe("a build's key", () => {
  const changes: Partial<LockedBuild>[] = [
    { reference: "docker.io/example/hello:1.1" },
    { platform: "linux/arm/v7" },
    { context: digestOf("other") },
    { dockerfile: "other/Dockerfile" },
    { target: "build" },
    { args: { A: "1" } },
    { bases: [{ reference: "docker.io/library/alpine:3.19", digest: digestOf("newer") }] },
    { sources: [{ name: "a", checksum: digestOf("a") as `sha256:${string}` }] },
    { date: "2024-01-02T00:00:00Z" },
  ];
  const build: LockedBuild = {
    reference: "docker.io/example/hello:1.0",
    platform: "linux/arm64",
    strategy: "cross",
    context: digestOf("context"),
    dockerfile: "Dockerfile",
    args: {},
    bases: [],
    sources: [],
    date: "2024-01-01T00:00:00Z",
  };

  it("changes with everything that goes in", () => {
    const keys = [build, ...changes.map((change) => ({ ...build, ...change }))].map(buildKey);
    expect(new Set(keys).size).toBe(changes.length + 1);
  });

  it("does not change with the strategy, nor with the order of lists", () => {
    expect(buildKey({ ...build, strategy: "emulate" })).toBe(buildKey(build));
    expect(buildKey({ ...build, args: { A: "1", B: "2" } })).toBe(
      buildKey({ ...build, args: { B: "2", A: "1" } }),
    );
  });

  it("changes with a file's content, name or executable bit, and with where a source goes", async () => {
    const keys = new Set<string>();
    const note = async (of: Parameters<typeof component>[0] = { context: "hello" }) => {
      const context = lab.context({
        sources: [source("p", { strip: keys.size }), source("q")],
        given: new Map([
          ["p", file],
          ["q", file],
        ]),
      });
      keys.add(planned(await planBuild(component(of), ARM64, context)).build.context);
    };
    const file = await writeSource(join(lab.dir, "p.tar.gz"), { a: "a" });
    await note();
    await lab.write({ "hello/main.go": "package other\n" });
    await note();
    await lab.write({ "hello/a.sh": "x" });
    await note();
    await lab.write({ "hello/a.txt": "x" });
    await note();
    await note({ context: "hello", sources: ["p"] });
    await note({ context: "hello", sources: ["p"] });
    await note({ context: "hello", sources: ["q"] });
    await note({ context: "hello", source: "q" });
    expect(keys.size).toBe(8);
  });
});
