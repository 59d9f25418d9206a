import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openBundle } from "../../../src/bundle/reader.js";
import { writeBundle } from "../../support/write-bundle.js";
import { digestOf } from "../../../src/core/digest.js";
import { inspectBundle } from "../../../src/inspect/inspect-bundle.js";
import type { LockedImage } from "../../../src/plan/types.js";
import type { Finding } from "../../../src/verify/report.js";
import { verifyBundle } from "../../../src/verify/verify.js";
import { type Blobs, makeSample, noise } from "../bundle/sample.js";
import { blob, edit } from "./edit-image.js";
import { type Forgery, forge } from "./forge.js";

const TARBALL = "images/redis+2.tar";

let dir: string;
let sound: string;
let images: Readonly<Record<string, LockedImage>>;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "shared-"));
  sound = join(dir, "sound.tar");
  const sample = await makeSample(join(dir, "sample"), { images: sharing });
  images = sample.images;
  await writeBundle(sample.layout, { output: sound, blobPath: sample.blobs.path });
});
afterAll(() => rm(dir, { recursive: true, force: true }));

/** Two images on one base, one of them under two names; and one that has nothing of it. */
async function sharing(blobs: Blobs): Promise<Readonly<Record<string, LockedImage>>> {
  const base = await blobs.layer(noise("base", 300_000));
  const [redis, etcd, alone] = await Promise.all(
    ["redis", "etcd", "alone"].map((name) => blobs.layer(noise(name, 5000))),
  );
  const second = await blobs.image("quay.io/coreos/etcd:v3.5.13", [base, etcd!]);
  return {
    redis: await blobs.image("docker.io/library/redis:7.0.15", [base, redis!]),
    alone: await blobs.image("docker.io/library/alone:1.0", [alone!]),
    etcd: second,
    discovery: { ...second, reference: "docker.io/library/discovery:1.0" },
  };
}

async function findingsOf(change: (forgery: Forgery) => void): Promise<readonly Finding[]> {
  const to = join(dir, "forged.tar");
  await forge(sound, to, change);
  return (await verifyBundle(to)).findings;
}

const told = (findings: readonly Finding[]): readonly string[] =>
  findings.map(({ rule, component, subject }) => `${rule} ${component ?? "-"} ${subject}`);

const inside = (f: Forgery): Map<string, Buffer> => f.images.get("redis+2")!;

