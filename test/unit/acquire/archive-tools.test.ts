import { execFile, execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { importArchive } from "../../../src/acquire/archive.js";
import { digestOf } from "../../../src/core/digest.js";
import { parsePlatform } from "../../../src/core/platform.js";
import { type SampleImage, buildVariant } from "../../../src/sample/images.js";
import { type SampleRegistry, startSampleRegistry } from "../../../src/sample/registry.js";
import { openStore } from "../../../src/store/store.js";

const IMAGE: SampleImage = {
  registry: "docker.io",
  repository: "library/zookeeper",
  tag: "3.8.4",
  name: "zookeeper",
  platforms: ["linux/amd64", "linux/arm64"].map(parsePlatform),
  format: "oci",
  index: true,
  payloadBytes: 50_000,
};

function hasSkopeo(): boolean {
  try {
    execFileSync("skopeo", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

describe.skipIf(!hasSkopeo())(
  "an archive written by skopeo, pulling from a sample registry,",
  () => {
    let dir: string;
    let registry: SampleRegistry;
    beforeAll(async () => {
      dir = await mkdtemp(join(tmpdir(), "skopeo-"));
      registry = await startSampleRegistry({ images: [IMAGE], auth: { scheme: "bearer" } });
    });
    afterAll(async () => {
      await registry.close();
      await rm(dir, { recursive: true, force: true });
    });

    it.each([
      ["docker-archive, legacy and plain", "docker-archive", ["--override-arch", "arm64"]],
      ["oci-archive of one platform", "oci-archive", ["--override-arch", "arm64"]],
      ["oci-archive of all platforms", "oci-archive", ["--multi-arch", "all"]],
      ["OCI layout in a folder", "oci", ["--override-arch", "arm64"]],
    ])("as an %s is imported with the same content", async (what, transport, options) => {
      const own = join(dir, what.replaceAll(/\W/g, "-"));
      await mkdir(own);
      const file = join(own, "image");
      const name = "docker.io/library/zookeeper:3.8.4";
      await promisify(execFile)("skopeo", [
        "copy",
        "--insecure-policy",
        "--src-tls-verify=false",
        ...options,
        `docker://${registry.host}/library/zookeeper:3.8.4`,
        `${transport}:${file}:${name}`,
      ]);
      const store = await openStore(join(own, "store"));
      const image = await importArchive(file, {
        component: "zookeeper",
        reference: name,
        platform: parsePlatform("linux/arm64"),
        store,
        signal: new AbortController().signal,
      });
      const variant = buildVariant(IMAGE, parsePlatform("linux/arm64"));
      expect(image.platform).toBe("linux/arm64");
      expect(image.layers.map(({ diffId }) => diffId)).toEqual(
        variant.layers.map(({ diffId }) => diffId),
      );
      for (const { digest } of [image.manifest, image.config, ...image.layers]) {
        expect(digestOf(await readFile(store.path(digest)))).toBe(digest);
      }
    });
  },
);
