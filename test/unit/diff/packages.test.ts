import { describe, expect, it } from "vitest";
import type { Digest } from "../../../src/core/digest.js";
import { diffImageFiles } from "../../../src/diff/image-files.js";
import { diffPackages } from "../../../src/diff/packages.js";
import type { ComponentPackages, Package } from "../../../src/sbom/types.js";
import type { FinalFile } from "../../../src/walk/types.js";

const layer = `sha256:${"0".repeat(64)}` as Digest;

function packages(...all: readonly string[]): ComponentPackages {
  return {
    component: "redis",
    skipped: [],
    packages: all.map((text): Package => {
      const [name = "", version = ""] = text.split(" ");
      return { type: "deb", name, version, purl: "", path: "", layer };
    }),
  };
}

describe("diffPackages", () => {
  it("tells other versions from packages that came and went", () => {
    const diff = diffPackages(
      packages("libc6 2.36", "openssl 3.0", "gone 1", "twice 1", "twice 2"),
      packages("libc6 2.36", "openssl 3.1", "new 1", "twice 2"),
    );
    expect(diff).toEqual({
      component: "redis",
      same: 1,
      changes: [
        { type: "deb", name: "gone", kind: "removed", old: ["1"], new: [] },
        { type: "deb", name: "new", kind: "added", old: [], new: ["1"] },
        { type: "deb", name: "openssl", kind: "changed", old: ["3.0"], new: ["3.1"] },
        { type: "deb", name: "twice", kind: "changed", old: ["1", "2"], new: ["2"] },
      ],
    });
  });
});

describe("diffImageFiles", () => {
  const files = (...all: Partial<FinalFile>[]) => ({
    component: "redis",
    files: new Map(
      all.map((one): [string, FinalFile] => [
        one.path ?? "",
        { path: "", type: "file", size: 1, mode: 0o644, linkpath: "", layer: 0, ...one },
      ]),
    ),
  });

  it("tells files by content, mode and link, whichever layer they are in", () => {
    const old = files(
      { path: "same", sha256: "a" },
      { path: "content", sha256: "a" },
      { path: "mode" },
      { path: "link", type: "symlink", linkpath: "x" },
      { path: "gone" },
    );
    const next = files(
      { path: "same", sha256: "a", layer: 3 },
      { path: "content", sha256: "b" },
      { path: "mode", mode: 0o755 },
      { path: "link", type: "symlink", linkpath: "y" },
      { path: "new" },
    );
    const { changes, same } = diffImageFiles(old, next);
    expect(same).toBe(1);
    expect(changes.map(({ kind, path }) => `${kind} ${path}`)).toEqual([
      "changed content",
      "removed gone",
      "changed link",
      "changed mode",
      "added new",
    ]);
    expect(diffImageFiles(next, old).changes.filter(({ kind }) => kind === "added")).toHaveLength(
      1,
    );
  });
});