describe("a tarball of several images", () => {
  it("is sound, has each blob once, and each image by all its names", async () => {
    const report = await verifyBundle(sound);
    expect(report.findings).toEqual([]);
    // Three images with a config and a manifest each, their base and their own layers.
    expect(report.checked).toMatchObject({ images: 2, blobs: 10 });
    const bundle = await openBundle(sound);
    try {
      expect(bundle.manifest.components.map(({ tarball }) => tarball.path)).toEqual([
        TARBALL,
        "images/alone.tar",
        TARBALL,
        TARBALL,
      ]);
      const { sizes } = bundle.manifest;
      expect(sizes.images).toBe(
        [...bundle.files].reduce(
          (sum, [path, { size }]) => sum + (path.startsWith("images/") ? size : 0),
          0,
        ),
      );
    } finally {
      await bundle.close();
    }
  });

  it("is told of by inspect, image by image", async () => {
    const { components, files } = await inspectBundle(sound, "discovery");
    expect(components).toHaveLength(1);
    expect(components[0]!.layers[0]!.sharedWith).toEqual(["redis", "etcd"]);
    expect(components[0]!.tarball.path).toBe(TARBALL);
    expect(files).toHaveLength(3 + 7);
  });

  it("tells damage to a shared layer once, and whom it concerns", async () => {
    const { digest } = images["redis"]!.layers[0]!;
    const found = await findingsOf((f) => {
      const bytes = Buffer.from(inside(f).get(blob(digest))!);
      bytes[1000]! ^= 1;
      inside(f).set(blob(digest), bytes);
    });
    expect(told(found)).toEqual([`blob/digest redis ${digest}`]);
    expect(found[0]!.message).toContain("etcd and discovery have it, too.");
  });

  it("is held to each image's names", async () => {
    const renamed = await findingsOf((f) =>
      edit(inside(f), "manifest.json", ([redis, etcd]: [object, { RepoTags: string[] }]) => [
        redis,
        { ...etcd, RepoTags: [etcd.RepoTags[0]] },
      ]),
    );
    expect(told(renamed)).toEqual([
      "image/reference etcd manifest.json",
      "image/reference discovery manifest.json",
    ]);
    const swapped = await findingsOf((f) =>
      edit(inside(f), "index.json", (index: { manifests: object[] }) => {
        index.manifests.push(index.manifests.shift()!);
      }),
    );
    expect(new Set(swapped.map(({ component }) => component))).toEqual(
      new Set(["redis", "etcd", "discovery"]),
    );
  });

  it("is held to the count of its images", async () => {
    const more = await findingsOf((f) =>
      edit(inside(f), "index.json", (index: { manifests: object[] }) => {
        index.manifests.push(index.manifests[0]!);
      }),
    );
    expect(told(more)).toEqual(["image/index - index.json"]);
    expect(more[0]!.message).toBe("Names 4 images instead of 3.");
    const fewer = await findingsOf((f) =>
      edit(inside(f), "manifest.json", (list: object[]) => list.slice(0, 1)),
    );
    expect(told(fewer)).toEqual(["image/docker-manifest - manifest.json"]);
  });

  it("has nothing that no image refers to", async () => {
    const stowaway = Buffer.from("stowaway");
    const found = await findingsOf((f) => inside(f).set(blob(digestOf(stowaway)), stowaway));
    expect(told(found)).toEqual([`blob/unused - ${digestOf(stowaway)}`]);
  });
});

describe("the table of blobs", () => {
  const row = (line: string): boolean => line.startsWith(TARBALL);
  const changed = (change: (rows: string[]) => string[]) => (f: Forgery) => {
    f.table = (lines) => [
      ...lines.filter((line) => !row(line)),
      ...change(lines.filter((line) => row(line))),
    ];
  };

  it("is there", async () => {
    expect(
      told(
        await findingsOf((f) => {
          f.table = () => [];
        }),
      ),
    ).toEqual(["layout/missing - site/blobs.tsv"]);
  });

  it.each([
    ["lacks a tarball", () => [], [`sums/unlisted - ${TARBALL}`]],
    ["lacks a blob", (rows: string[]) => rows.slice(1), ["sums/unlisted - sha256:"]],
    [
      "has a blob that is not there",
      ([first, ...rest]: string[]) => [
        first!,
        first!.replace(/\t\d+\t\d+/, "\t1048576\t0"),
        ...rest,
      ],
      ["sums/format - site/blobs.tsv", "sums/missing - sha256:"],
    ],
    [
      "has another sum for a blob",
      ([first, ...rest]: string[]) => [first!.replace(/\w{8}\n/, "00000000\n"), ...rest],
      ["sums/mismatch - sha256:"],
    ],
    [
      "has another size for a blob",
      ([first, ...rest]: string[]) => [first!.replace(/(\t\d+\t)\d+/, "$10"), ...rest],
      ["sums/mismatch - sha256:"],
    ],
    [
      "has another sum for the structure",
      (rows: string[]) => [...rows.slice(0, -1), rows.at(-1)!.replace(/\w{8}\n/, "00000000\n")],
      [`sums/mismatch - ${TARBALL}`],
    ],
    [
      "has a tarball that is not there",
      (rows: string[]) => [...rows, ...rows.map((line) => line.replace("redis", "gone"))],
      ["sums/missing - images/gone+2.tar"],
    ],
  ])("is caught where it %s", async (_, change, expected) => {
    const found = told(await findingsOf(changed(change)));
    expect(found.map((line) => line.replace(/sha256:\w+/, "sha256:"))).toEqual(expected);
  });
});
