import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeBundle } from "../../support/write-bundle.js";
import { diffBundles } from "../../../src/diff/diff.js";
import { inspectBundle } from "../../../src/inspect/inspect-bundle.js";
import { collectReport } from "../../../src/report/collect.js";
import { verifyBundle } from "../../../src/verify/verify.js";
import { makeSample } from "../bundle/sample.js";

/** Made by openim-bundler 0.1.0: a tarball for each component, whose sum is in SHA256SUMS. */
const FIXTURE = fileURLToPath(new URL("../../support/archives/version-1.tar.gz", import.meta.url));

let dir: string;
let archive: string;
let bytes: Buffer;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "version-1-"));
  archive = join(dir, "openim-2.3.9-linux-arm64.tar");
  bytes = gunzipSync(await readFile(FIXTURE));
  await writeFile(archive, bytes);
});
afterAll(() => rm(dir, { recursive: true, force: true }));

async function rulesOf(changed: Buffer): Promise<readonly string[]> {
  const file = join(dir, "changed.tar");
  await writeFile(file, changed);
  const { findings } = await verifyBundle(file);
  return [...new Set(findings.map(({ rule }) => rule))].toSorted();
}

describe("an archive of version 1", () => {
  it("is verified, tables, layers and all", async () => {
    const report = await verifyBundle(archive, {
      deep: true,
      own: { version: "0.2.0", templatesDir: "unread" },
    });
    expect(report.findings).toMatchObject([{ rule: "bundle/other-version", severity: "note" }]);
    expect(report.checked).toEqual({ files: 18, blobs: 8, images: 2, bytes: bytes.length });
  });

  it("is held to the sums of its tarballs", async () => {
    const damaged = Buffer.from(bytes);
    const at = damaged.indexOf("openim-2.3.9-linux-arm64/images/etcd.tar");
    damaged[damaged.indexOf(Buffer.from([0x1f, 0x8b]), at) + 4]! ^= 1;
    expect(await rulesOf(damaged)).toEqual(["blob/digest", "sums/mismatch"]);
    const renamed = Buffer.from(bytes);
    renamed.write("images/etcd.tat\n", renamed.indexOf("images/etcd.tar\n"));
    expect(await rulesOf(renamed)).toEqual(["sums/missing", "sums/unlisted"]);
  });

  it("cannot say that it is of version 2, whose tarballs SHA256SUMS does not list", async () => {
    const text = '"bundleVersion": 1';
    const lying = Buffer.from(bytes);
    lying.write('"bundleVersion": 2', lying.indexOf(text));
    expect(await rulesOf(lying)).toContain("layout/missing");
  });

  it("is inspected, reported on and compared with a newer one", async () => {
    const { components, sizes } = await inspectBundle(archive, "redis");
    expect(components[0]).toMatchObject({ name: "redis", tarball: { path: "images/redis.tar" } });
    expect(sizes.archive).toBe(bytes.length);
    const signal = new AbortController().signal;
    const report = await collectReport(archive, { signal, onEvent: () => undefined });
    expect(report.components.map(({ name }) => name)).toEqual(["redis", "etcd"]);

    const { layout, blobs } = await makeSample(dir);
    const newer = join(dir, "newer.tar");
    await writeBundle(layout, { output: newer, blobPath: blobs.path });
    const diff = await diffBundles(archive, newer, { signal, onEvent: () => undefined });
    expect(diff.components.changed.map(({ name }) => name)).toEqual(["etcd", "redis"]);
    expect(diff.files?.filter(({ path }) => path.startsWith("images/"))).toEqual([]);
  });
});
