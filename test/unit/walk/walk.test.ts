import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openBundle } from "../../../src/bundle/reader.js";
import { digestOf } from "../../../src/core/digest.js";
import type { BundlerEvent } from "../../../src/core/events.js";
import { UNPACKS_ZSTD } from "../../../src/image/unpack.js";
import { CaptureBudget } from "../../../src/walk/captured.js";
import type { WalkedBundle } from "../../../src/walk/types.js";
import { type WalkOptions, walkBundle } from "../../../src/walk/walk.js";
import { noise } from "../bundle/sample.js";
import { type CompiledSources, compileSources } from "../store/compiled-sources.js";
import { forge } from "../verify/forge.js";
import { file, layerTar, program, programFor, readBytes, writeSample } from "./sample.js";

const run = promisify(execFile);

let dir: string;
let archive: string;
const base = [file("etc/os-release", "ID=sample\n"), program("bin/sh", programFor("linux/arm64"))];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "walk-"));
  archive = await writeSample(dir, {
    redis: {
      layers: [base, [file("data", noise("redis", 3_000_000)), file("etc/.wh.os-release")]],
      config: { Entrypoint: ["/bin/sh"], Labels: { a: "b" }, Volumes: { "/data": {} } },
      history: [{ created_by: "base" }, { created_by: "ENV", empty_layer: true }],
    },
    etcd: { layers: [base, [file("etc/etcd", "x")]] },
  });
});
afterAll(() => rm(dir, { recursive: true, force: true }));

async function walk(options: Partial<WalkOptions> = {}, path = archive): Promise<WalkedBundle> {
  const bundle = await openBundle(path);
  try {
    return await walkBundle(bundle, { signal: new AbortController().signal, ...options });
  } finally {
    await bundle.close();
  }
}

