import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { digestOf } from "../../../src/core/digest.js";
import { LayerTree, TreeBudget } from "../../../src/walk/layer-tree.js";
import { lookUp } from "../../../src/walk/look-up.js";
import { overlayLayers } from "../../../src/walk/overlay.js";
import type { WalkedFile, WalkedLayer } from "../../../src/walk/types.js";
import { file, folder, hardLink, programFor, program, symlink, walkedImage } from "./sample.js";

type Kind = WalkedFile["type"];

function entry(path: string, type: Kind = "file", linkpath = "", size = 0): WalkedFile {
  return { path, type, size, mode: 0o644, linkpath };
}

function layer(files: readonly WalkedFile[], seed: string): WalkedLayer {
  return {
    digest: digestOf(seed),
    size: 0,
    unpacked: 0,
    files,
    captured: new Map(),
    truncated: [],
    doubts: [],
  };
}

/** `layer path type` of everything, sorted. */
function listing(layers: readonly (readonly WalkedFile[])[]): string[] {
  const { files } = overlayLayers(
    "sample",
    layers.map((one, at) => layer(one, String(at))),
  );
  return [...files.values()]
    .map(({ path, type, layer: from, linkpath }) => `${from} ${path} ${type} ${linkpath}`.trimEnd())
    .sort();
}

