import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { Header } from "tar";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Digest, DiffId } from "../../../src/core/digest.js";
import { type IndexedLayer, findFile, listFolder } from "../../../src/inspect/final-files.js";
import { withImageFile } from "../../../src/inspect/image-file.js";
import { IndexRoom, type LayerIndex, indexLayer } from "../../../src/inspect/layer-index.js";
import { fileResult } from "../../../src/inspect/file-content.js";
import { listFiles } from "../../../src/inspect/list-files.js";
import { lookUp } from "../../../src/walk/look-up.js";
import { overlayLayers } from "../../../src/walk/overlay.js";
import type { WalkedFile, WalkedLayer } from "../../../src/walk/types.js";
import { writeBundle } from "../../support/write-bundle.js";
import { makeSample } from "../bundle/sample.js";

/** An entry of a layer; a file where nothing else is said. */
interface Entry {
  readonly path: string;
  readonly type?: "file" | "directory" | "symlink" | "link";
  readonly text?: string;
  readonly to?: string;
}

const TYPES = {
  file: "File",
  directory: "Directory",
  symlink: "SymbolicLink",
  link: "Link",
} as const;

function tarOf(entries: readonly Entry[]): Buffer {
  const blocks = entries.flatMap(({ path: name, type = "file", text = "", to = "" }) => {
    const block = Buffer.alloc(512);
    const data = Buffer.from(type === "file" ? text : "");
    new Header({
      path: name,
      type: TYPES[type],
      mode: 0o644,
      size: data.length,
      linkpath: to,
    }).encode(block);
    return [block, data, Buffer.alloc((512 - (data.length % 512)) % 512)];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

async function* chunksOf(bytes: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += 700)
    yield await Promise.resolve(bytes.subarray(at, at + 700));
}

function layersOf(...all: (readonly Entry[])[]): { layers: IndexedLayer[]; read: number[] } {
  const read: number[] = [];
  const layers = all.map((entries, at) => {
    let index: ReturnType<typeof indexLayer> | undefined;
    return {
      digest: `layer ${at}` as Digest,
      index: () => {
        if (index === undefined) read.push(at);
        return (index ??= indexLayer(`layer ${at}`, chunksOf(tarOf(entries))));
      },
    };
  });
  return { layers, read };
}

const found = async (layers: readonly IndexedLayer[], at: string) => {
  const result = await findFile(layers, at);
  return "missing" in result ? result : { path: result.path, layer: result.layer };
};

describe("findFile", () => {
  it("takes the topmost, and leaves alone the layers below the one that decides", async () => {
    const { layers, read } = layersOf(
      [{ path: "etc/a" }, { path: "etc/b" }],
      [{ path: "etc/b" }],
      [{ path: "etc/c" }],
    );
    expect(await found(layers, "/etc/c")).toEqual({ path: "etc/c", layer: 2 });
    expect(read).toEqual([2]);
    expect(await found(layers, "etc/b")).toEqual({ path: "etc/b", layer: 1 });
    expect(read).toEqual([2, 1]);
    expect(await found(layers, "etc//./a")).toEqual({ path: "etc/a", layer: 0 });
  });

  it("stops at whiteouts and opaque folders, and names the layer that took it away", async () => {
    const { layers, read } = layersOf(
      [{ path: "a/x" }, { path: "b/x" }, { path: "c/x" }],
      [{ path: "a/.wh.x" }, { path: "b/.wh..wh..opq" }, { path: "b/y" }, { path: ".wh.c" }],
      [{ path: "other" }],
    );
    expect(await found(layers, "a/x")).toMatchObject({ missing: "a/x", removedBy: 1 });
    expect(await found(layers, "b/x")).toMatchObject({ missing: "b/x", removedBy: 1 });
    expect(await found(layers, "c/x")).toMatchObject({ missing: "c", removedBy: 1 });
    expect(read).toEqual([2, 1]);
    expect(await found(layers, "b/y")).toEqual({ path: "b/y", layer: 1 });
  });

  it("follows symbolic links of any layer, on the way and at the end", async () => {
    const { layers } = layersOf(
      [
        { path: "usr/bin/dash" },
        { path: "bin", type: "symlink", to: "usr/bin" },
        { path: "usr/bin/sh", type: "symlink", to: "dash" },
        { path: "up", type: "symlink", to: "usr/../usr/bin/.." },
      ],
      [{ path: "opt/sh", type: "symlink", to: "/bin/sh" }],
    );
    expect(await findFile(layers, "opt/sh")).toMatchObject({
      path: "usr/bin/dash",
      layer: 0,
      links: [
        { path: "opt/sh", target: "/bin/sh" },
        { path: "bin", target: "usr/bin" },
        { path: "usr/bin/sh", target: "dash" },
      ],
    });
    expect(await findFile(layers, "up")).toMatchObject({
      path: "usr",
      node: { type: "directory" },
    });
    expect(await findFile(layers, "../../bin/dash")).toMatchObject({ path: "usr/bin/dash" });
    expect(await found(layers, "opt/sh/x")).toMatchObject({
      missing: "usr/bin/dash",
      notAFolder: true,
    });
  });

  it("gives up on a circle of links", async () => {
    const { layers } = layersOf([
      { path: "a", type: "symlink", to: "b" },
      { path: "b", type: "symlink", to: "a" },
    ]);
    await expect(findFile(layers, "a")).rejects.toMatchObject({ code: "INTEGRITY" });
  });

  it("gives up on links that take too long to follow, and on longer ones than there are", async () => {
    // Short names, as long paths need an extended header.
    const folder = (at: number): string => `${String.fromCharCode(97 + at)}/`.repeat(45);
    const chain = Array.from({ length: 26 }, (_, at): Entry => ({
      path: `${folder(at)}l`,
      type: "symlink",
      to: at === 25 ? "/" : `/${folder(at + 1)}l`,
    }));
    const name = (at: number): Entry => ({ path: at % 2 === 0 ? `first/${at}` : `second/${at}` });
    const start: Entry[] = ["first", "second"].map((path) => ({
      path,
      type: "symlink",
      to: `/${folder(0)}l`,
    }));
    const many = Array.from({ length: 100 }, (_, at) => name(at));
    const index = async (lookedAt?: number) =>
      indexLayer(
        "layer",
        chunksOf(tarOf([...chain, ...start, ...many])),
        new IndexRoom(),
        lookedAt,
      );
    expect((await index()).nodes.has("99")).toBe(true);
    await expect(index(1_000_000)).rejects.toThrow(/links take too long to follow/);

    const long: LayerIndex = {
      nodes: new Map([
        [
          "l",
          { type: "symlink", size: 0, mode: 0o777, linkpath: "./".repeat(3000), dataOffset: 0 },
        ],
      ]),
      gone: new Set(),
      opaque: new Set(),
    };
    const layer = {
      digest: `sha256:${"0".repeat(64)}` as Digest,
      index: () => Promise.resolve(long),
    };
    await expect(findFile([layer], "l")).rejects.toThrow(/more than 4096 characters/);
  });

  it("has one room for the indexes of all layers of an image", async () => {
    const room = new IndexRoom();
    const { nodes } = room;
    await indexLayer("one", chunksOf(tarOf([{ path: "a/b" }, { path: "c" }])), room);
    expect(room.nodes).toBeLessThan(nodes);
    room.nodes = 1;
    const next = indexLayer("two", chunksOf(tarOf([{ path: "a/b" }, { path: "c" }])), room);
    await expect(next).rejects.toThrow(/^two is refused: it has more files/);
  });

  it("takes hard links for the file that they name, in this layer or a lower one", async () => {
    const { layers } = layersOf(
      [
        { path: "a", text: "1" },
        { path: "b", type: "link", to: "a" },
      ],
      [
        { path: "c", type: "link", to: "b" },
        { path: "a", text: "22" },
      ],
    );
    expect(await findFile(layers, "b")).toMatchObject({
      layer: 0,
      node: { type: "file", size: 1 },
    });
    expect(await findFile(layers, "c")).toMatchObject({
      layer: 0,
      node: { type: "file", size: 1 },
    });
  });

  it("lets the last of several entries count, and a file in a folder's place hide what was in it", async () => {
    const { layers } = layersOf(
      [{ path: "d/x" }],
      [
        { path: "a", text: "1" },
        { path: "a", text: "22" },
        { path: "d", text: "file" },
      ],
    );
    expect(await findFile(layers, "a")).toMatchObject({ node: { size: 2 } });
    expect(await found(layers, "d/x")).toMatchObject({ missing: "d", notAFolder: true });
  });

  it("puts what a layer has below its own link where that leads", async () => {
    const { layers } = layersOf([
      { path: "lib", type: "symlink", to: "usr/lib" },
      { path: "lib/x" },
      { path: "lib/y/z" },
    ]);
    expect(await found(layers, "usr/lib/x")).toEqual({ path: "usr/lib/x", layer: 0 });
    expect(await found(layers, "lib/y/z")).toEqual({ path: "usr/lib/y/z", layer: 0 });
  });

  it("lists a folder over all layers", async () => {
    const { layers } = layersOf(
      [{ path: "d/low" }, { path: "d/gone" }, { path: "d/sub/deep" }],
      [{ path: "d/.wh.gone" }, { path: "d/high" }],
    );
    const names = (await listFolder(layers, "d")).map(({ name, layer }) => `${name} ${layer}`);
    expect(names).toEqual(["high 1", "low 0", "sub 0"]);
  });

  it("sees what the walk over all layers sees", async () => {
    const name = fc.constantFrom("a", "b", "c");
    const at = fc.array(name, { minLength: 1, maxLength: 3 }).map((parts) => parts.join("/"));
    const entry: fc.Arbitrary<Entry> = fc.oneof(
      at.map((file) => ({ path: file, text: file })),
      at.map((file) => ({ path: file, type: "directory" as const })),
      fc.record({
        path: at,
        type: fc.constant("symlink" as const),
        to: fc.oneof(
          at,
          at.map((one) => `/${one}`),
          at.map((one) => `../${one}`),
        ),
      }),
      at.map((file) => ({ path: file.replace(/[^/]+$/, (last) => `.wh.${last}`) })),
      at.map((file) => ({ path: `${file}/.wh..wh..opq` })),
    );
    // Within one layer each path once, as builders write it.
    const layer = fc
      .uniqueArray(entry, { selector: (one) => one.path, maxLength: 5 })
      .filter((all) =>
        // What a layer has below its own link lands where that leads, if it leads anywhere.
        all.every(
          ({ type, path: link }) =>
            type !== "symlink" || !all.some((one) => one.path.startsWith(`${link}/`)),
        ),
      );
    await fc.assert(
      fc.asyncProperty(fc.array(layer, { minLength: 1, maxLength: 4 }), at, async (all, asked) => {
        const { files } = overlayLayers("sample", all.map(walkedLayer));
        const mine = await findFile(layersOf(...all).layers, asked).catch(() => undefined);
        const theirs = lookUp(files, asked);
        const seen = mine === undefined || "missing" in mine ? undefined : mine;
        expect(seen?.path).toBe(theirs?.path);
        if (theirs?.type === "file") expect(seen?.layer).toBe(theirs.layer);
        if (seen?.node.type === "directory") {
          const inside = [...files.keys()].filter((one) => path.posix.dirname(one) === seen.path);
          const listed = await listFolder(layersOf(...all).layers, seen.path);
          expect(listed.map((one) => `${seen.path}/${one.name}`)).toEqual(inside.sort());
        }
      }),
      { numRuns: 400 },
    );
  });
});

function walkedLayer(entries: readonly Entry[], at: number): WalkedLayer {
  return {
    digest: `layer ${at}` as Digest,
    size: 0,
    unpacked: 0,
    captured: new Map(),
    truncated: [],
    doubts: [],
    files: entries.map(({ path: name, type = "file", text = "", to = "" }): WalkedFile => ({
      path: name,
      type,
      size: type === "file" ? text.length : 0,
      mode: 0o644,
      linkpath: to,
    })),
  };
}

describe("a file of an image in an archive", () => {
  let dir: string;
  let file: string;
  const large = Buffer.concat(
    Array.from({ length: 3000 }, (_, at) => createHash("sha512").update(String(at)).digest()),
  ).toString("latin1");

  beforeEach(async () => {
    dir = await mkdtemp(path.join(tmpdir(), "image-file-"));
    file = path.join(dir, "bundle.tar");
    const { layout, blobs } = await makeSample(dir, {
      images: async (store) => ({
        redis: await store.image("docker.io/library/redis:7.0.15", [
          await store.layer(
            tarOf([{ path: "etc/passwd", text: "root:x:0:0\n" }, { path: "gone" }]),
          ),
          await store.layer(
            tarOf([
              { path: "large", text: large },
              { path: ".wh.gone" },
              { path: "pw", type: "symlink", to: "etc/passwd" },
            ]),
          ),
        ]),
      }),
    });
    await writeBundle(layout, { output: file, blobPath: blobs.path });
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));

  const signal = new AbortController().signal;
  const open = (at: string) =>
    withImageFile(file, { component: "redis", path: at }, signal, fileResult);

  it("is streamed out of its layer, whole", async () => {
    expect(await open("/pw")).toMatchObject({
      path: "etc/passwd",
      encoding: "utf8",
      content: "root:x:0:0\n",
      layerIndex: 0,
      links: [{ path: "pw", target: "etc/passwd" }],
    });
    const result = await open("large");
    if (!("content" in result)) throw new Error("It has no content.");
    expect(result.encoding).toBe("base64");
    expect(Buffer.from(result.content, "base64").equals(Buffer.from(large))).toBe(true);
  });

  it("is missing with the reason, and folders tell what is in them", async () => {
    await expect(open("/gone")).rejects.toThrow(
      /redis has no \/gone: .*taken away by the layer sha256:/,
    );
    await expect(open("/etc/shadow")).rejects.toMatchObject({ code: "NOT_FOUND" });
    expect(await open("/")).toMatchObject({
      children: [{ path: "etc" }, { path: "large" }, { path: "pw", linkpath: "etc/passwd" }],
    });
  });

  it("is in the list of all files", async () => {
    const { files } = await listFiles(file, "redis", { signal });
    expect(files.map((one) => `${one.path} ${one.type} ${one.layerIndex}`)).toEqual([
      "etc directory 0",
      "etc/passwd file 0",
      "large file 1",
      "pw symlink 1",
    ]);
  });

  it("is refused with its layer named when the layer is damaged", async () => {
    const bytes = gzipSync(tarOf([{ path: "a", text: "b" }]));
    bytes[bytes.length - 6]! ^= 1;
    const broken = path.join(dir, "broken.tar");
    await rm(path.join(dir, "blobs"), { recursive: true });
    const { layout, blobs } = await makeSample(dir, {
      images: async (store) => {
        const blob = await store.add("application/vnd.oci.image.layer.v1.tar+gzip", bytes);
        const diffId = `sha256:${"0".repeat(64)}` as DiffId;
        return {
          redis: await store.image("docker.io/library/redis:7.0.15", [{ ...blob, diffId }]),
        };
      },
    });
    await writeBundle(layout, { output: broken, blobPath: blobs.path });
    const asked = withImageFile(broken, { component: "redis", path: "a" }, signal, fileResult);
    await expect(asked).rejects.toThrow(
      /The layer sha256:[0-9a-f]+ of redis is no whole gzip stream/,
    );
  });
});
