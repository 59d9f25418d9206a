import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { cp, mkdtemp, open, readFile, rm, stat, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { inspectBundle } from "../../../src/inspect/inspect-bundle.js";
import { openBundle } from "../../../src/bundle/reader.js";
import { withUnpacked } from "../../../src/bundle/unpacked.js";
import { writeBundle } from "../../support/write-bundle.js";
import { digestOf } from "../../../src/core/digest.js";
import { MEDIA_TYPES } from "../../../src/image/media-types.js";
import { streamWindow } from "../../../src/tar/window.js";
import { describeComponent, describeInspection } from "../../../src/ui/describe-inspection.js";
import { type Blobs, makeSample } from "./sample.js";
import { processorTime } from "../../support/processor-time.js";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "reader-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

async function sampleArchive() {
  const sample = await makeSample(dir);
  const path = join(dir, "out.tar");
  const written = await writeBundle(sample.layout, { output: path, blobPath: sample.blobs.path });
  return { ...sample, path, written };
}

describe("opening a bundle", () => {
  it("gives bundle.json, files and images without reading through", async () => {
    const { path, layout, images, written } = await sampleArchive();
    const bundle = await openBundle(path);
    const [base, redis] = images["redis"]!.layers.map(({ digest }) => digest);
    expect(bundle.manifest).toEqual(
      withUnpacked(layout.manifest, (digest) =>
        digest === base ? 3000 : digest === redis ? 3700 : 3001,
      ),
    );
    expect(bundle.root).toBe("openim-2.3.9-linux-arm64");
    expect((await bundle.readFile("lib/check.sh")).toString()).toBe("check() { :; }\n");
    const { component, entries } = await bundle.image("redis");
    expect(component.image).toEqual(images["redis"]);
    expect([...entries.values()].filter(({ type }) => type === "file").slice(0, 3)).toMatchObject([
      { path: "oci-layout" },
      { path: "index.json" },
      { path: "manifest.json" },
    ]);
    const hash = createHash("sha256");
    for await (const chunk of streamWindow(bundle.window("compose.yaml"))) hash.update(chunk);
    expect(hash.digest("hex")).toBe(written.sums.get("compose.yaml"));
    await bundle.close();
  });

  it("keeps bundle.json's bytes the same whatever the order of keys it is made from", async () => {
    const { path, layout } = await sampleArchive();
    const bundle = await openBundle(path);
    const text = (await bundle.readFile("bundle.json")).toString();
    await bundle.close();
    const spaced = JSON.stringify(bundle.manifest, undefined, 2).replaceAll(
      /"(archive|unpacked)": (\d+)/g,
      (_, key: string, bytes: string) => `"${key}": ${bytes.padStart(16)}`,
    );
    expect(text).toBe(`${spaced}\n`);
    expect(Object.keys(JSON.parse(text) as object)).toEqual(Object.keys(layout.manifest));
    expect(Object.keys(JSON.parse(text) as object)[0]).toBe("bundleVersion");
  });

  it("refuses what is cut, hung on to, larger than asked for, or not there", async () => {
    const { path } = await sampleArchive();
    const bundle = await openBundle(path);
    await expect(bundle.readFile("nothing")).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(bundle.readFile("bundle.json", 10)).rejects.toMatchObject({ code: "INTEGRITY" });
    await expect(bundle.image("mongo")).rejects.toThrow("has no component");
    await expect(bundle.image("node-exporter")).rejects.toThrow("was left out of the bundle");
    await bundle.close();
    const cut = join(dir, "cut.tar");
    await cp(path, cut);
    const { size } = await stat(cut);
    for (const length of [0, 700, size / 2, size - 512]) {
      await truncate(cut, Math.floor(length));
      await expect(openBundle(cut), `${length}`).rejects.toMatchObject({ code: "INTEGRITY" });
      await cp(path, cut);
    }
    await expect(openBundle(join(dir, "missing"))).rejects.toMatchObject({ code: "FILE" });
    await expect(openBundle(dir)).rejects.toMatchObject({ code: "FILE" });
  });

  it("refuses a pipe or a device at once, before opening it", async () => {
    const pipe = join(dir, "pipe");
    await promisify(execFile)("mkfifo", [pipe]);
    for (const path of [pipe, "/dev/zero"]) {
      await expect(openBundle(path)).rejects.toMatchObject({
        code: "FILE",
        message: `${path} is not a regular file.`,
        hint: "A pipe cannot be read at random: write it to a file first.",
      });
    }
    await expect(openBundle(dir)).rejects.toMatchObject({
      hint: "It is a folder: give the archive's file.",
    });
  });

  it("reads and inspects an archive of an earlier version, which has no unpacked sizes", async () => {
    const { path, layout } = await sampleArchive();
    const bytes = await readFile(path);
    const handle = await open(path, "r+");
    for (const { index, 0: found } of bytes.toString("latin1").matchAll(/,\s+"unpacked": +\d+/g)) {
      await handle.write(Buffer.alloc(found.length, " "), 0, undefined, index);
    }
    await handle.close();
    const found = await inspectBundle(path);
    const { sizes, components } = found;
    expect(describeInspection(found, 200).at(-1)).not.toContain("unpacked");
    expect(sizes).toEqual(layout.manifest.sizes);
    for (const component of components) {
      expect(component).not.toHaveProperty("unpacked");
      expect(describeComponent(component, 100).join("\n")).not.toContain("unpacked");
    }
  });

  it("refuses an archive whose bundle.json is not one", async () => {
    const { path } = await sampleArchive();
    const bytes = await readFile(path);
    const handle = await open(path, "r+");
    await handle.write(Buffer.from("["), 0, 1, bytes.indexOf("{"));
    await handle.close();
    await expect(openBundle(path)).rejects.toMatchObject({ code: "INTEGRITY" });
  });
});

describe("inspecting a bundle", () => {
  it("tells components, origins, layers and who shares them", async () => {
    const { path, layout, images } = await sampleArchive();
    const found = await inspectBundle(path);
    expect(found).toMatchObject({
      name: "openim",
      platform: "linux/arm64",
      sizes: { ...layout.manifest.sizes, unpacked: 3000 + 3700 + 3001 },
      leftOut: [{ name: "node-exporter", reason: "not wanted" }],
    });
    expect(found.components.map(({ name }) => name)).toEqual(["redis", "etcd"]);
    const [redis] = found.components;
    expect(found.components.map(({ unpacked }) => unpacked)).toEqual([6700, 6001]);
    expect(redis!.origin.manifest).toBe(images["redis"]!.manifest.digest);
    expect(redis!.layers.map(({ sharedWith }) => sharedWith)).toEqual([["etcd"], [], []]);
    expect(found.files.map(({ path: file }) => file)).toContain("images/etcd.tar");
    const table = describeInspection(found, 200).join("\n");
    expect(table).toMatch(/ size {2,}unpacked {2,}layers/);
    expect(table).toMatch(/etcd .*14\.5 KiB {2,}5\.9 KiB {2,}2/);
    expect(table).toMatch(/, unpacked 9\.5 KiB\.$/);
    const one = await inspectBundle(path, "etcd");
    expect(describeComponent(one.components[0]!, 200)).toContain("unpacked  5.9 KiB");
    expect(one.components).toHaveLength(1);
    expect(one.files.map(({ path: file }) => file)).toContain("manifest.json");
    await expect(inspectBundle(path, "nope")).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  it("takes no longer for 10 GB than for a small one", async () => {
    const layers = (blobs: Blobs, name: string) => {
      const digest = digestOf(name);
      const descriptor = { mediaType: MEDIA_TYPES.ociLayerGzip, digest, size: 5 * 2 ** 30 + 7 };
      return blobs.image(`docker.io/library/${name}:1`, [
        { ...descriptor, diffId: digest as string as never },
      ]);
    };
    const { layout } = await makeSample(dir, {
      images: async (blobs) => ({ a: await layers(blobs, "a"), b: await layers(blobs, "b") }),
    });
    expect(layout.size).toBeGreaterThan(10 * 2 ** 30);
    // The blobs do not exist: only what is not an image's data is written, the rest are holes.
    const path = join(dir, "sparse.tar");
    const handle = await open(path, "w");
    await handle.truncate(layout.size);
    for (const { header, headerOffset, dataOffset, content } of layout.tar.entries) {
      await handle.write(header, 0, header.length, headerOffset);
      if (content?.kind === "bytes") await handle.write(content.bytes, 0, undefined, dataOffset);
      if (content?.kind === "late") {
        await handle.write(
          content.late(() => 1),
          0,
          undefined,
          dataOffset,
        );
      }
      if (content?.kind !== "tarball") continue;
      let at = dataOffset;
      for (const piece of content.tarball.pieces) {
        if ("bytes" in piece) {
          await handle.write(piece.bytes, 0, piece.bytes.length, at);
          at += piece.bytes.length;
        } else at += piece.size;
      }
    }
    await handle.close();
    const took = await processorTime(async () => {
      const found = await inspectBundle(path, "b");
      expect(found.components[0]!.tarball.size).toBeGreaterThan(5 * 2 ** 30);
    });
    // To read 5 GiB of zeros takes longer.
    expect(took).toBeLessThan(1000);
  });
});