describe("a walk through a bundle", () => {
  it("tells of every image its layers, its final files and its config", async () => {
    const events: BundlerEvent[] = [];
    const { images } = await walk({ onEvent: (event) => events.push(event) });
    expect(images.map(({ component }) => component)).toEqual(["redis", "etcd"]);
    const [redis, etcd] = images;
    expect([...redis!.files.keys()].sort()).toEqual(["bin", "bin/sh", "data", "etc"]);
    expect(redis!.files.get("bin/sh")).toMatchObject({ layer: 0, program: { format: "elf" } });
    expect([...etcd!.files.keys()].sort()).toEqual([
      "bin",
      "bin/sh",
      "etc",
      "etc/etcd",
      "etc/os-release",
    ]);
    expect(redis!.layers.map(({ diffId }) => diffId)).toEqual(
      redis!.image.layers.map(({ diffId }) => diffId),
    );
    expect(redis!.layers[0]!.unpacked).toBe(layerTar(base).length);
    expect(redis!.config).toMatchObject({
      platform: { os: "linux", architecture: "arm64" },
      entrypoint: ["/bin/sh"],
      labels: { a: "b" },
      volumes: ["/data"],
      history: [
        { createdBy: "base", emptyLayer: false },
        { createdBy: "ENV", emptyLayer: true },
      ],
    });
    const bytes = events.reduce((sum, one) => sum + (one.type === "bytes" ? one.delta : 0), 0);
    expect(events[0]).toMatchObject({ type: "phase-start", phase: "walk", totalBytes: bytes });
    expect(events.at(-1)).toMatchObject({ summary: "3 layers of 2 images" });
  });

  it("reads a layer that images share once", async () => {
    const { images } = await walk();
    expect(images[0]!.layers[0]).toBe(images[1]!.layers[0]);
    expect(images[0]!.files.get("bin/sh")).toBe(images[1]!.files.get("bin/sh"));
  });

  it("goes through the components that were asked for alone", async () => {
    const { images } = await walk({ only: ["etcd"] });
    expect(images.map(({ component }) => component)).toEqual(["etcd"]);
    await expect(walk({ only: ["kafka"] })).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  it("keeps what is asked for, as far as the caps go", async () => {
    const capture = { paths: [/^etc\//, /^data$/], maxFileBytes: 1000, maxTotalBytes: 100_000 };
    const { images } = await walk({ capture });
    const [bottom, top] = images[0]!.layers;
    expect([...bottom!.captured].map(([path, bytes]) => [path, bytes.toString()])).toEqual([
      ["etc/os-release", "ID=sample\n"],
    ]);
    expect(top!.truncated).toEqual(["data"]);
  });

  it("holds no more files than it may, of all layers and all images together", async () => {
    expect((await walk({ maxFiles: 9 })).images).toHaveLength(2);
    // Five in the layers, nine in the two images.
    await expect(walk({ maxFiles: 8 })).rejects.toThrow(/has more files than any/);
    await expect(walk({ maxFiles: 4 })).rejects.toThrow(/has more files than any/);
  });

  it("computes sums of files when asked", async () => {
    const { images } = await walk({ hashFiles: true });
    const sha256 = (bytes: Buffer | string) => createHash("sha256").update(bytes).digest("hex");
    expect(images[0]!.files.get("data")?.sha256).toBe(sha256(noise("redis", 3_000_000)));
    expect(images[1]!.files.get("etc/etcd")?.sha256).toBe(sha256("x"));
    expect((await walk()).images[0]!.files.get("data")).not.toHaveProperty("sha256");
  });

  it("tells of damage with the layer, and goes on with the others", async () => {
    const forged = join(dir, "damaged.tar");
    await forge(archive, forged, ({ images, manifest }) => {
      const [, top] = manifest.components[0]!.image.layers;
      const path = `blobs/sha256/${top!.digest.slice(7)}`;
      const bytes = Buffer.from(images.get("redis")!.get(path)!);
      bytes.fill(0xff, 2_000_000, 2_000_100);
      images.get("redis")!.set(path, bytes);
      const [, other] = manifest.components[1]!.image.layers;
      images.get("etcd")!.delete(`blobs/sha256/${other!.digest.slice(7)}`);
    });
    const { images } = await walk({}, forged);
    expect(images[0]!.layers[1]).toMatchObject({ trouble: { kind: "damaged" } });
    expect(images[0]!.layers[1]).not.toHaveProperty("diffId");
    expect(images[0]!.layers[0]).not.toHaveProperty("trouble");
    expect(images[1]!.layers[1]).toMatchObject({ trouble: { kind: "missing" }, files: [] });
  });

  it.runIf(!UNPACKS_ZSTD)("says of a zstd layer that it is not looked into", async () => {
    const forged = join(dir, "zstd.tar");
    await forge(archive, forged, ({ manifest, images }) => {
      const path = `blobs/sha256/${manifest.components[1]!.image.layers[1]!.digest.slice(7)}`;
      const bytes = Buffer.from(images.get("etcd")!.get(path)!);
      bytes.writeUInt32LE(0xfd2fb528);
      images.get("etcd")!.set(path, bytes);
    });
    const { images } = await walk({}, forged);
    expect(images[1]!.layers[1]!.trouble).toMatchObject({
      kind: "compression",
      message: expect.stringMatching(/zstd/) as string,
    });
  });

  it("stops when told to", async () => {
    await expect(walk({ signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: "INTERRUPTED",
    });
    const stop = new AbortController();
    const onEvent = ({ type }: BundlerEvent) => type === "bytes" && stop.abort();
    await expect(walk({ signal: stop.signal, onEvent })).rejects.toMatchObject({
      code: "INTERRUPTED",
    });
  });
});

describe("a layer", () => {
  it("may be a plain tar, or gzip in several members", async () => {
    const tar = layerTar(base);
    const plain = await readBytes(tar);
    const members = Buffer.concat([gzipSync(tar.subarray(0, 700)), gzipSync(tar.subarray(700))]);
    expect(await readBytes(members)).toEqual(plain);
    expect(plain.diffId).toBe(digestOf(tar));
  });

  it("that ends too soon tells what came before", async () => {
    const tar = layerTar([...base, file("last", "x".repeat(2000))]);
    const cut = await readBytes(tar.subarray(0, tar.length - 2500));
    expect(cut.trouble).toMatch(/ends inside an entry/);
    expect(cut.files.map(({ path }) => path)).toEqual(["etc/os-release", "bin/sh"]);
  });

  it("is told what its files are by their first bytes", async () => {
    const { files } = await readBytes(
      layerTar([
        file("a", "#!/bin/sh -e\nx"),
        file("b", "#! /usr/bin/env  python3 -u \n"),
        file("c", "#!\n"),
        file("d", `#!/${"x".repeat(400)}`),
        file("e", "#!/bin/a\0/b"),
        file("f", "plain"),
        file("g", ""),
      ]),
    );
    expect(files.map((one) => one.program)).toEqual([
      { format: "script", interpreter: "/bin/sh", argument: "-e" },
      { format: "script", interpreter: "/usr/bin/env", argument: "python3 -u" },
      undefined,
      { format: "script", interpreter: `/${"x".repeat(253)}` },
      { format: "script", interpreter: "/bin/a" },
      undefined,
      undefined,
    ]);
  });
});

describe("captured files of many layers", () => {
  const content = (size: number) => new Map([["f", Buffer.alloc(size)]]);
  const orders = [
    [0, 1, 2, 3],
    [3, 2, 1, 0],
    [2, 0, 3, 1],
    [1, 3, 0, 2],
  ];

  it.each(orders)("are the same in whichever order layers come: %s %s %s %s", (...order) => {
    const budget = new CaptureBudget(100);
    const sizes = [40, 50, 30, 5];
    const kept = new Map(order.map((at) => [at, budget.add(at, content(sizes[at]!), [])]));
    expect([0, 1, 2, 3].map((at) => kept.get(at)!.files.size)).toEqual([1, 1, 0, 0]);
    expect(kept.get(3)!.truncated).toEqual(["f"]);
  });
});

describe("worker threads", () => {
  let compiled: CompiledSources;

  beforeAll(async () => {
    compiled = await compileSources(["bundle/reader", "walk/walk"]);
  });
  afterAll(() => compiled.remove());

  /** Runs a script in a process of its own, which must end by itself. */
  async function script(body: string): Promise<unknown> {
    const text = `
      import fs from "node:fs";
      import worker from "node:worker_threads";
      import { openBundle } from ${JSON.stringify(compiled.url("bundle/reader"))};
      import { walkBundle } from ${JSON.stringify(compiled.url("walk/walk"))};
      const bundle = await openBundle(${JSON.stringify(archive)});
      const stop = new AbortController();
      const { signal } = stop;
      const say = (value) => fs.writeSync(1, JSON.stringify(value));
      ${body}
      await bundle.close();`;
    const { stdout } = await run(process.execPath, ["--input-type=module", "-e", text], {
      timeout: 100_000,
    });
    return JSON.parse(stdout);
  }

  it("read the same as the main thread does", async () => {
    const told = await script(`
      const ids = [];
      const { images } = await walkBundle(bundle, { signal, capture: { paths: [/os-release/], maxFileBytes: 99, maxTotalBytes: 99 } });
      const [layer] = images[0].layers;
      say({ images: images.map(({ layers, files }) => [layers.map(({ diffId }) => diffId), [...files.keys()]]), isBuffer: Buffer.isBuffer(layer.captured.get("etc/os-release")) });`);
    const { images } = await walk();
    expect(told).toEqual({
      images: images.map(({ layers, files }) => [
        layers.map(({ diffId }) => diffId),
        [...files.keys()],
      ]),
      isBuffer: true,
    });
  });

  it("end when they are told to, and none is left", async () => {
    const told = await script(`
      const onEvent = ({ type }) => { if (type === "bytes") stop.abort(); };
      const code = await walkBundle(bundle, { signal, onEvent }).then(() => "none", (error) => error.code);
      say({ code, left: process.getActiveResourcesInfo().filter((one) => /Worker|MessagePort/.test(one)) });`);
    expect(told).toEqual({ code: "INTERRUPTED", left: [] });
  });

  it("that die are made up for on the main thread", async () => {
    const told = await script(`
      const { Worker } = worker;
      const post = Worker.prototype.postMessage;
      let killed = 0;
      Worker.prototype.postMessage = function (...given) {
        post.apply(this, given);
        killed += 1;
        this.terminate();
      };
      let bytes = 0;
      const onEvent = (event) => { if (event.type === "bytes") bytes += event.delta; if (event.type === "phase-start") bytes -= event.totalBytes; };
      const { images } = await walkBundle(bundle, { signal, onEvent });
      say({ killed: killed > 0, bytes, sound: images.every(({ layers }) => layers.every(({ diffId }, at) => diffId !== undefined)) });`);
    expect(told).toEqual({ killed: true, bytes: 0, sound: true });
  });
});
