import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { blobPath } from "../../../src/bundle/image-layout.js";
import { writeBundle } from "../../support/write-bundle.js";
import { diffBundles } from "../../../src/diff/diff.js";
import { describeDiff } from "../../../src/ui/describe-diff.js";
import { makeSample } from "../bundle/sample.js";
import { forge, pack } from "../verify/forge.js";

let dir: string;
beforeAll(async () => (dir = await mkdtemp(path.join(tmpdir(), "diff-lying-"))));
afterAll(() => rm(dir, { recursive: true, force: true }));

const { signal } = new AbortController();

describe("an archive that says the same of itself as another", () => {
  it("differs from it when files of its images do", async () => {
    const [old, next] = [path.join(dir, "old.tar"), path.join(dir, "next.tar")];
    const { layout, blobs } = await makeSample(dir);
    await writeBundle(layout, { output: old, blobPath: blobs.path });
    let name = "";
    await forge(old, next, ({ manifest, images }) => {
      const [component] = manifest.components;
      name = component!.name;
      for (const layer of component!.image.layers) {
        const tar = pack(new Map([["etc/evil", Buffer.from("x")]]));
        images.get(name)!.set(blobPath(layer.digest), gzipSync(tar));
      }
    });
    expect(await diffBundles(old, next, { signal })).toMatchObject({ different: false });
    const diff = await diffBundles(old, next, { signal, files: [name] });
    expect(diff).toMatchObject({ different: true, imageFiles: [{ component: name }] });
    expect(describeDiff(diff).join("\n")).toContain("+ /etc/evil");
    expect(describeDiff(diff)).not.toContain("Nothing differs.");
  });
});
