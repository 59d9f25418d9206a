import { type FileHandle, mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeBundle } from "../../support/write-bundle.js";
import type { Digest } from "../../../src/core/digest.js";
import type { BundleManifest } from "../../../src/bundle/types.js";
import { type SbomDocument, sbomDocuments } from "../../../src/sbom/documents.js";
import { imagesOf, packageWalk, readPackages } from "../../../src/sbom/read-packages.js";
import { makeTar } from "../../../src/sample/layer.js";
import { verifyBundle } from "../../../src/verify/verify.js";
import type { VerifyReport } from "../../../src/verify/report.js";
import { walkBlobs } from "../../../src/walk/walk-blobs.js";
import { type Forgery, forge } from "../verify/forge.js";
import { type Blobs, type SampleOptions, makeSample, textFile } from "../bundle/sample.js";
import { writeZip } from "./zip.js";

const signal = new AbortController().signal;
const status = (name: string, version: string): string =>
  `Package: ${name}\nStatus: install ok installed\nVersion: ${version}\nArchitecture: arm64\n\n`;
const database = "var/lib/dpkg/status";

/** Two images on one Debian: one has upgraded a package in a layer of its own, the other has a jar. */
const images: NonNullable<SampleOptions["images"]> = async (blobs: Blobs) => {
  const base = await blobs.layer(
    makeTar([
      { path: "usr/lib/os-release", content: "ID=debian\nVERSION_ID=12\n" },
      { path: database, content: status("libc6", "2.36-9") + status("openssl", "3.0.11-1") },
    ]),
  );
  const upgraded = await blobs.layer(
    makeTar([
      { path: database, content: status("libc6", "2.36-9") + status("openssl", "3.0.14-1") },
    ]),
  );
  const jar = writeZip({
    "META-INF/maven/org.slf4j/slf4j-api/pom.properties":
      "groupId=org.slf4j\nartifactId=slf4j-api\nversion=2.0.9\n",
  });
  const app = await blobs.layer(makeTar([{ path: "opt/app.jar", content: jar }]));
  return {
    redis: await blobs.image("docker.io/library/redis:7.0.15", [base, upgraded]),
    app: await blobs.image("docker.io/library/app:1.0", [base, app]),
  };
};

let dir: string;
let bare: string;
let sound: string;
let blobs: Blobs;
let manifest: BundleManifest;
let documents: readonly SbomDocument[];
let made = 0;

async function bundle(files: SampleOptions["files"] = []): Promise<string> {
  const { layout, blobs: stored } = await makeSample(path.join(dir, "sample"), { images, files });
  blobs = stored;
  const output = path.join(dir, `${(made += 1)}.tar`);
  await writeBundle(layout, { output, blobPath: stored.path });
  return output;
}

beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), "sbom-"));
  bare = await bundle();
  const read = await readPackages(bare, { signal });
  manifest = read.manifest;
  documents = sbomDocuments(manifest, read.images);
  sound = await bundle(documents.map((one) => textFile(one.path, one.text)));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const about = ({ findings }: VerifyReport): (readonly unknown[])[] =>
  findings
    .filter(({ rule }) => rule.startsWith("sbom/"))
    .map(({ severity, component, subject, message, expected, found }) => [
      ...[severity, component, subject, message, expected, found].filter((one) => one),
    ]);

async function forged(change: (forgery: Forgery) => void): Promise<(readonly unknown[])[]> {
  const to = path.join(dir, `${(made += 1)}.tar`);
  await forge(sound, to, change);
  return about(await verifyBundle(to, { deep: true }));
}

