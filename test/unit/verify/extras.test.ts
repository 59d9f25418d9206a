import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { extraFault } from "../../../src/bundle/extras.js";
import { writeBundle } from "../../support/write-bundle.js";
import { parsePlatform } from "../../../src/core/platform.js";
import { verifyBundle } from "../../../src/verify/verify.js";
import { engineArchive, engineProgram } from "../../support/engine-files.js";
import { makeSample } from "../bundle/sample.js";
import { type Forgery, forge } from "./forge.js";

let dir: string;
let sound: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "verify-extras-"));
  sound = join(dir, "sound.tar");
  const { layout, blobs } = await makeSample(dir);
  await writeBundle(layout, { output: sound, blobPath: blobs.path });
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const sha256 = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");

/** Errors of a bundle for linux/arm64 that carries these files, but for what `change` does to it. */
async function errors(
  engine: Buffer,
  change: (forgery: Forgery) => void = () => undefined,
): Promise<readonly string[]> {
  const to = join(dir, "forged.tar");
  await forge(sound, to, (forgery) => {
    const path = "extras/docker.tgz";
    forgery.files.set(path, engine);
    forgery.manifest.extras = [
      { name: "docker", version: "27.5.1", path, size: engine.length, sha256: sha256(engine) },
    ];
    change(forgery);
  });
  const { findings } = await verifyBundle(to);
  return findings
    .filter(({ severity }) => severity === "error")
    .map(({ rule, subject, message, found }) =>
      `${rule} ${subject} ${message} ${found ?? ""}`.trim(),
    );
}

describe("verify, of the engine that a bundle carries", () => {
  it("has nothing against one that is whole and made for the platform", async () => {
    expect(await errors(engineArchive("linux/arm64"))).toEqual([]);
  });

  it("finds one for another machine", async () => {
    const wrong = { "docker/dockerd": engineProgram("linux/amd64") };
    expect(await errors(engineArchive("linux/arm64", wrong))).toEqual([
      "extra/platform extras/docker.tgz docker/dockerd is a program for another machine. x86-64",
    ]);
  });

  it("finds one that is missing, or another one than bundle.json says", async () => {
    const engine = engineArchive("linux/arm64");
    expect(await errors(engine, ({ files }) => files.delete("extras/docker.tgz"))).toEqual([
      "extra/missing extras/docker.tgz This part of the engine is not in the archive.",
    ]);
    const other = engineArchive("linux/arm64", { "docker/ctr": Buffer.from("#!/bin/sh\n") });
    const found = await errors(engine, ({ files }) => files.set("extras/docker.tgz", other));
    expect(found.map((line) => line.split(" ")[0])).toEqual(["bundle/size", "extra/digest"]);
  });

  it("finds what bundle.json does not name, and a program that may not be run", async () => {
    const found = await errors(engineArchive("linux/arm64"), ({ files, manifest }) => {
      const compose = engineProgram("linux/arm64");
      files.set("extras/README", Buffer.from("hello\n"));
      files.set("extras/docker-compose", compose);
      manifest.extras?.push({
        name: "compose",
        version: "2.30.3",
        path: "extras/docker-compose",
        size: compose.length,
        sha256: sha256(compose),
      });
    });
    expect(found).toEqual([
      "layout/mode extras/docker-compose Is not executable.",
      "extra/unknown extras/README Is not in bundle.json.",
    ]);
  });
});

describe("a file for the engine", () => {
  const options = { platform: parsePlatform("linux/arm64"), signal: new AbortController().signal };
  const pieces = (content: Buffer): Buffer[] =>
    Array.from({ length: Math.ceil(content.length / 10) }, (_, at) =>
      content.subarray(at * 10, at * 10 + 10),
    );
  const fault = async (name: "docker" | "compose", content: Buffer): Promise<string | undefined> =>
    (await extraFault(name, Readable.from(pieces(content)), options))?.message;

  it("is an archive with Docker's programs in docker/", async () => {
    const archive = (files: Record<string, Buffer | undefined>): Buffer =>
      engineArchive("linux/arm64", files);
    expect(await fault("docker", archive({}))).toBeUndefined();
    expect(await fault("docker", archive({ "docker/runc": undefined }))).toBe("Lacks docker/runc.");
    expect(await fault("docker", archive({ "bin/sh": Buffer.from("x") }))).toBe(
      "Holds bin, where a program in docker/ should be.",
    );
    expect(await fault("docker", archive({ "docker/dockerd": Buffer.from("#!/bin/sh\n") }))).toBe(
      "docker/dockerd is not a program.",
    );
    expect(await fault("docker", Buffer.from("<html>"))).toMatch(
      /is no gzip file|no whole gzip stream/,
    );
    expect(await fault("docker", archive({}).subarray(0, 200))).toMatch(
      /is no gzip file|no whole gzip stream/,
    );
  });

  it("is one program for Compose", async () => {
    expect(await fault("compose", engineProgram("linux/arm64"))).toBeUndefined();
    expect(await fault("compose", engineProgram("linux/amd64"))).toBe(
      "The file is a program for another machine.",
    );
    expect(await fault("compose", Buffer.from("Not Found"))).toBe("The file is not a program.");
  });
});
