import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { blobFinder } from "../../../src/bundle/image-blobs.js";
import { blobPath, blobsOf } from "../../../src/bundle/image-layout.js";
import { openBundle } from "../../../src/bundle/reader.js";
import { writeBundle } from "../../support/write-bundle.js";
import { inspectBundle } from "../../../src/inspect/inspect-bundle.js";
import { describeComponent, describeInspection } from "../../../src/ui/describe-inspection.js";
import { writeSparseArchive } from "../../support/sparse-archive.js";
import { makeSample } from "../bundle/sample.js";
import { forge } from "../verify/forge.js";

let dir: string;
beforeEach(async () => (dir = await mkdtemp(path.join(tmpdir(), "inspect-"))));
afterEach(() => rm(dir, { recursive: true, force: true }));

describe("inspectBundle", () => {
  it("tells an archive of 10 GB by its headers, documents and the ends of its blobs", async () => {
    const file = path.join(process.env["KEEP"] ?? dir, "large.tar");
    const GB = 1000 ** 3;
    await writeSparseArchive(file, { images: 12, layers: 7, layerBytes: Math.ceil(GB / 8.4) });
    const inspection = await inspectBundle(file);
    expect(inspection.sizes.archive).toBeGreaterThan(10 * GB);
    expect(inspection.components).toHaveLength(12);
    expect(inspection.components[3]).toMatchObject({
      name: "app3",
      origin: { registry: "docker.io" },
      licenses: "MIT",
      labels: [{ name: "org.opencontainers.image.licenses", value: "MIT" }],
    });
    expect(inspection.components[3]?.trouble).toBeUndefined();
    expect(inspection.components[3]?.history[6]).toEqual({ createdBy: "step 6", layer: 6 });
    expect(describeInspection(inspection, 160).join("\n")).toContain("app3: MIT");
    const [one] = (await inspectBundle(file, "app3")).components;
    expect(one?.layers[6]?.unpacked).toBe(Math.ceil(GB / 8.4));
    expect(describeComponent(one!, 160).join("\n")).toMatch(/ 6 {2}step 6/);
  });
});

describe("an archive that lies", () => {
  const write = async (change: Parameters<typeof forge>[2]): Promise<string> => {
    const [whole, forged] = [path.join(dir, "whole.tar"), path.join(dir, "forged.tar")];
    const { layout, blobs } = await makeSample(dir);
    await writeBundle(layout, { output: whole, blobPath: blobs.path });
    await forge(whole, forged, change);
    return forged;
  };

  it("is not believed what a config says that is another one", async () => {
    const file = await write(({ manifest, images }) => {
      const [{ name, image }] = manifest.components as [(typeof manifest.components)[number]];
      const at = blobPath(image.config.digest);
      const config = JSON.parse(images.get(name)!.get(at)!.toString()) as Record<string, unknown>;
      const text = JSON.stringify({ ...config, created: "2020-01-01T00:00:00Z" });
      images.get(name)!.set(at, Buffer.from(text));
      image.config.size = text.length;
    });
    const { components } = await inspectBundle(file);
    expect(components.map(({ trouble }) => trouble)).toEqual([
      expect.stringMatching(/The config of .* is not sha256:/),
      ...components.slice(1).map(() => undefined),
    ]);
  });

  it("says nothing on lines of its own", async () => {
    const lie = "x\nPASS: all is well";
    const file = await write(({ manifest }) => {
      manifest.title.en = lie;
      manifest.tool.version = lie;
      for (const component of manifest.components) {
        component.reason = lie;
        component.image.reference = `docker.io/library/${lie}:1`;
        component.requires = [
          { kind: "cpu", value: lie, level: "warn", reason: { en: lie, zh: "" } },
        ];
      }
    });
    const inspection = await inspectBundle(file);
    const lines = [
      ...describeInspection(inspection, 160),
      ...describeComponent(
        (await inspectBundle(file, inspection.components[0]!.name)).components[0]!,
        160,
      ),
    ];
    expect(lines.join("\n")).toContain("PASS: all is well");
    expect(
      lines
        .join("\n")
        .split("\n")
        .filter((line) => line.startsWith("PASS")),
    ).toEqual([]);
  });
});

describe("blobFinder", () => {
  it("finds each blob where it is, also when bundle.json says something else", async () => {
    const file = path.join(dir, "bundle.tar");
    const { layout, blobs } = await makeSample(dir);
    await writeBundle(layout, { output: file, blobPath: blobs.path });
    const bundle = await openBundle(file);
    try {
      const find = blobFinder(bundle);
      for (const component of bundle.manifest.components) {
        const { entries } = await bundle.image(component.name);
        const start = bundle.window(component.tarball.path).offset;
        const other = {
          ...component,
          image: { ...component.image, reference: "x.example/y:longer" },
        };
        for (const { digest, size } of blobsOf(component.image)) {
          const at = entries.get(blobPath(digest))?.dataOffset ?? -1;
          const place = { offset: start + at, length: size };
          expect(await find(component)(digest)).toMatchObject(place);
          expect(await find(other)(digest)).toMatchObject(place);
        }
        const missing = `sha256:${"0".repeat(64)}` as typeof component.image.config.digest;
        await expect(find(component)(missing)).rejects.toThrow("has no blob");
      }
    } finally {
      await bundle.close();
    }
  });
});
