import { spawnSync } from "node:child_process";
import { appendFile, mkdtemp, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeBundle } from "../../support/write-bundle.js";
import { BundlerError } from "../../../src/core/errors.js";
import { type BundlerEvent, noEvents } from "../../../src/core/events.js";
import { collectReport } from "../../../src/report/collect.js";
import { type WriteReportOptions, writeReport } from "../../../src/report/write-report.js";
import { sampleProgram } from "../../../src/sample/elf.js";
import { makeTar } from "../../../src/sample/layer.js";
import { makeSample } from "../bundle/sample.js";

const root = path.resolve(import.meta.dirname, "../../..");
const { signal } = new AbortController();

const ARM64 = { os: "linux", architecture: "arm64" };
const REDIS = "docker.io/library/redis:7.0.15";
const ETCD = "quay.io/coreos/etcd:v3.5.13";
const DPKG =
  "Package: openssl\nStatus: install ok installed\nVersion: 3.0.11-1\nArchitecture: arm64\n";

let dir: string;
let archive: string;
let older: string;

beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), "report-"));
  archive = await bundle("new", "3.0.13-1");
  older = await bundle("old", "3.0.11-1");
});
afterAll(() => rm(dir, { recursive: true, force: true }));

/** Redis is what it should be; etcd's program is for another machine than its label says. */
async function bundle(name: string, openssl: string): Promise<string> {
  const program = (architecture: string): Buffer =>
    sampleProgram({ platform: { ...ARM64, architecture }, message: "hello\n", then: "exit" });
  const { layout, blobs } = await makeSample(path.join(dir, name), {
    images: async (to) => {
      const base = await to.layer(
        makeTar([
          {
            path: "etc/os-release",
            content: 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian 12"\n',
          },
          { path: "usr/bin/hello", content: program("arm64"), executable: true },
        ]),
      );
      // The samples' images start what they are called.
      const redis = await to.layer(
        makeTar([
          { path: "var/lib/dpkg/status", content: DPKG.replace("3.0.11-1", openssl) },
          { path: REDIS, content: program("arm64"), executable: true },
          { path: "usr/bin/start", content: "#!/bin/sh\n", executable: true },
        ]),
      );
      const etcd = await to.layer(
        makeTar([{ path: ETCD, content: program("amd64"), executable: true }]),
      );
      return {
        redis: await to.image(REDIS, [base, redis]),
        etcd: await to.image(ETCD, [base, etcd]),
      };
    },
  });
  const output = path.join(dir, `${name}.tar`);
  await writeBundle(layout, { output, blobPath: blobs.path });
  return output;
}

const collect = (file: string, against?: string): ReturnType<typeof collectReport> =>
  collectReport(file, { signal, onEvent: noEvents, ...(against === undefined ? {} : { against }) });

function write(
  output: string,
  more: Partial<WriteReportOptions> = {},
): ReturnType<typeof writeReport> {
  const templatesDir = path.join(root, "templates/report");
  return writeReport(archive, { signal, onEvent: noEvents, output, templatesDir, ...more });
}

describe("what a report gathers", () => {
  it("says what each image starts, and for which machine that is", async () => {
    const { components, verify } = await collect(archive);
    const [redis, etcd] = components.map(({ evidence }) => evidence);
    expect(redis?.start.program).toMatchObject({ path: REDIS, machine: "aarch64", fits: true });
    expect(redis).toMatchObject({
      claimed: "linux/arm64",
      machines: [{ machine: "aarch64", count: 2, fits: true }],
      scripts: 1,
    });
    expect(etcd?.start.program).toMatchObject({ path: ETCD, machine: "x86-64", fits: false });
    expect(etcd?.machines).toEqual([
      { machine: "aarch64", count: 1, fits: true },
      { machine: "x86-64", count: 1, fits: false },
    ]);
    expect(verify.deep).toBe(true);
    expect(verify.findings).toContainEqual(
      expect.objectContaining({ rule: "programs/start", component: "etcd", severity: "error" }),
    );
  });

  it("has each layer once, with the components that share it", async () => {
    const { layers, components } = await collect(archive);
    expect(layers.map((layer) => layer.components)).toEqual([
      ["redis", "etcd"],
      ["redis"],
      ["etcd"],
    ]);
    expect(components.map((one) => one.layers)).toEqual([
      [0, 1],
      [0, 2],
    ]);
    for (const { unpacked, size } of layers) expect(unpacked).toBeGreaterThan(size);
  });

  it("lists the packages of each image", async () => {
    const { packages } = await collect(archive);
    expect(packages.map(({ component, packages: all }) => [component, all.length])).toEqual([
      ["redis", 1],
      ["etcd", 0],
    ]);
    expect(packages[0]?.packages[0]).toMatchObject({ name: "openssl", version: "3.0.13-1" });
  });

  it("tells what changed since an older archive, packages too", async () => {
    const { changes } = await collect(archive, older);
    const rows = new Map(changes?.groups.map(({ title, rows: own }) => [title, own]));
    expect(changes?.against).toBe("old.tar: openim 2.3.9 for linux/arm64");
    expect(rows.get("Components")).toEqual([
      expect.objectContaining({ kind: "changed", what: "redis" }),
    ]);
    expect(rows.get("Packages of redis")).toEqual([
      { kind: "changed", what: "openssl", before: "3.0.11-1", after: "3.0.13-1", note: "deb" },
    ]);
    expect(rows.get("Settings")).toEqual([]);
  });

  it("is of the damage where an archive is damaged", async () => {
    const cut = path.join(dir, "cut.tar");
    await writeFile(cut, await readFile(archive));
    await truncate(cut, (await stat(cut)).size - 4000);
    const text = path.join(dir, "text.tar");
    await writeFile(text, "no archive");
    for (const file of [cut, text]) {
      const data = await collect(file);
      expect(data.verify.ok).toBe(false);
      expect(data.components).toEqual([]);
      expect(data.troubles).toHaveLength(1);
    }
  });

  it("is plain: JSON of it and back is the same", async () => {
    const data = await collect(archive, older);
    expect(JSON.parse(JSON.stringify(data))).toEqual(data);
  });
});

describe("writing a report", () => {
  it("writes the same page each time, over the one before", async () => {
    const output = path.join(dir, "report.html");
    const events: BundlerEvent[] = [];
    const written = await write(output, { onEvent: (event) => events.push(event) });
    const first = await readFile(output);
    expect(written).toMatchObject({
      archive,
      report: output,
      bytes: first.length,
      ok: false,
      packages: 1,
    });
    await write(output);
    expect((await readFile(output)).equals(first)).toBe(true);
    expect(
      events
        .filter(({ type }) => type === "phase-end")
        .map((event) => "phase" in event && event.phase),
    ).toEqual(["verify", "walk", "report"]);
  });

  it("takes the place of nothing but a report", async () => {
    const note = path.join(dir, "note.txt");
    await appendFile(note, "keep me");
    const pipe = path.join(dir, "pipe");
    spawnSync("mkfifo", [pipe]);
    for (const output of [archive, note, dir, pipe]) {
      await expect(write(output)).rejects.toThrow(BundlerError);
      await expect(write(output)).rejects.toMatchObject({ code: "FILE" });
    }
    expect(await readFile(note, "utf8")).toBe("keep me");
  });

  it("names the folder that is not there", async () => {
    await expect(write(path.join(dir, "none", "report.html"))).rejects.toMatchObject({
      code: "FILE",
    });
  });
});
