import { EventEmitter, once } from "node:events";
import { mkdir, readFile, readdir, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { makeImage } from "../../../src/build/make-image.js";
import { makeImages } from "../../../src/build/make-images.js";
import { planBuild } from "../../../src/build/plan-build.js";
import type { BuildContext } from "../../../src/build/types.js";
import { BundlerError } from "../../../src/core/errors.js";
import { parsePlatform } from "../../../src/core/platform.js";
import type { Component } from "../../../src/definition/types.js";
import { buildVariant } from "../../../src/sample/images.js";
import { startSampleRegistry } from "../../../src/sample/registry.js";
import { makeTar } from "../../../src/sample/layer.js";
import type { LockedBuild } from "../../../src/plan/build-types.js";
import type { PlatformLock } from "../../../src/plan/types.js";
import {
  ARM64,
  BASES,
  collect,
  component,
  containing,
  GO_DOCKERFILE,
  JAVA_DOCKERFILE,
  type Lab,
  matching,
  openLab,
  registryClient,
  SampleHost,
  source,
  unpack,
  untilAborted,
  writeBuilt,
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

async function lockOf(one: Component, context: BuildContext): Promise<LockedBuild> {
  const plan = await planBuild(one, ARM64, context);
  if (plan.build === undefined) throw plan.kind === "obstacle" ? plan.error : new Error("no build");
  return plan.build;
}

async function make(context: BuildContext, one = HELLO) {
  return makeImage(await lockOf(one, context), one, context);
}

/** What builds leave in the store beside blobs and notes. */
const leftOver = (): Promise<string[]> => readdir(join(lab.dir, "store", "builds")).catch(() => []);

describe("an image build", () => {
  it("gives the builder everything, and takes what it made into the store", async () => {
    const host = new SampleHost();
    const context = lab.context({ host });
    const image = await make(context);
    expect(image).toMatchObject({
      reference: "docker.io/example/hello:1.0",
      platform: "linux/arm64",
    });
    for (const blob of [image.manifest, image.config, ...image.layers]) {
      expect(await context.store.has(blob.digest, blob.size)).toBe(true);
    }
    const [request] = host.requests;
    expect(request).toMatchObject({
      component: "hello",
      platform: ARM64,
      dockerfile: "Dockerfile",
      args: {},
      secrets: [],
      epoch: Date.UTC(2024, 0, 1) / 1000,
      reference: "docker.io/example/hello:1.0",
      timeout: 2 * 60 * 60_000,
    });
    expect((await unpack(request!.tar)).map(({ path }) => path)).toEqual(["main.go", "Dockerfile"]);
    expect(request!.logFile).toMatch(/store\/logs\/hello-linux-arm64-\d{8}T\d{6}\.\d{3}Z\.log$/);
    expect(await readFile(request!.logFile, "utf8")).toContain("load build definition");
    expect(await leftOver()).toEqual([]);
  });

  it("is not made again while everything that goes in is the same", async () => {
    const host = new SampleHost();
    const context = lab.context({ host });
    const first = await make(context);
    expect(await planBuild(HELLO, ARM64, context)).toMatchObject({
      kind: "planned",
      image: first,
      reason: expect.stringMatching(/^built: /) as string,
    });
    expect(await make(context)).toEqual(first);
    expect(host.requests).toHaveLength(1);
    await lab.write({ "hello/main.go": "package other\n" });
    await make(context);
    expect(host.requests).toHaveLength(2);
  });

  it("is made again when the store has lost a blob of it", async () => {
    const host = new SampleHost();
    const context = lab.context({ host });
    const image = await make(context);
    await context.store.remove(image.layers[1]!.digest);
    expect(await make(context)).toEqual(image);
    expect(host.requests).toHaveLength(2);
  });

  it("hands the bases to a builder that takes them, and needs no registry of its own", async () => {
    let seen: readonly string[] = [];
    const host = new SampleHost({
      builder: { ...X86_ALONE, takesLayouts: true },
      instead: async (request) => {
        const dir = request.bases![0]!.dir;
        seen = await readdir(join(dir, "blobs", "sha256"));
        expect(JSON.parse(await readFile(join(dir, "index.json"), "utf8"))).toMatchObject({
          manifests: request.bases!.map(({ digest }) => ({ digest })),
        });
        await writeBuilt(request);
      },
    });
    await make(lab.context({ host }));
    const [request] = host.requests;
    const dockerfile = (await unpack(request!.tar)).find(({ path }) => path === "Dockerfile")!.text;
    for (const { reference } of request!.bases!) expect(dockerfile).toContain(reference);
    const alpine = BASES.find(({ name }) => name === "alpine")!;
    const layersFor = (platform: string) =>
      buildVariant(alpine, parsePlatform(platform)).layers.map(({ digest }) => digest.slice(7));
    expect(seen).toEqual(expect.arrayContaining(layersFor("linux/arm64")));
    for (const other of layersFor("linux/arm/v7")) expect(seen).not.toContain(other);
    expect(await leftOver()).toEqual([]);
  });

  it("gives secrets by the name of their variable or by their file, inside the definition", async () => {
    const host = new SampleHost();
    await lab.write({ "token.txt": "s3cret" });
    const secrets = [
      { id: "a", env: "TOKEN" },
      { id: "b", file: "token.txt" },
    ];
    const context = lab.context({ host, env: { TOKEN: "t0ken" } });
    await make(context, component({ context: "hello", secrets }));
    expect(host.requests[0]?.secrets).toEqual([
      { id: "a", env: "TOKEN" },
      { id: "b", file: join(lab.definition, "token.txt") },
    ]);
    expect(JSON.stringify(host.requests[0]?.secrets)).not.toContain("t0ken");
  });

  it.each([
    [{ id: "a", env: "NOT_SET" }, "USAGE", "the variable NOT_SET that holds it is not set"],
    [{ id: "a", file: "../outside.txt" }, "DEFINITION", "leads out of the definition's folder"],
    [{ id: "a", file: "nowhere.txt" }, "FILE", "nowhere.txt is not there"],
  ])("is not begun with the secret %j", async (secret, code, message) => {
    const host = new SampleHost();
    await writeFile(join(lab.dir, "outside.txt"), "x");
    const failing = make(lab.context({ host }), component({ context: "hello", secrets: [secret] }));
    await expect(failing).rejects.toMatchObject({
      code,
      message: containing(message),
    });
    expect(host.requests).toEqual([]);
  });

  it("has less time where Java may hang", async () => {
    await lab.write({ "hello/Dockerfile": JAVA_DOCKERFILE });
    const host = new SampleHost({ builder: X86_EMULATING });
    await make(lab.context({ host, forceEmulation: new Set(["hello"]) }));
    expect(host.requests[0]?.timeout).toBe(20 * 60_000);
  });

  it("is refused when the folder is not what the lock pins, before the builder is asked", async () => {
    const host = new SampleHost();
    const context = lab.context({ host });
    const build = await lockOf(HELLO, context);
    await lab.write({ "hello/main.go": "package other\n" });
    await expect(makeImage(build, HELLO, context)).rejects.toMatchObject({ code: "LOCK" });
    expect(host.requests).toEqual([]);
  });

  it("is refused on a builder that cannot run it, though another one was planned with", async () => {
    await lab.write({ "hello/Dockerfile": JAVA_DOCKERFILE });
    const forced = { forceEmulation: new Set(["hello"]) };
    const able = lab.context({ host: new SampleHost({ builder: X86_EMULATING }), ...forced });
    const build = await lockOf(HELLO, able);
    await expect(makeImage(build, HELLO, lab.context(forced))).rejects.toMatchObject({
      code: "BUILDER",
      message: containing("can neither run nor emulate"),
    });
  });

  it("tells what was wrong with the context rather than what the builder made of it", async () => {
    const file = await writeSource(join(lab.dir, "p.tar.gz"), { a: "a" });
    const host = new SampleHost();
    host.build = async ({ context }) => {
      try {
        await collect(context);
      } catch {
        throw new BundlerError("BUILD", "unexpected EOF");
      }
    };
    const context = lab.context({ host, sources: [source("p")], given: new Map([["p", file]]) });
    const one = component({ context: "hello", source: "p", sources: ["p"] });
    await lab.write({ "hello/sources/p/a": "mine" });
    await expect(make(context, one)).rejects.toMatchObject({
      code: "DEFINITION",
      message: containing('"sources/p/a"'),
    });
  });

  it("leaves nothing when it is interrupted", async () => {
    const stop = new AbortController();
    const host = new SampleHost({
      instead: async (request, signal) => {
        await writeFile(request.output, "half an image");
        setTimeout(() => stop.abort(), 20);
        await untilAborted(signal);
      },
    });
    const context = { ...lab.context({ host }), signal: stop.signal };
    const build = await lockOf(HELLO, context);
    await expect(makeImage(build, HELLO, context)).rejects.toMatchObject({ code: "INTERRUPTED" });
    expect(await leftOver()).toEqual([]);
    expect(await planBuild(HELLO, ARM64, lab.context())).not.toHaveProperty("image");
  });

  it("clears away what killed runs have left", async () => {
    const dir = join(lab.dir, "store", "builds");
    await mkdir(join(dir, "bases-old"), { recursive: true });
    await writeFile(join(dir, "old.tar"), "x");
    await writeFile(join(dir, "fresh.tar"), "x");
    const old = new Date(Date.now() - 2 * 24 * 60 * 60_000);
    for (const name of ["bases-old", "old.tar"]) await utimes(join(dir, name), old, old);
    await make(lab.context());
    expect(await leftOver()).toEqual(["fresh.tar"]);
  });

  it("keeps the logs of the last twenty builds", async () => {
    const logs = join(lab.dir, "store", "logs");
    await mkdir(logs, { recursive: true });
    for (let day = 10; day < 35; day += 1) {
      const path = join(logs, `old-${day}.log`);
      await writeFile(path, "");
      await utimes(path, day, day);
    }
    await make(lab.context());
    const names = await readdir(logs);
    expect(names).toHaveLength(20);
    expect(names).toContain("old-34.log");
    expect(names).not.toContain("old-15.log");
  });
});

describe("what comes out of a build", () => {
  const fails = (host: SampleHost) => expect(make(lab.context({ host }))).rejects;

  it("must be for the platform that was asked for", async () => {
    await fails(
      new SampleHost({ image: { lies: { config: parsePlatform("linux/amd64") } } }),
    ).toMatchObject({
      code: "PLATFORM",
      message: "hello: the built image says linux/amd64, it was built for linux/arm64.",
      hint: containing("hello/Dockerfile"),
    });
  });

  it("must be for its very variant", async () => {
    const v7 = parsePlatform("linux/arm/v7");
    const context = lab.context({
      host: new SampleHost({ image: { lies: { config: parsePlatform("linux/arm/v6") } } }),
    });
    await lab.write({ "hello/Dockerfile": "FROM alpine:3.19\nCOPY main.go /\n" });
    const plan = await planBuild(HELLO, v7, context);
    await expect(makeImage(plan.build!, HELLO, context)).rejects.toMatchObject({
      code: "PLATFORM",
      message: "hello: the built image says linux/arm/v6, it was built for linux/arm/v7.",
    });
  });

  const x86 = { lies: { program: parsePlatform("linux/amd64") } };

  it("must have no program for another machine, and is not kept when it has", async () => {
    const host = new SampleHost({ image: x86 });
    const context = lab.context({ host });
    await expect(make(context)).rejects.toMatchObject({
      code: "PLATFORM",
      message: matching(
        /^hello: the image was built for linux\/arm64 and has 3 programs for another machine:\n {2}\/bin\/sh \(layer sha256:[0-9a-f]{64}\) is for x86-64\n/,
      ),
      hint: containing("Look in hello/Dockerfile"),
      details: { expected: "linux/arm64" },
    });
    expect(await planBuild(HELLO, ARM64, context)).not.toHaveProperty("image");
    await expect(make(context)).rejects.toMatchObject({ code: "PLATFORM" });
    expect(host.requests).toHaveLength(2);
  });

  it("is blamed on the line that names the other machine", async () => {
    await lab.write({
      "hello/Dockerfile": "FROM alpine:3.19\nCOPY main.go /\nADD tool-linux-amd64.tar.gz /\n",
    });
    await fails(new SampleHost({ image: x86 })).toMatchObject({
      hint: matching(/^The likely cause: hello\/Dockerfile:3: /),
    });
  });

  it("is not blamed for the base image's own programs, as long as the registry knows them", async () => {
    const base = { ...BASES[1]!, tag: "wrong", ...x86 };
    const registry = await startSampleRegistry({ images: [base] });
    const client = registryClient(registry, lab.dir);
    try {
      await lab.write({ "hello/Dockerfile": "FROM alpine:wrong\n" });
      const image = { name: base.name, ...x86 };
      await make(lab.context({ host: new SampleHost({ image }), registry: client }));
      await lab.write({ "hello/main.go": "package other\n" });
      const host = new SampleHost({
        instead: async (request) => {
          await writeBuilt(request, image);
          await registry.close();
        },
      });
      await expect(make(lab.context({ host, registry: client }))).rejects.toMatchObject({
        code: "PLATFORM",
      });
    } finally {
      await client.close();
      await registry.close();
    }
  });

  it("must be an image", async () => {
    await fails(
      new SampleHost({ instead: ({ output }) => writeFile(output, makeTar([])) }),
    ).toMatchObject({
      code: "INTEGRITY",
    });
  });

  it.each([
    [
      "an attestation beside it",
      [{ annotations: { "vnd.docker.reference.type": "attestation-manifest" } }],
      "an attestation",
    ],
    ["a second image", [{}], "2 images"],
  ])("must be one image alone, without %s", async (_, others, found) => {
    const host = new SampleHost({
      instead: async (request) => {
        await writeBuilt(request);
        const files = await unpack(await readFile(request.output));
        const index = JSON.parse(files.find(({ path }) => path === "index.json")!.text) as {
          manifests: { digest: string }[];
        };
        index.manifests.push(
          ...others.map((other) => ({
            ...index.manifests[0]!,
            ...other,
            digest: `sha256:${"0".repeat(64)}`,
          })),
        );
        await writeFile(
          request.output,
          makeTar([
            { path: "index.json", content: JSON.stringify(index) },
            { path: "oci-layout", content: '{"imageLayoutVersion":"1.0.0"}' },
          ]),
        );
      },
    });
    await fails(host).toMatchObject({
      code: "BUILD",
      message: containing(`hello: the builder wrote ${found}`),
    });
  });
});

describe("the images of a platform", () => {
  const names = ["one", "two", "three", "four"];
  const components = names.map((name) => component({ context: "hello" }, name));

  async function lockAll(context: BuildContext): Promise<PlatformLock> {
    const locked = [];
    for (const one of components) {
      const build = await lockOf(one, context);
      locked.push({ name: one.name, required: true, method: "build" as const, reason: "", build });
    }
    const out = { name: "out", required: false, method: "left-out" as const, reason: "" };
    return { platform: "linux/arm64", components: [...locked, out] };
  }

  const items = (): string[] =>
    lab.events.flatMap((event) =>
      event.type === "item" && event.phase === "build" ? [`${event.name} ${event.state}`] : [],
    );

  it("are built two at a time, and only where the store lacks them", async () => {
    const host = new SampleHost({
      instead: async (request) => {
        // Of those that are built together, two are at work before one of them is done.
        if (host.requests.length > 1) await expect.poll(() => host.busiest).toBe(2);
        await writeBuilt(request);
      },
    });
    const context = lab.context({ host });
    const lock = await lockAll(context);
    const image = await makeImage(lock.components[1]!.build!, components[1]!, context);
    const made = await makeImages(lock, components, context);
    expect(host.busiest).toBe(2);
    expect(host.requests).toHaveLength(4);
    expect(made.components.map(({ image: one }) => one?.reference)).toEqual([
      ...names.map((name) => `docker.io/example/${name}:1.0`),
      undefined,
    ]);
    expect(made.components[1]?.image).toEqual(image);
    expect(items().toSorted()).toEqual([
      "four done",
      "four start",
      "one done",
      "one start",
      "three done",
      "three start",
      "two skipped",
    ]);
    expect(lab.events).toContainEqual({
      type: "phase-start",
      phase: "build",
      subject: "linux/arm64",
      totalItems: 4,
    });
    expect(lab.events).toContainEqual({
      type: "phase-end",
      phase: "build",
      subject: "linux/arm64",
      summary: "3 built",
    });
  });

  it("stop with the first failure, which is named, and nothing goes on behind it", async () => {
    let aborted = 0;
    const otherRuns = new EventEmitter();
    const otherStarted = once(otherRuns, "start");
    const host = new SampleHost({
      instead: async ({ component: name }, signal) => {
        if (name === "two") {
          await otherStarted;
          throw new BundlerError("BUILD", "the step failed");
        }
        otherRuns.emit("start");
        await untilAborted(signal).finally(() => (aborted += 1));
      },
    });
    const context = lab.context({ host });
    const lock = await lockAll(context);
    await expect(makeImages(lock, components, context)).rejects.toMatchObject({
      code: "BUILD",
      message: "two: the step failed",
      details: { component: "two", platform: "linux/arm64" },
    });
    expect(aborted).toBe(1);
    expect(host.requests.map(({ component: name }) => name).toSorted()).toEqual(["one", "two"]);
    expect(await leftOver()).toEqual([]);
  });

  it("are none where nothing is to be built", async () => {
    const lock = { platform: "linux/arm64", components: [] };
    expect(await makeImages(lock, components, lab.context())).toBe(lock);
    expect(lab.events).toEqual([]);
  });
});
