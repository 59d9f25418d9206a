import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import {
  link,
  mkdtemp,
  mkdir,
  readFile,
  readdir,
  rm,
  stat,
  truncate,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { BundleManifest } from "../../../src/bundle/types.js";
import type { UnpackedOf } from "../../../src/bundle/unpacked.js";
import { openBundleWriter } from "../../../src/bundle/writer.js";
import type { Digest } from "../../../src/core/digest.js";
import type { BundlerError } from "../../../src/core/errors.js";
import type { BundlerEvent } from "../../../src/core/events.js";
import { copyBlobs, writeBundle } from "../../support/write-bundle.js";
import { makeSample, noise, textFile } from "./sample.js";

const run = promisify(execFile);
const ROOT = "openim-2.3.9-linux-arm64";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "bundle-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const out = (name = "out.tar"): string => join(dir, name);
const caught = async (promise: Promise<unknown>): Promise<BundlerError> =>
  promise.then(
    () => expect.unreachable("it should have failed"),
    (error: unknown) => error as BundlerError,
  );
const listed = (): Promise<string[]> => readdir(dir).then((names) => names.sort());

describe("writing a bundle", () => {
  it("makes an archive that tar unpacks and sha256sum accepts, in the order of the design", async () => {
    const { layout, blobs } = await makeSample(dir);
    const written = await writeBundle(layout, { output: out(), blobPath: blobs.path });
    expect((await stat(out())).size).toBe(layout.size);
    expect(written.size).toBe(layout.manifest.sizes.archive);
    const { stdout } = await run("tar", ["-tf", out()]);
    expect(stdout.trim().split("\n")).toEqual([
      `${ROOT}/`,
      `${ROOT}/bundle.json`,
      `${ROOT}/SHA256SUMS`,
      `${ROOT}/README.md`,
      `${ROOT}/README.zh-CN.md`,
      `${ROOT}/install.sh`,
      `${ROOT}/lib/`,
      `${ROOT}/lib/check.sh`,
      `${ROOT}/compose.yaml`,
      `${ROOT}/site/`,
      `${ROOT}/site/blobs.tsv`,
      `${ROOT}/site/images.tsv`,
      `${ROOT}/images/`,
      `${ROOT}/images/redis.tar`,
      `${ROOT}/images/etcd.tar`,
    ]);
    await run("tar", ["-xf", out(), "-C", dir]);
    await run("sha256sum", ["--check", "--strict", "--quiet", "SHA256SUMS"], {
      cwd: join(dir, ROOT),
    });
    const sums = await readFile(join(dir, ROOT, "SHA256SUMS"), "utf8");
    expect(sums.trim().split("\n")).toHaveLength(8);
    expect((await stat(join(dir, ROOT, "install.sh"))).mode & 0o777).toBe(0o755);
  });

  it("fills in late what the layers unpack to, in as many bytes as were laid out", async () => {
    const late = {
      path: "site/late.tsv",
      executable: false,
      late: (unpackedOf: UnpackedOf) =>
        Buffer.from(
          `${layoutLayers.map((digest) => String(unpackedOf(digest)).padStart(16)).join("\n")}\n`,
        ),
    };
    let layoutLayers: Digest[] = [];
    const { images } = await makeSample(dir);
    layoutLayers = Object.values(images).flatMap(({ layers }) =>
      layers.map(({ digest }) => digest),
    );
    const { layout, blobs } = await makeSample(dir, { files: [late] });
    await writeBundle(layout, { output: out(), blobPath: blobs.path });
    await run("tar", ["-xf", out(), "-C", dir]);
    await run("sha256sum", ["--check", "--strict", "--quiet", "SHA256SUMS"], {
      cwd: join(dir, ROOT),
    });
    const sizes = (await readFile(join(dir, ROOT, "site/late.tsv"), "utf8")).trim().split(/\s+/);
    expect(sizes).toEqual(["3000", "3700", "3700", "3000", "3001"]);
    const manifest = JSON.parse(
      await readFile(join(dir, ROOT, "bundle.json"), "utf8"),
    ) as BundleManifest;
    // A layer that occurs twice, or in two images, is there once.
    expect(manifest.components.map(({ unpacked }) => unpacked)).toEqual([6700, 6001]);
    expect(manifest.sizes.unpacked).toBe(9701);
  });

  it("lists a layer that occurs twice as often as it occurs, and stores it once", async () => {
    const { layout, blobs, images } = await makeSample(dir);
    await writeBundle(layout, { output: out(), blobPath: blobs.path });
    await run("tar", ["-xf", out(), "-C", dir]);
    const tarball = join(dir, ROOT, "images/redis.tar");
    const { stdout } = await run("tar", ["-xOf", tarball, "manifest.json"]);
    const [manifest] = JSON.parse(stdout) as { Layers: string[]; RepoTags: string[] }[];
    expect(manifest!.RepoTags).toEqual(["docker.io/library/redis:7.0.15"]);
    expect(manifest!.Layers).toHaveLength(3);
    const { stdout: names } = await run("tar", ["-tf", tarball]);
    const distinct = new Set(images["redis"]!.layers.map(({ digest }) => digest)).size;
    expect(names.match(/blobs\/sha256\/[0-9a-f]{64}\n/g)).toHaveLength(distinct + 2);
  });

  it("gives the same bytes for the same layout, whatever the order blobs arrive in", async () => {
    const hash = async (path: string): Promise<string> =>
      createHash("sha256")
        .update(await readFile(path))
        .digest("hex");
    const { layout, blobs } = await makeSample(dir);
    await writeBundle(layout, { output: out("a.tar"), blobPath: blobs.path });
    const again = await makeSample(join(dir, "elsewhere"));
    const writer = await openBundleWriter(again.layout, { output: out("b.tar") });
    const there = { blobPath: again.blobs.path };
    await copyBlobs(writer, again.layout, there, ["etcd"]);
    await copyBlobs(writer, again.layout, there, ["redis"]);
    await writer.finish(again.layout);
    expect(await hash(out("a.tar"))).toBe(await hash(out("b.tar")));
  });

  it("does the same on worker threads as on the main thread, and counts every byte once", async () => {
    const { layout, blobs } = await makeSample(dir, { layerSize: 3_000_000 });
    let bytes = 0;
    const onEvent = (event: BundlerEvent): void => {
      if (event.type === "bytes") bytes += event.delta;
    };
    await writeBundle(layout, { output: out(), blobPath: blobs.path, onEvent });
    expect(bytes).toBe(layout.manifest.sizes.distinctBlobs);
    await run("tar", ["-xf", out(), "-C", dir]);
    await run("sha256sum", ["--check", "--strict", "--quiet", "SHA256SUMS"], {
      cwd: join(dir, ROOT),
    });
  });

  it("copies files from disk, and notices one that has changed its size", async () => {
    const source = join(dir, "big.bin");
    await writeFile(source, noise("file", 700_000));
    const files = [
      { path: "files/big.bin", executable: false, source, size: 700_000 },
      textFile("files/说明.txt", "text\n"),
    ];
    const { layout, blobs } = await makeSample(dir, { files });
    await writeBundle(layout, { output: out(), blobPath: blobs.path });
    const { stdout } = await run("tar", ["-xOf", out(), `${ROOT}/files/big.bin`], {
      encoding: "buffer",
    });
    expect(stdout.equals(noise("file", 700_000))).toBe(true);
    await truncate(source, 5);
    const error = await caught(writeBundle(layout, { output: out("b.tar"), blobPath: blobs.path }));
    expect(error).toMatchObject({ code: "FILE" });
    expect(error.message).toContain("files/big.bin: has 5 bytes instead of 700000");
    expect(await listed()).not.toContain("b.tar");
  });

  it("refuses to overwrite, before writing and at the end, unless forced", async () => {
    const { layout, blobs } = await makeSample(dir);
    const options = { output: out(), blobPath: blobs.path };
    const writer = await openBundleWriter(layout, options);
    await copyBlobs(writer, layout, options);
    await writeFile(out(), "someone was faster");
    expect(await caught(writer.finish(layout))).toMatchObject({ code: "FILE" });
    await writer.abort();
    expect(await readFile(out(), "utf8")).toBe("someone was faster");
    expect(await caught(openBundleWriter(layout, options))).toMatchObject({ code: "FILE" });
    expect(await listed()).toEqual(["blobs", "out.tar"]);
    await writeBundle(layout, { ...options, force: true });
    expect((await stat(out())).size).toBe(layout.size);
  });

  it("tells a blob that rotted, and goes on once it is mended", async () => {
    const { layout, blobs, images } = await makeSample(dir);
    const { digest } = images["redis"]!.layers[1]!;
    const good = await readFile(blobs.path(digest));
    const bad = Buffer.from(good);
    bad[100]! ^= 1;
    await writeFile(blobs.path(digest), bad);
    const writer = await openBundleWriter(layout, { output: out() });
    const there = { blobPath: blobs.path };
    const place = writer.place(digest)!;
    expect(await place.copy(blobs.path(digest))).toBe("damaged");
    await rm(blobs.path(digest));
    expect(await place.copy(blobs.path(digest))).toBe("missing");
    await writeFile(blobs.path(digest), good.subarray(1));
    expect(await place.copy(blobs.path(digest))).toBe("damaged");
    await writeFile(blobs.path(digest), good);
    await copyBlobs(writer, layout, there);
    await writer.finish(layout);
    await run("tar", ["-xf", out(), "-C", dir]);
    await run("sha256sum", ["--check", "--quiet", "SHA256SUMS"], { cwd: join(dir, ROOT) });
    const tarball = join(dir, ROOT, layout.manifest.components[0]!.tarball.path);
    const { stdout } = await run("tar", ["-xOf", tarball, `blobs/sha256/${digest.slice(7)}`], {
      encoding: "buffer",
    });
    expect(stdout.equals(good)).toBe(true);
  });

  it("leaves nothing behind when it is stopped", async () => {
    const { layout, blobs } = await makeSample(dir, { layerSize: 6_000_000 });
    const stop = new AbortController();
    const onEvent = (event: BundlerEvent): void => {
      if (event.type === "bytes") stop.abort();
    };
    const error = await caught(
      writeBundle(layout, { output: out(), blobPath: blobs.path, signal: stop.signal, onEvent }),
    );
    expect(error).toMatchObject({ code: "INTERRUPTED" });
    expect(await listed()).toEqual(["blobs"]);
  });

  it("does not finish without all blobs", async () => {
    const { layout, blobs } = await makeSample(dir);
    const writer = await openBundleWriter(layout, { output: out() });
    await copyBlobs(writer, layout, { blobPath: blobs.path }, ["etcd"]);
    await expect(writer.finish(layout)).rejects.toThrow(/The blob sha256:.* was not written\./);
    await writer.abort();
    expect(await listed()).toEqual(["blobs"]);
  });

  it("takes over what a killed run left, but not what a living one writes", async () => {
    const { layout } = await makeSample(dir);
    const alive = await openBundleWriter(layout, { output: out() });
    const [name] = (await listed()).filter((file) => file.endsWith(".partial"));
    const child = await run(process.execPath, ["-p", "process.pid"]);
    const dead = name!.replace(`-${process.pid}-`, `-${child.stdout.trim()}-`);
    const foreign = name!.replace(/^(\.out\.tar\.)[0-9a-f]{12}/, "$1000000000000");
    await writeFile(join(dir, dead), "left over");
    await writeFile(join(dir, foreign), "of another host");
    await writeFile(join(dir, ".out.tar.mine.partial"), "somebody's own");
    const second = await openBundleWriter(layout, { output: out() });
    const left = await listed();
    expect(left).not.toContain(dead);
    expect(left).toEqual(expect.arrayContaining([name, foreign, ".out.tar.mine.partial"]));
    await alive.abort();
    await second.abort();
    expect(await listed()).toEqual([foreign, ".out.tar.mine.partial", "blobs"].sort());
  });

  it("never writes into an archive whose run was killed just after it had named it", async () => {
    const { layout, blobs } = await makeSample(dir);
    const first = await openBundleWriter(layout, { output: out() });
    const [name] = (await listed()).filter((file) => file.endsWith(".partial"));
    await first.abort();
    const child = await run(process.execPath, ["-p", "process.pid"]);
    await writeFile(out("delivered.tar"), "an archive that somebody has taken elsewhere");
    await link(
      out("delivered.tar"),
      out(name!.replace(`-${process.pid}-`, `-${child.stdout.trim()}-`)),
    );
    await writeBundle(layout, { output: out(), blobPath: blobs.path });
    expect(await readFile(out("delivered.tar"), "utf8")).toMatch(/^an archive that/);
    expect(await listed()).toEqual(["blobs", "delivered.tar", "out.tar"]);
  });

  it("keeps nothing for the next run where another has taken the name meanwhile", async () => {
    const { layout, blobs } = await makeSample(dir);
    const options = { output: out(), blobPath: blobs.path };
    const writer = await openBundleWriter(layout, { ...options, keepUnfinished: true });
    await copyBlobs(writer, layout, options);
    await writeFile(out(), "someone was faster");
    expect(await caught(writer.finish(layout))).toMatchObject({ code: "FILE" });
    expect(await writer.abort()).toBeUndefined();
    expect(await listed()).toEqual(["blobs", "out.tar"]);
  });

  it("foresees a disk that is too small", async () => {
    const huge = { path: "files/huge", executable: false, source: "/nowhere", size: 2 ** 50 };
    const { layout } = await makeSample(dir, { files: [huge] });
    const error = await caught(openBundleWriter(layout, { output: out() }));
    expect(error).toMatchObject({ code: "DISK" });
    expect(error.message).toContain("needs 1024.0 TiB");
    expect(await listed()).toEqual(["blobs"]);
  });

  it("says where it cannot write", async () => {
    const { layout } = await makeSample(dir);
    const output = join(dir, "missing", "out.tar");
    const error = await caught(openBundleWriter(layout, { output }));
    expect(error).toMatchObject({ code: "FILE" });
    await mkdir(out("folder"));
    expect(
      await caught(openBundleWriter(layout, { output: out("folder"), force: true })),
    ).toMatchObject({ code: "FILE" });
    expect(existsSync(out())).toBe(false);
  });
});
