import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parsePlatform } from "../../../src/core/platform.js";
import { checkPrograms } from "../../../src/verify/rules/programs.js";
import { verifyBundle } from "../../../src/verify/verify.js";
import {
  type Entry,
  type ImageSample,
  file,
  program,
  programFor,
  symlink,
  walkedImage,
  writeSample,
} from "../walk/sample.js";

const ARM64 = programFor("linux/arm64");
const AMD64 = programFor("linux/amd64");

/** `severity rule path`, of an image for linux/arm64. */
async function find(sample: ImageSample, platform = "linux/arm64"): Promise<string[]> {
  const image = await walkedImage({ label: platform, ...sample });
  return checkPrograms(image, parsePlatform(platform)).map(({ severity, rule, path = "" }) =>
    `${severity} ${rule} ${path}`.trimEnd(),
  );
}

const one = (entries: readonly Entry[], config: object = {}): ImageSample => ({
  layers: [entries],
  config,
});

describe("programs of an image", () => {
  it("are nothing to talk about when they are for its machine", async () => {
    const sample = one([program("bin/sh", ARM64), program("run", "#!/bin/sh\n")], {
      Entrypoint: ["/run"],
      Cmd: ["--flag"],
      Healthcheck: { Test: ["CMD-SHELL", "test -e /run || exit 1"] },
    });
    expect(await find(sample)).toEqual([]);
  });

  it("that start are errors when they are foreign, others warnings, hidden ones notes", async () => {
    const sample = {
      layers: [
        [program("bin/sh", ARM64), program("redis", AMD64), program("gone", AMD64)],
        [file("lib/libx.so", AMD64), file(".wh.gone"), file("notes.o", objectFor(AMD64))],
      ],
      config: { Cmd: ["/redis"] },
      history: [{ created_by: "base" }, { created_by: "COPY lib" }],
    };
    expect(await find(sample)).toEqual([
      "error programs/label",
      "error programs/start redis",
      "warning programs/foreign lib/libx.so",
      "note programs/hidden gone",
    ]);
    const image = await walkedImage(sample);
    const findings = checkPrograms(image, parsePlatform("linux/arm64"));
    expect(findings.find(({ rule }) => rule === "programs/foreign")).toMatchObject({
      component: "sample",
      subject: "/lib/libx.so",
      layer: image.layers[1]!.digest,
      history: "COPY lib",
      found: "x86-64",
    });
  });

  it("that lie hidden behind symlinks, scripts and entry points are found where they are", async () => {
    const tools = [
      program("bin/busybox", AMD64),
      symlink("bin/sh", "busybox"),
      program("entry", '#!/bin/sh\nexec "$@"\n'),
      program("usr/bin/redis", ARM64),
    ];
    expect(await find(one(tools, { Entrypoint: ["/entry"], Cmd: ["redis"] }))).toContain(
      "error programs/start bin/busybox",
    );
    const other = [
      ...tools.slice(1),
      program("bin/busybox", ARM64),
      program("usr/bin/redis", AMD64),
    ];
    expect(await find(one(other, { Entrypoint: ["/entry"], Cmd: ["redis", "-x"] }))).toEqual([
      "error programs/start usr/bin/redis",
    ]);
    const checked = { Cmd: ["redis"], Healthcheck: { Test: ["CMD", "check"] } };
    expect(
      await find(one([program("bin/redis", ARM64), program("bin/check", AMD64)], checked)),
    ).toEqual(["error programs/start bin/check"]);
  });

  it("are told apart from their label, whichever of the two is wrong", async () => {
    const labels = async (sample: ImageSample, platform = "linux/arm64") => {
      const image = await walkedImage(sample);
      return checkPrograms(image, parsePlatform(platform))
        .filter(({ rule }) => rule === "programs/label")
        .map(({ message }) => message);
    };
    // Up to etcd 3.5.7: arm64 programs, and a config that says amd64.
    const etcd = { ...one([program("etcd", ARM64)], { Cmd: ["/etcd"] }), label: "linux/amd64" };
    expect(await labels(etcd)).toEqual([
      "The config says linux/amd64, but the programs are for linux/arm64: they are right, and the label is wrong.",
    ]);
    const lie = { ...one([program("etcd", AMD64)], { Cmd: ["/etcd"] }), label: "linux/arm64" };
    expect(await labels(lie)).toEqual([
      "The config says linux/arm64, but the programs are for another machine.",
    ]);
    // An image that is honestly for another platform has no label that lies.
    expect(await labels({ ...lie, label: "linux/amd64" })).toEqual([]);
    // Without a program that starts, most of them count.
    const few = [file("a.so", ARM64), file("b.so", ARM64), file("c.so", AMD64)];
    expect(await labels({ ...one(few), label: "linux/amd64" })).toHaveLength(1);
    expect(await labels({ ...one(few), label: "linux/arm64" })).toEqual([]);
  });

  it("that need what is not there are warned of, or errors when they start", async () => {
    const scripts = [
      program("a", "#!/usr/bin/perl\n"),
      program("b", "#!/usr/bin/env python3\n"),
      program("c", "#!/usr/bin/env sh\n"),
      file("example", "#!/usr/bin/ruby\n"),
      program("usr/bin/env", ARM64),
      program("bin/sh", ARM64),
    ];
    expect(await find(one(scripts))).toEqual([
      "warning programs/interpreter a",
      "warning programs/interpreter b",
    ]);
    expect(await find(one(scripts, { Cmd: ["/a"] }))).toEqual([
      "error programs/interpreter a",
      "warning programs/interpreter b",
    ]);
    expect(await find(one(scripts, { Cmd: ["/missing"] }))).toContain(
      "error programs/start missing",
    );
  });

  it("of other systems count when they may be executed", async () => {
    const macOS = Buffer.alloc(600);
    macOS.writeUInt32LE(0xfeed_facf, 0);
    macOS.writeUInt32LE(0x0100_000c, 4);
    expect(await find(one([program("a", macOS), file("b", macOS)]))).toEqual([
      "warning programs/foreign a",
    ]);
  });

  it("are counted, not listed, when there are thousands", async () => {
    const many = Array.from({ length: 1003 }, (_, at) =>
      file(`lib/${at}.so`, AMD64.subarray(0, 64)),
    );
    const image = await walkedImage(one([...many, program("a", ARM64)], { Cmd: ["/a"] }));
    const findings = checkPrograms(image, parsePlatform("linux/arm64"));
    expect(findings).toHaveLength(1001);
    expect(findings.at(-1)).toMatchObject({
      rule: "programs/foreign",
      severity: "warning",
      message: "There are 3 more files like these.",
    });
  });
});