describe("layers over each other", () => {
  it("merge folders, and replace all else", () => {
    expect(
      listing([
        [
          entry("d", "directory"),
          entry("d/a"),
          entry("d/b"),
          entry("f"),
          entry("g", "directory"),
          entry("g/x"),
        ],
        [entry("d", "directory"), entry("d/b"), entry("f", "directory"), entry("f/in"), entry("g")],
      ]),
    ).toEqual([
      "0 d/a file",
      "1 d directory",
      "1 d/b file",
      "1 f directory",
      "1 f/in file",
      "1 g file",
    ]);
  });

  it("take away by whiteouts and opaque folders what is below them, never their own", () => {
    const below = [entry("d/a"), entry("d/b"), entry("e/f/g"), entry("top")];
    expect(listing([below, [entry("d/.wh.a"), entry(".wh.e"), entry(".wh.missing")]])).toEqual([
      "0 d directory",
      "0 d/b file",
      "0 top file",
    ]);
    expect(
      listing([below, [entry("d/new"), entry("d/.wh..wh..opq"), entry("top"), entry(".wh.top")]]),
    ).toEqual([
      "0 d directory",
      "0 e directory",
      "0 e/f directory",
      "0 e/f/g file",
      "1 d/new file",
      "1 top file",
    ]);
    expect(listing([below, [entry(".wh..wh..opq"), entry(".wh..wh.plnk", "directory")]])).toEqual(
      [],
    );
  });

  it("follow a symlink of their own, and hide one of a layer below", () => {
    const link = entry("lib", "symlink", "usr/lib");
    expect(listing([[entry("usr/lib/a"), link, entry("lib/b")]])).toContain("0 usr/lib/b file");
    expect(listing([[link, entry("lib/b")]])).toContain("0 usr/lib/b file");
    expect(listing([[entry("usr/lib/a"), link], [entry("lib/b")]])).toEqual([
      "0 usr directory",
      "0 usr/lib directory",
      "0 usr/lib/a file",
      "1 lib directory",
      "1 lib/b file",
    ]);
  });

  it("never leave the root, nor follow links for ever", () => {
    const files = listing([
      [
        entry("a", "symlink", "../../b"),
        entry("a/x"),
        entry("loop", "symlink", "loop"),
        entry("loop/y"),
        entry("up", "symlink", "/../../.."),
        entry("up/z"),
      ],
    ]);
    expect(files).toContain("0 b/x file");
    expect(files).toContain("0 loop/y file");
    expect(files).toContain("0 z file");
  });

  it("know a hard link by its target's facts, wherever that is later", async () => {
    const image = await walkedImage({
      layers: [
        [program("bin/a", programFor("linux/arm64")), hardLink("bin/b", "./bin/a")],
        [file("bin/.wh.a"), hardLink("bin/c", "bin/b"), hardLink("bin/d", "missing")],
      ],
    });
    expect(image.files.has("bin/a")).toBe(false);
    expect(image.files.get("bin/b")).toMatchObject({ type: "file", layer: 0, mode: 0o755 });
    expect(image.files.get("bin/c")).toMatchObject({
      path: "bin/c",
      type: "file",
      layer: 1,
      program: { format: "elf" },
    });
    expect(image.files.get("bin/d")).toMatchObject({ type: "link" });
    expect(image.hidden).toMatchObject([{ path: "bin/a", layer: 0, by: 1 }]);
  });

  it("tell of every program that they hide", async () => {
    const foreign = programFor("linux/amd64");
    const image = await walkedImage({
      layers: [
        [program("a", foreign), program("d/b", foreign), program("e/c", foreign), file("f/plain")],
        [program("a", "#!/bin/sh\n"), symlink("d", "e"), file("e/.wh..wh..opq")],
        [file(".wh.a"), folder("f")],
      ],
    });
    expect(
      image.hidden.map(({ path, layer: at, by, program: { format } }) => [path, at, by, format]),
    ).toEqual(
      expect.arrayContaining([
        ["a", 0, 1, "elf"],
        ["d/b", 0, 1, "elf"],
        ["e/c", 0, 1, "elf"],
        ["a", 1, 2, "script"],
      ]),
    );
    expect(image.hidden).toHaveLength(4);
  });

  it("refuse more than memory should hold, or time", () => {
    const tree = (limits: object) => new LayerTree(0, new TreeBudget("redis", limits));
    const deep = "x/".repeat(20);
    expect(() => tree({ nodes: 30 }).folder(`a/${deep}`)).not.toThrow();
    expect(() => tree({ nodes: 20 }).folder(`a/${deep}`)).toThrow(/^redis has more files/);
    const circle = tree({ steps: 100 });
    circle.put(circle.folder("").node, "a", {
      ...entry("a", "symlink", deep + "../".repeat(20) + "a"),
      layer: 0,
    });
    expect(() => circle.folder("a")).toThrow(/longer paths/);
    const linked = tree({ characters: 100 });
    linked.put(linked.folder("").node, "a", { ...entry("a", "symlink", deep), layer: 0 });
    linked.put(linked.folder("a").node, "b", { ...entry("a/b"), layer: 0 });
    expect(() => linked.toMap()).toThrow(/longer paths/);
    const gone = [entry("a", "symlink", deep), entry("a/.wh.b"), entry("a/.wh.c")];
    const most = (characters: number) => () =>
      overlayLayers(
        "redis",
        [layer(gone, "0")],
        undefined,
        new TreeBudget("redis", { characters }),
      );
    // `a` and 20 folders, and twice the last of them with a name below it.
    expect(most(1000)).not.toThrow();
    expect(most(60)).toThrow(/longer paths/);
  });

  it("agree with a model file system that only knows system calls", () => {
    const name = fc.constantFrom("a", "b", "c");
    const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((parts) => parts.join("/"));
    const change = fc.oneof(
      { weight: 4, arbitrary: path.map((at) => entry(at)) },
      { weight: 2, arbitrary: path.map((at) => entry(at, "directory")) },
      {
        weight: 2,
        arbitrary: fc
          .tuple(path, fc.constantFrom("a", "b", "/c", "../a", "./b/c", "/"))
          .map(([at, to]) => entry(at, "symlink", to)),
      },
      { weight: 2, arbitrary: path.map((at) => entry(at.replace(/[^/]+$/, ".wh.$&"))) },
      { weight: 1, arbitrary: path.map((at) => entry(`${at}/.wh..wh..opq`)) },
    );
    const layers = fc.array(fc.array(change, { maxLength: 6 }), { maxLength: 4 });
    fc.assert(
      fc.property(layers, (all) => {
        const model = modelListing(all);
        // A link that leads through itself makes folders until a limit ends it, which is not alike.
        const found = listing(all);
        fc.pre([...model, ...found].every((line) => line.split("/").length < 20));
        expect(found).toEqual(model);
      }),
      { numRuns: 1500 },
    );
  });
});