describe("the packages in an archive", () => {
  it("are those of the final file systems, with the layer that they come from", async () => {
    const { images: read } = await readPackages(bare, { signal });
    const layers = manifest.components.map(({ image }) => image.layers.map((one) => one.digest));
    expect(
      read.map(({ packages }) =>
        packages.packages.map(({ name, version, layer }) => [name, version, layer]),
      ),
    ).toEqual([
      [
        ["libc6", "2.36-9", layers[0]![1]],
        ["openssl", "3.0.14-1", layers[0]![1]],
      ],
      [
        ["libc6", "2.36-9", layers[1]![0]],
        ["openssl", "3.0.11-1", layers[1]![0]],
        ["org.slf4j:slf4j-api", "2.0.9", layers[1]![1]],
      ],
    ]);
  });

  it("of one component need its image alone", async () => {
    const { images: read } = await readPackages(bare, { signal, only: ["app"] });
    expect(read.map(({ component }) => component.name)).toEqual(["app"]);
    await expect(readPackages(bare, { signal, only: ["nothing"] })).rejects.toMatchObject({
      code: "NOT_FOUND",
    });
  });

  it("are the same of blobs that lie in files of their own", async () => {
    const handles = new Map<Digest, FileHandle>();
    for (const { image } of manifest.components) {
      for (const { digest } of [image.config, ...image.layers])
        if (!handles.has(digest)) handles.set(digest, await open(blobs.path(digest)));
    }
    const sizes = new Map<Digest, number>();
    for (const [digest, handle] of handles) sizes.set(digest, (await handle.stat()).size);
    const windowOf = (digest: Digest) => ({
      ...{ handle: handles.get(digest)!, name: digest, offset: 0, length: sizes.get(digest)! },
    });
    const walked = await walkBlobs("files", manifest.components, windowOf, {
      signal,
      ...packageWalk,
    });
    expect(sbomDocuments(manifest, imagesOf(walked))).toEqual(documents);
    for (const handle of handles.values()) await handle.close();
  });
});

describe("SBOMs in an archive", () => {
  it("are one for the bundle and one for each component, and pass", async () => {
    expect(documents.map((one) => one.path)).toEqual([
      "sbom/bundle.cdx.json",
      "sbom/redis.cdx.json",
      "sbom/app.cdx.json",
    ]);
    const report = await verifyBundle(sound, { deep: true });
    expect(about(report)).toEqual([]);
    expect(report.findings.filter(({ rule }) => /^(sums|layout|bundle)\//.test(rule))).toEqual([]);
  });

  it("that say something else than the images hold are told, with examples", async () => {
    const found = await forged(({ files }) => {
      const text = files.get("sbom/redis.cdx.json")!.toString();
      files.set("sbom/redis.cdx.json", Buffer.from(text.replaceAll("3.0.14-1", "3.0.99-1")));
    });
    expect(found).toEqual([
      [
        "warning",
        "redis",
        "sbom/redis.cdx.json",
        "Lists other packages or images than are there: 1 missing, 1 too many.",
        "pkg:deb/debian/openssl@3.0.14-1?arch=arm64&distro=debian-12",
        "pkg:deb/debian/openssl@3.0.99-1?arch=arm64&distro=debian-12",
      ],
    ]);
  });

  it("that are no documents, missing, or of nothing are told", async () => {
    const found = await forged(({ files }) => {
      files.set("sbom/redis.cdx.json", Buffer.from('{"bomFormat": "Other", "__proto__": 1}'));
      files.delete("sbom/app.cdx.json");
      files.set("sbom/stray.cdx.json", Buffer.from("{}"));
    });
    expect(found).toEqual([
      ["warning", "redis", "sbom/redis.cdx.json", "Is no CycloneDX document."],
      ["warning", "app", "sbom/app.cdx.json", "Is not there, although the archive has SBOMs."],
      ["warning", "sbom/stray.cdx.json", "Is about no component of the bundle."],
    ]);
  });

  it("that say the same in another way pass", async () => {
    const found = await forged(({ files }) => {
      const text = files.get("sbom/app.cdx.json")!.toString();
      files.set("sbom/app.cdx.json", Buffer.from(JSON.stringify(JSON.parse(text))));
    });
    expect(found).toEqual([]);
  });
});