/** The same bytes as an object, which is only linked. */
function objectFor(elf: Buffer): Buffer {
  const object = Buffer.from(elf);
  object.writeUInt16LE(1, 16);
  return object;
}

describe("verify --deep", () => {
  let dir: string;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "deep-"));
  });
  afterAll(() => rm(dir, { recursive: true, force: true }));

  it("says of an archive what its programs are, and nothing of that without --deep", async () => {
    const archive = await writeSample(dir, {
      redis: { layers: [[program("redis", AMD64)]], config: { Cmd: ["/redis"] } },
      etcd: { layers: [[program("etcd", ARM64)]], config: { Cmd: ["/etcd"] } },
    });
    const shallow = await verifyBundle(archive);
    expect(shallow).toMatchObject({ ok: true, deep: false });
    const deep = await verifyBundle(archive, { deep: true });
    expect(deep).toMatchObject({ ok: false, deep: true });
    expect(deep.findings.map(({ rule, component }) => `${component ?? ""} ${rule}`)).toEqual([
      "redis programs/label",
      "redis programs/start",
    ]);
  });

  it("stops when told to", async () => {
    const archive = join(dir, "sample.tar");
    await expect(
      verifyBundle(archive, { deep: true, signal: AbortSignal.abort() }),
    ).rejects.toMatchObject({ code: "INTERRUPTED" });
  });
});