/** A model of one layer, or of a merged file system: what is where, by system calls only. */
class ModelFs {
  readonly #nodes = new Map<string, { type: Kind; linkpath: string; layer: number }>();

  lstat(path: string) {
    return path === ""
      ? { type: "directory" as Kind, linkpath: "", layer: 0 }
      : this.#nodes.get(path);
  }

  removeAll(path: string): void {
    for (const key of [...this.#nodes.keys()]) {
      if (key === path || key.startsWith(`${path}/`) || path === "") this.#nodes.delete(key);
    }
  }

  create(path: string, node: { type: Kind; linkpath: string; layer: number }): void {
    this.#nodes.set(path, node);
  }

  /** All paths, folders first. */
  paths(): string[] {
    return [...this.#nodes.keys()].sort();
  }

  /** Where a folder really is; made where it is not, what is in its way replaced. */
  mkdirAll(path: string, at: number, links = 0): string {
    let here = "";
    const parts = path.split("/").filter((part) => part !== "" && part !== ".");
    for (const [index, part] of parts.entries()) {
      if (part === "..") {
        here = here.includes("/") ? here.slice(0, here.lastIndexOf("/")) : "";
        continue;
      }
      const next = here === "" ? part : `${here}/${part}`;
      const found = this.lstat(next);
      if (found?.type === "symlink" && links < 40) {
        const base = found.linkpath.startsWith("/") ? "" : here;
        const rest = parts.slice(index + 1).join("/");
        return this.mkdirAll(`${base}/${found.linkpath}/${rest}`, at, links + 1);
      }
      if (found?.type !== "directory") {
        this.removeAll(next);
        this.create(next, { type: "directory", linkpath: "", layer: at });
      }
      here = next;
    }
    return here;
  }
}

function modelListing(layers: readonly (readonly WalkedFile[])[]): string[] {
  const merged = new ModelFs();
  for (const [at, entries] of layers.entries()) {
    const own = new ModelFs();
    const named = new Set<string>();
    for (const { path, type, linkpath } of entries) {
      const slash = path.lastIndexOf("/");
      const parent = own.mkdirAll(slash < 0 ? "" : path.slice(0, slash), at);
      const base = path.slice(slash + 1);
      const full = parent === "" ? base : `${parent}/${base}`;
      if (base === ".wh..wh..opq") {
        if (merged.lstat(parent)?.type === "directory")
          for (const child of merged.paths())
            if (parent === "" || child.startsWith(`${parent}/`)) merged.removeAll(child);
      } else if (base.startsWith(".wh.")) {
        merged.removeAll(parent === "" ? base.slice(4) : `${parent}/${base.slice(4)}`);
      } else {
        const known = own.lstat(full);
        if (known !== undefined && !(known.type === "directory" && type === "directory")) {
          own.removeAll(full);
          for (const gone of [...named])
            if (gone === full || gone.startsWith(`${full}/`)) named.delete(gone);
        }
        own.create(full, { type, linkpath, layer: at });
        if (type === "directory") named.add(full);
      }
    }
    for (const path of own.paths()) {
      const above = own.lstat(path)!;
      const below = merged.lstat(path);
      const merges = above.type === "directory" && below?.type === "directory";
      if (!merges) merged.removeAll(path);
      // A folder that only paths name leaves the folder below as it is.
      if (!merges || named.has(path)) merged.create(path, above);
    }
  }
  return merged
    .paths()
    .map((path) => {
      const { type, linkpath, layer: at } = merged.lstat(path)!;
      return `${at} ${path} ${type} ${linkpath}`.trimEnd();
    })
    .sort();
}

describe("a path of the final file system", () => {
  const { files } = overlayLayers("sample", [
    layer(
      [
        entry("usr/bin/tool"),
        entry("bin", "symlink", "usr/bin"),
        entry("usr/bin/alias", "symlink", "/bin/../bin/tool"),
        entry("usr/bin/loop", "symlink", "loop"),
        entry("usr/bin/broken", "symlink", "nowhere"),
        entry("usr/here", "symlink", "."),
        entry("root", "symlink", "/"),
      ],
      "look",
    ),
  ]);

  it.each([
    ["/usr/bin/tool", "usr/bin/tool"],
    ["bin/tool", "usr/bin/tool"],
    ["/bin/alias", "usr/bin/tool"],
    ["//bin/./alias", "usr/bin/tool"],
    ["/usr/here/here/bin/tool", "usr/bin/tool"],
    ["/root/root/bin/tool", "usr/bin/tool"],
    ["/../../bin/tool", "usr/bin/tool"],
    ["/bin", "usr/bin"],
    ["/bin/", "usr/bin"],
    ["/bin/loop", undefined],
    ["/bin/broken", undefined],
    ["/bin/tool/", undefined],
    ["/bin/tool/x", undefined],
    ["/bin/tool/..", undefined],
    ["/missing/../bin/tool", undefined],
  ])("%s leads to %s", (path, found) => {
    expect(lookUp(files, path)?.path).toBe(found);
  });
});

describe("what engines differ about, or refuse", () => {
  const doubtsOf = (...layers: readonly (readonly WalkedFile[])[]): readonly string[] =>
    overlayLayers(
      "sample",
      layers.map((one, at) => layer(one, String(at))),
    ).doubts.map(({ layer: at, message }) => `${at} ${message}`);
  const below = [entry("bin/a"), entry("d", "directory")];

  it.each([
    [
      "a hard link to a layer below",
      [entry("b", "link", "bin/a")],
      /^1 "b" is a hard link to what/,
    ],
    ["a hard link to itself", [entry("b"), entry("b", "link", "b")], /"b" is a hard link to what/],
    ["a hard link to a folder", [entry("e", "directory"), entry("b", "link", "e")], /hard link to/],
    [
      "a hard link through a symlink",
      [entry("e/a"), entry("s", "symlink", "e"), entry("b", "link", "s/a")],
      /"b" is a hard link through a symbolic link/,
    ],
    ["a whiteout of its own file", [entry("x"), entry(".wh.x")], /"x" is taken away by the layer/],
    ["a whiteout twice", [entry(".wh.x"), entry(".wh.x")], /"x" is taken away by the layer/],
    [
      "a whiteout and its folder",
      [entry(".wh.d"), entry("d", "directory")],
      /"d" is a folder that its own layer takes away/,
    ],
    ["a path through a file", [entry("f"), entry("f/x")], /"f" lies in what is no folder/],
    [
      "a path through a symlink to nothing",
      [entry("s", "symlink", "bin"), entry("s/x")],
      /"s" lies in what is no folder/,
    ],
  ] as const)("is told of %s", (_what, files, message) => {
    expect(doubtsOf(below, files)[0]).toMatch(message);
  });

  it("is not what layers usually have", () => {
    const usual = [
      entry("usr/lib", "directory"),
      entry("lib", "symlink", "usr/lib"),
      entry("lib/new/a"),
      entry("b", "link", "usr/lib/new/a"),
      entry(".wh.bin"),
      entry("d/.wh..wh..opq"),
      entry("l", "symlink", "nowhere"),
      entry("m", "link", "l"),
    ];
    expect(doubtsOf(below, usual)).toEqual([]);
  });

  it("leaves a hard link through a symlink the file that it names", () => {
    const { files } = overlayLayers("sample", [
      layer(
        [entry("e/a", "file", "", 7), entry("s", "symlink", "e"), entry("b", "link", "s/a")],
        "0",
      ),
    ]);
    expect(files.get("b")).toMatchObject({ type: "file", size: 7 });
  });

  it("takes the device 0:0 for the whiteout that overlayfs takes it for", () => {
    expect(listing([below, [entry("bin/a", "whiteout")]])).not.toContain("0 bin/a file");
  });
});
