import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatBlobTable, parseBlobTable, structureRuns } from "../../../src/bundle/blob-table.js";
import { layoutImageTarball } from "../../../src/bundle/image-layout.js";
import { type DiffId, digestOf, hexOf } from "../../../src/core/digest.js";
import type { LockedImage } from "../../../src/plan/types.js";

const SUM = "0".repeat(64);
const HEAD = "#tarball\toffset\tsize\tsha256\n";

function image(name: string, sizes: readonly number[]): LockedImage {
  const blob = (what: string, size: number) => ({
    mediaType: "application/octet-stream",
    digest: digestOf(`${name} ${what}`),
    size,
  });
  return {
    reference: `docker.io/library/${name}:1`,
    manifest: blob("manifest", 700),
    config: blob("config", 512),
    layers: sizes.map((size, at) => ({
      ...blob(String(at), size),
      diffId: digestOf(`${name} ${at}`) as string as DiffId,
    })),
    platform: "linux/arm64",
  };
}

const layouts = fc
  .array(fc.array(fc.integer({ min: 0, max: 2 ** 40 }), { maxLength: 4 }), {
    minLength: 1,
    maxLength: 3,
  })
  .map((images) =>
    layoutImageTarball(
      images.map((sizes, at) => image(`app${at}`, sizes)),
      0,
    ),
  );

describe("the table of blobs", () => {
  it("is read as it was written", () => {
    fc.assert(
      fc.property(layouts, layouts, (one, other) => {
        const text = formatBlobTable([
          { path: "images/a.tar", layout: one },
          { path: "images/b+1.tar", layout: other },
        ]);
        const { tarballs, problems } = parseBlobTable(text);
        expect(problems).toEqual([]);
        expect([...tarballs.keys()]).toEqual(["images/a.tar", "images/b+1.tar"]);
        const { blobs, structure } = tarballs.get("images/b+1.tar")!;
        expect(structure).toEqual(other.structure);
        expect(blobs).toEqual(
          other.blobs.map(({ offset, size, digest }) => ({ offset, size, sha256: hexOf(digest) })),
        );
      }),
    );
  });

  it("leaves no byte of a tarball out, and takes none twice", () => {
    fc.assert(
      fc.property(layouts, ({ size, blobs, structure }) => {
        const runs = structureRuns(blobs, size);
        expect(runs.reduce((sum, { length }) => sum + length, 0)).toBe(structure.size);
        const all = [...runs, ...blobs.map((blob) => ({ offset: blob.offset, length: blob.size }))]
          .filter(({ length }) => length > 0)
          .toSorted((a, b) => a.offset - b.offset);
        let at = 0;
        for (const { offset, length } of all) {
          expect(offset).toBe(at);
          at += length;
        }
        expect(at).toBe(size);
        for (const { offset } of blobs) expect(offset % 512).toBe(0);
      }),
    );
  });

  it.each([
    ["a line that is none", "images/a.tar 0 1\n", "is not a tarball"],
    ["a sum that is none", `images/a.tar\t-\t1\t${"x".repeat(64)}\n`, "is not a tarball"],
    ["a number that another program reads otherwise", `a\t010\t1\t${SUM}\n`, "is not a tarball"],
    ["no line end", `a\t-\t1\t${SUM}`, "has no line end"],
    ["a tarball twice", `a\t-\t1\t${SUM}\na\t-\t1\t${SUM}\n`, "again"],
    ["a tarball in two places", `a\t0\t1\t${SUM}\nb\t-\t1\t${SUM}\n`, "begins another"],
    ["a tarball without an end", `a\t0\t1\t${SUM}\n`, "without an end"],
    ["blobs that overlap", `a\t0\t9\t${SUM}\na\t8\t1\t${SUM}\na\t-\t1\t${SUM}\n`, "overlaps"],
    ["blobs out of order", `a\t9\t9\t${SUM}\na\t0\t1\t${SUM}\na\t-\t1\t${SUM}\n`, "overlaps"],
  ])("is refused with %s", (_, rows, message) => {
    const { problems } = parseBlobTable(HEAD + rows);
    expect(problems.map((problem) => problem.message).join("\n")).toContain(message);
  });

  it("has a head", () => {
    expect(parseBlobTable("").problems).not.toEqual([]);
    expect(parseBlobTable(`a\t-\t1\t${SUM}\n`).problems).toMatchObject([{ line: 1 }]);
  });
});
