import { createHash } from "node:crypto";
import { chmod, rename, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { Header } from "tar";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { contextTar } from "../../../src/build/context-tar.js";
import { openContext, usedSources } from "../../../src/build/context.js";
import { inspectBuild } from "../../../src/build/inspect.js";
import { planBuild } from "../../../src/build/plan-build.js";
import { asBuildable, type BuildContext } from "../../../src/build/types.js";
import type { Component, Source } from "../../../src/definition/types.js";
import type { LockedBuild } from "../../../src/plan/build-types.js";
import { fetchSource } from "../../../src/source/fetch.js";
import {
  ARM64,
  collect,
  component,
  containing,
  GO_DOCKERFILE,
  type Lab,
  openLab,
  source,
  unpack,
  writeSource,
  X86_ALONE,
} from "./lab.js";

let lab: Lab;
beforeEach(async () => {
  lab = await openLab();
  await lab.write({
    "hello/Dockerfile": GO_DOCKERFILE,
    "hello/main.go": "package main\n",
    "hello/scripts/run.sh": "#!/bin/sh\n",
  });
});
afterEach(() => lab.close());

const HELLO = component({ context: "hello" });
const DATE = Date.UTC(2024, 0, 1) / 1000;

async function lockOf(one: Component, context: BuildContext): Promise<LockedBuild> {
  const plan = await planBuild(one, ARM64, context);
  if (plan.build === undefined) throw plan.kind === "obstacle" ? plan.error : new Error("no build");
  return plan.build;
}

/** The tar of a component's build, as it lies there now. */
async function tarOf(one: Component, context: BuildContext, locked?: LockedBuild): Promise<Buffer> {
  const build = locked ?? (await lockOf(one, context));
  const buildable = asBuildable(one);
  const opened = await openContext(buildable, build.sources, context);
  const { inputs } = inspectBuild(opened, build, { platform: ARM64, builder: X86_ALONE });
  const used = usedSources(buildable, context.definition.sources);
  const fetched = new Map();
  for (const { source: one } of used) {
    const pinned = build.sources.find(({ name }) => name === one.name);
    if (pinned) fetched.set(one.name, await fetchSource(one, pinned, context));
  }
  return collect(contextTar(build, { opened, used, fetched, inputs, signal: context.signal }));
}

const files = async (tar: Buffer): Promise<Record<string, string>> =>
  Object.fromEntries(
    (await unpack(tar)).map(({ path, text, linkpath }) => [path, linkpath ?? text]),
  );

async function withJob(
  sources: readonly Source[],
  trees: Readonly<Record<string, Readonly<Record<string, string>>>>,
): Promise<BuildContext> {
  const given = new Map<string, string>();
  for (const [name, tree] of Object.entries(trees)) {
    given.set(name, await writeSource(join(lab.dir, `${name}.tar.gz`), tree));
  }
  return lab.context({ sources, given });
}

describe("a build context", () => {
  it("holds the folder's files, owned by nobody, at the build's date, with the bases pinned", async () => {
    const context = lab.context();
    const build = await lockOf(HELLO, context);
    const entries = await unpack(await tarOf(HELLO, context, build));
    expect(
      entries.map(({ path, type, executable, mtime }) => [path, type, executable, mtime]),
    ).toEqual([
      ["main.go", "file", false, DATE],
      ["scripts", "directory", true, DATE],
      ["scripts/run.sh", "file", true, DATE],
      ["Dockerfile", "file", false, DATE],
    ]);
    const [alpine, golang] = build.bases;
    const dockerfile = entries.find(({ path }) => path === "Dockerfile")!.text;
    expect(dockerfile).toBe(
      GO_DOCKERFILE.replace(
        "golang:1.20.14",
        `docker.io/library/golang:1.20.14@${golang!.digest}`,
      ).replace("alpine:3.19", `docker.io/library/alpine:3.19@${alpine!.digest}`),
    );
  });

  it("begins with a plain header, by which buildx tells it from a Dockerfile", async () => {
    const tar = await tarOf(HELLO, lab.context());
    expect(new Header(tar.subarray(0, 512))).toMatchObject({
      path: "./",
      type: "Directory",
      cksumValid: true,
      mode: 0o755,
    });
    expect(tar.subarray(-1024).every((byte) => byte === 0)).toBe(true);
    expect(tar.length % 512).toBe(0);
  });

  it("is the same bytes for the same files, wherever and whenever they lie", async () => {
    const context = lab.context();
    const first = await tarOf(HELLO, context);
    await chmod(join(lab.definition, "hello/main.go"), 0o640);
    await utimes(join(lab.definition, "hello/main.go"), 1, 1);
    await rename(join(lab.definition, "hello"), join(lab.definition, "elsewhere"));
    const second = await tarOf(component({ context: "elsewhere" }), context);
    expect(second.equals(first)).toBe(true);
  });

  it("is the same bytes for the same sources", async () => {
    const context = await withJob([source("tree"), source("b"), source("a")], {
      tree: { "main.go": "theirs", "lib/x.go": "x", Dockerfile: "FROM scratch\n" },
      a: { "a.txt": "a" },
      b: { "b.txt": "b" },
    });
    const one = component({ context: "hello", source: "tree", sources: ["b", "a"] });
    const other = component({ context: "hello", source: "tree", sources: ["a", "b"] });
    const hash = async (of: Component) =>
      createHash("sha256")
        .update(await tarOf(of, context))
        .digest("hex");
    expect(await hash(one)).toBe(await hash(other));
  });

  it("lays the folder over the source's tree, and the other sources below sources/", async () => {
    const context = await withJob(
      [source("tree"), source("extra"), source("none", { optional: true })],
      {
        tree: { "main.go": "theirs", "lib/x.go": "x", Dockerfile: "FROM nowhere:1.0\n" },
        extra: { "conf/server.cfg": "cfg" },
      },
    );
    const one = component({ context: "hello", source: "tree", sources: ["none", "extra"] });
    const entries = await unpack(await tarOf(one, context));
    expect(entries.filter(({ path }) => path === "Dockerfile")).toHaveLength(1);
    expect(
      Object.fromEntries(
        entries.map(({ path, text, type }) => [path, type === "directory" ? "/" : text]),
      ),
    ).toMatchObject({
      "main.go": "package main\n",
      "lib/x.go": "x",
      "sources/extra/conf/server.cfg": "cfg",
      "sources/none": "/",
    });
    expect(entries.some(({ path }) => path.startsWith("sources/none/"))).toBe(false);
  });

  it("pins a Dockerfile that comes out of the source", async () => {
    const context = await withJob([source("tree")], {
      tree: {
        Dockerfile: "FROM alpine:3.19\nCOPY . /\n",
        "a.txt": "a",
        ".dockerignore": "*.md\n",
        "b.md": "b",
      },
    });
    const tree = await files(await tarOf(component({ source: "tree" }), context));
    expect(tree["Dockerfile"]).toMatch(
      /^FROM docker\.io\/library\/alpine:3\.19@sha256:[0-9a-f]{64}\nCOPY \. \/\n$/,
    );
    expect(Object.keys(tree).sort()).toEqual([".dockerignore", "Dockerfile", "a.txt"]);
  });

  it("leaves out what .dockerignore names, never the Dockerfile, and nothing of sources/", async () => {
    await lab.write({
      "hello/.dockerignore": "*\n!main.go\n",
      "hello/secret.txt": "secret",
    });
    const context = await withJob([source("extra")], { extra: { "a.txt": "a" } });
    const tree = await files(
      await tarOf(component({ context: "hello", sources: ["extra"] }), context),
    );
    expect(Object.keys(tree)).toEqual([
      "main.go",
      "Dockerfile",
      "sources",
      "sources/extra",
      "sources/extra/a.txt",
    ]);
  });

  it("prefers a .dockerignore of the Dockerfile's own", async () => {
    await lab.write({
      "hello/.dockerignore": "main.go\n",
      "hello/Dockerfile.dockerignore": "scripts\n",
    });
    const tree = await files(await tarOf(HELLO, lab.context()));
    expect(Object.keys(tree)).toEqual([
      ".dockerignore",
      "Dockerfile.dockerignore",
      "main.go",
      "Dockerfile",
    ]);
  });

  it("carries names longer than a plain header holds", async () => {
    const long = `${"deep/".repeat(60)}${"n".repeat(120)}.txt`;
    const context = await withJob([source("extra")], { extra: { "a.txt": "a" } });
    // The tar writer of the samples knows plain headers alone.
    const link = `${"deep/".repeat(20)}${"l".repeat(120)}`;
    await writeFile(
      context.given.get("extra")!,
      gzipSync(
        paxTar(
          [
            ["project/ö.txt", "ö"],
            [`project/${long}`, "long"],
          ],
          link,
        ),
      ),
    );
    const tree = await files(
      await tarOf(component({ context: "hello", sources: ["extra"] }), context),
    );
    expect(tree[`sources/extra/${long}`]).toBe("long");
    expect(tree["sources/extra/ö.txt"]).toBe("ö");
    expect(tree["sources/extra/link"]).toBe(link);
  });

  it("keeps links", async () => {
    await symlink("main.go", join(lab.definition, "hello", "link.go"));
    const tree = await files(await tarOf(HELLO, lab.context()));
    expect(tree["link.go"]).toBe("main.go");
  });

  it.each([
    ["a file of the folder is a folder of the source", { "main.go/x": "x" }, [], "main.go"],
    [
      "the source has files where another goes",
      { "sources/extra/x": "x" },
      ["extra"],
      "sources/extra",
    ],
    ["the source has a file called sources", { sources: "x" }, ["extra"], "sources"],
  ])("is refused where %s", async (_, tree, sources, path) => {
    const context = await withJob([source("tree"), source("extra")], {
      tree,
      extra: { a: "a" },
    });
    const one = component({ context: "hello", source: "tree", sources });
    await expect(tarOf(one, context)).rejects.toMatchObject({
      code: "DEFINITION",
      message: containing(JSON.stringify(path)),
    });
  });

  it("is refused when its files are not those of the lock", async () => {
    const context = lab.context();
    const build = await lockOf(HELLO, context);
    await lab.write({ "hello/main.go": "package other\n" });
    await expect(tarOf(HELLO, context, build)).rejects.toMatchObject({
      code: "LOCK",
      message: containing("docker.io/example/hello:1.0 (hello/Dockerfile"),
      details: { expected: build.context },
    });
  });

  it("is refused when the source is another than the lock's", async () => {
    const context = await withJob([source("extra")], { extra: { a: "a" } });
    const one = component({ context: "hello", sources: ["extra"] });
    const build = await lockOf(one, context);
    await writeSource(context.given.get("extra")!, { a: "b" });
    await expect(tarOf(one, context, build)).rejects.toMatchObject({ code: "INTEGRITY" });
  });

  it("is refused when the lock lacks one of its bases", async () => {
    const context = lab.context();
    const build = await lockOf(HELLO, context);
    await expect(
      tarOf(HELLO, context, { ...build, bases: build.bases.slice(1) }),
    ).rejects.toMatchObject({
      code: "LOCK",
      message: "The lock does not have the base image alpine:3.19.",
    });
  });

  it("ends in the middle when it is interrupted", async () => {
    const stop = new AbortController();
    const context = { ...lab.context(), signal: stop.signal };
    const build = await lockOf(HELLO, context);
    const opened = await openContext(asBuildable(HELLO), [], context);
    const { inputs } = inspectBuild(opened, build, { platform: ARM64, builder: X86_ALONE });
    stop.abort();
    const tar = contextTar(build, {
      opened,
      used: [],
      fetched: new Map(),
      inputs,
      signal: stop.signal,
    });
    await expect(collect(tar)).rejects.toMatchObject({ code: "INTERRUPTED" });
  });
});

/** A tar with pax headers before each entry, as git and GNU tar write it for long names. */
function paxTar(
  entries: readonly (readonly [path: string, text: string])[],
  linkpath: string,
): Buffer {
  const blocks: Buffer[] = [];
  const add = (
    type: "File" | "SymbolicLink" | "ExtendedHeader",
    path: string,
    body: string,
  ): void => {
    const block = Buffer.alloc(512);
    const size = Buffer.byteLength(body);
    new Header({ path, type, size, mode: 0o644, uid: 0, gid: 0, mtime: new Date(0) }).encode(block);
    blocks.push(block, Buffer.from(body), Buffer.alloc((512 - (size % 512)) % 512));
  };
  const record = (key: string, value: string): string => {
    const rest = ` ${key}=${value}\n`;
    const bytes = Buffer.byteLength(rest);
    const digits = String(bytes + String(bytes).length).length;
    return `${bytes + digits}${rest}`;
  };
  for (const [path, text] of entries) {
    add("ExtendedHeader", "PaxHeader", record("path", path));
    add("File", "short", text);
  }
  add("ExtendedHeader", "PaxHeader", record("path", "project/link") + record("linkpath", linkpath));
  add("SymbolicLink", "short", "");
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}
