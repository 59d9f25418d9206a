import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { GROUP_LIMITS, type GroupLimits, groupImages } from "../../../src/bundle/image-groups.js";
import { blobsOf } from "../../../src/bundle/image-layout.js";
import { type DiffId, digestOf } from "../../../src/core/digest.js";
import type { LockedImage } from "../../../src/plan/types.js";

const MIB = 1024 * 1024;
const EMPTY = { name: "empty", size: 32 };

/** An image of layers that are told apart by their names. */
function image(name: string, layers: readonly { name: string; size: number }[]): LockedImage {
  const blob = (what: string, size: number) => ({
    mediaType: "application/octet-stream",
    digest: digestOf(what),
    size,
  });
  return {
    reference: `docker.io/library/${name}:1`,
    manifest: blob(`manifest ${name}`, 1000),
    config: blob(`config ${name}`, 3000),
    layers: layers.map((layer) => ({
      ...blob(`layer ${layer.name}`, layer.size),
      diffId: digestOf(layer.name) as string as DiffId,
    })),
    platform: "linux/arm64",
  };
}

const bytesOf = (images: readonly LockedImage[]): number =>
  blobsOf(...images).reduce((sum, { size }) => sum + size, 0);

const written = (images: readonly LockedImage[], limits?: GroupLimits): number =>
  groupImages(images, limits)
    .map((group) => bytesOf(group.map((position) => images[position]!)))
    .reduce((sum, bytes) => sum + bytes, 0);

/** Images of a few bases, and of layers that some of them share. */
const bundles = fc
  .array(
    fc.record({
      base: fc.integer({ min: 0, max: 3 }),
      shared: fc.uniqueArray(fc.integer({ min: 0, max: 5 }), { maxLength: 3 }),
      own: fc.integer({ min: 0, max: 300 * MIB }),
    }),
    { minLength: 1, maxLength: 30 },
  )
  .map((drafts) =>
    drafts.map(({ base, shared, own }, at) =>
      image(`app${at}`, [
        { name: `base ${base}`, size: (base + 1) * 20 * MIB },
        EMPTY,
        ...shared.map((one) => ({ name: `shared ${one}`, size: 10 ** (one + 2) })),
        { name: `own ${at}`, size: own },
      ]),
    ),
  );

describe("groups of images", () => {
  it("have each image once, in the order of the table", () => {
    fc.assert(
      fc.property(bundles, (images) => {
        const groups = groupImages(images);
        expect(groups.flat().toSorted((a, b) => a - b)).toEqual(images.map((_, at) => at));
        for (const group of groups) expect(group).toEqual(group.toSorted((a, b) => a - b));
        const firsts = groups.map(([first]) => first!);
        expect(firsts).toEqual(firsts.toSorted((a, b) => a - b));
        expect(groupImages(images)).toEqual(groups);
      }),
    );
  });

  it("write little more than what is distinct, where no limit is met", () => {
    fc.assert(
      fc.property(bundles, (images) => {
        const limits = { ...GROUP_LIMITS, most: Number.POSITIVE_INFINITY };
        expect(written(images, limits)).toBeLessThanOrEqual(1.01 * bytesOf(images));
      }),
    );
  });

  it("are never larger than the limit, but for an image that is so alone", () => {
    fc.assert(
      fc.property(bundles, fc.integer({ min: 1, max: 1024 }), (images, mebibytes) => {
        const limits = { ...GROUP_LIMITS, most: mebibytes * MIB };
        for (const group of groupImages(images, limits)) {
          const bytes = bytesOf(group.map((position) => images[position]!));
          if (group.length > 1) expect(bytes).toBeLessThanOrEqual(limits.most);
        }
        expect(written(images, limits)).toBeLessThanOrEqual(
          images.reduce((sum, one) => sum + bytesOf([one]), 0),
        );
      }),
    );
  });

  it("put twenty components on one base into one", () => {
    const base = { name: "base", size: 4 * MIB };
    const images = Array.from({ length: 20 }, (_, at) =>
      image(`app${at}`, [base, { name: `own ${at}`, size: 2000 }]),
    );
    expect(groupImages(images)).toEqual([images.map((_, at) => at)]);
  });

  it("are not chained by a layer that weighs nothing", () => {
    const images = ["a", "b", "c"].map((name) =>
      image(name, [EMPTY, { name: "certificates", size: 60_000 }, { name, size: 50 * MIB }]),
    );
    expect(groupImages(images)).toEqual([[0], [1], [2]]);
  });

  it("do not chain what shares nothing through what is small beside the rest", () => {
    const small = { name: "small", size: 200_000 };
    const images = [
      image("a", [
        { name: "x", size: 90 * MIB },
        { name: "a", size: MIB },
      ]),
      image("b", [{ name: "x", size: 90 * MIB }, small]),
      image("c", [small, { name: "c", size: 90 * MIB }]),
    ];
    expect(groupImages(images)).toEqual([[0, 1], [2]]);
  });

  it("keep an image that two components have in one place, however small it is", () => {
    const one = image("one", [{ name: "one", size: 100 }]);
    const other = image("other", [{ name: "other", size: 900 * MIB }]);
    const renamed = { ...one, reference: "docker.io/library/renamed:1" };
    expect(groupImages([one, other, renamed])).toEqual([[0, 2], [1]]);
  });

  it("fill several tarballs where one would be too large for the engine's disk", () => {
    const base = { name: "base", size: 100 * MIB };
    const images = Array.from({ length: 6 }, (_, at) =>
      image(`app${at}`, [base, { name: `own ${at}`, size: 900 * MIB }]),
    );
    expect(groupImages(images, { ...GROUP_LIMITS, most: 2048 * MIB })).toEqual([
      [0, 1],
      [2, 3],
      [4, 5],
    ]);
  });

  it("take a moment for a thousand images", () => {
    const images = Array.from({ length: 1000 }, (_, at) =>
      image(`app${at}`, [
        { name: `base ${at % 7}`, size: 30 * MIB },
        { name: `middle ${at % 91}`, size: 10 * MIB },
        { name: `own ${at}`, size: MIB },
      ]),
    );
    expect(groupImages(images).length).toBeLessThan(30);
  });
});
