import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { siteIndexFiles } from "../../../src/bundle/site-index.js";
import { writeBundle } from "../../support/write-bundle.js";
import { digestOf, hexOf } from "../../../src/core/digest.js";
import { parsePlatform } from "../../../src/core/platform.js";
import { readElfHeader } from "../../../src/image/elf.js";
import { MEDIA_TYPES } from "../../../src/image/media-types.js";
import type { LockedImage } from "../../../src/plan/types.js";
import { encodeHeader } from "../../../src/tar/header.js";
import { readConfigFlags } from "../../../src/verify/config.js";
import type { Finding } from "../../../src/verify/report.js";
import { checkLayers } from "../../../src/verify/rules/layers.js";
import { checkPrograms } from "../../../src/verify/rules/programs.js";
import { checkTar } from "../../../src/verify/rules/structure.js";
import { type OwnParts, verifyBundle } from "../../../src/verify/verify.js";
import type { ElfProgram, FinalFile, WalkedImage } from "../../../src/walk/types.js";
import { engineArchive, engineProgram } from "../../support/engine-files.js";
import { entry as tarEntry, pax, record } from "../../support/odd-tars.js";
import { type Blobs, makeSample, type SampleOptions } from "../bundle/sample.js";
import { blob, edit, editConfig, editManifest } from "./edit-image.js";
import { type Forgery, forge, pack } from "./forge.js";

/** An archive with one thing wrong, or a lie in it, and how it is made. */
export type Case = {
  /** Of the program that verifies. */
  readonly own?: OwnParts;
  /** Rules that cannot but speak up with it. */
  readonly with?: readonly string[];
} & (
  | { readonly forged: (forgery: Forgery) => void; readonly config?: Flags }
  | { readonly bytes: (sound: Buffer) => Buffer }
  | { readonly sample: SampleOptions }
  /** What no archive can be made to have here: the rule is given its facts. */
  | { readonly findings: () => readonly Finding[] }
);

type Flags = Parameters<typeof readConfigFlags>[0];

const ARM64 = "linux/arm64";
const AMD64 = "linux/amd64";
const REDIS = "docker.io/library/redis:7.0.15";

/** Makes archives in a folder, and says what verify finds in them. */
export class Corpus {
  readonly #dir: string;
  #made = 0;
  #sound: Promise<string> | undefined;

  constructor(dir: string) {
    this.#dir = dir;
  }

  /** An archive with nothing wrong in it, by any rule. */
  sound(): Promise<string> {
    return (this.#sound ??= this.#bundle({ images: soundImages }));
  }

  async findings(one: Case, deep: boolean): Promise<readonly Finding[]> {
    if ("findings" in one) return one.findings();
    const config = "config" in one ? one.config : {};
    const { findings } = await verifyBundle(await this.archive(one), {
      deep,
      config: readConfigFlags(config),
      ...(one.own === undefined ? {} : { own: one.own }),
    });
    return findings;
  }

  async archive(one: Exclude<Case, { findings: unknown }>): Promise<string> {
    if ("sample" in one) return this.#bundle({ images: soundImages, ...one.sample });
    const to = this.#fresh();
    if ("bytes" in one) await writeFile(to, one.bytes(await readFile(await this.sound())));
    else await forge(await this.sound(), to, one.forged);
    return to;
  }

  #fresh(): string {
    return join(this.#dir, `${(this.#made += 1)}.tar`);
  }

  async #bundle(options: SampleOptions): Promise<string> {
    const output = this.#fresh();
    const { layout, blobs } = await makeSample(`${output}.d`, options);
    await writeBundle(layout, { output, blobPath: blobs.path });
    return output;
  }
}

/** What an image of the corpus differs in from a sound one. */
interface ImageOptions {
  readonly reference?: string;
  /** Of the programs. */
  readonly machine?: string;
  /** As the config says. */
  readonly label?: string;
  readonly files?: Readonly<Record<string, Buffer>>;
  readonly more?: readonly Readonly<Record<string, Buffer>>[];
  readonly run?: Readonly<Record<string, unknown>>;
}

const START = "usr/bin/server";

/** One program that starts, and a layer below it. */
async function image(
  blobs: Blobs,
  { reference = REDIS, machine = ARM64, label = machine, files, more = [], run }: ImageOptions = {},
): Promise<LockedImage> {
  const layers = [
    { "etc/os-release": Buffer.from("ID=sample\n") },
    files ?? { [START]: engineProgram(machine, reference) },
    ...more,
  ];
  const made = [];
  for (const content of layers) {
    made.push(await blobs.layer(pack(new Map(Object.entries(content)), () => true)));
  }
  return blobs.image(reference, made, parsePlatform(label), run ?? { Cmd: [`/${START}`] });
}

async function soundImages(blobs: Blobs): Promise<Readonly<Record<string, LockedImage>>> {
  return {
    redis: await image(blobs),
    etcd: await image(blobs, { reference: "quay.io/coreos/etcd:v3.5.13" }),
  };
}

/** A sample whose only image is this one. */
function imaged(options: ImageOptions): Pick<SampleOptions, "images"> {
  return { images: async (blobs) => ({ redis: await image(blobs, options) }) };
}

/** A sample whose only image is one whose locked form was changed before it was packed. */
function locked(
  change: (blobs: Blobs, image: LockedImage) => Promise<LockedImage>,
): Pick<SampleOptions, "images"> {
  return { images: async (blobs) => ({ redis: await change(blobs, await image(blobs)) }) };
}

const redisFiles = (f: Forgery): Map<string, Buffer> => f.images.get("redis")!;

/** What the image tarball of redis becomes. */
const tarball =
  (change: (bytes: Buffer) => Buffer) =>
  (f: Forgery): void => {
    f.tarballs.set("redis", change);
  };

const END = 1024;

/** Blocks before the end of a tar. */
const inserted = (...blocks: Buffer[]): ((f: Forgery) => void) =>
  tarball((bytes) =>
    Buffer.concat([bytes.subarray(0, -END), ...blocks, bytes.subarray(bytes.length - END)]),
  );

/** A header, changed under a checksum that holds (POSIX.1-2001 pax, "ustar Interchange Format"). */
function header(path: string, change: (block: Buffer) => void = () => undefined, size = 0): Buffer {
  const mtime = Date.parse("2024-05-06T07:08:09Z") / 1000;
  return summed(encodeHeader({ path, type: "file", executable: false, size, mtime }), change);
}

function summed(block: Buffer, change: (block: Buffer) => void): Buffer {
  change(block);
  block.fill(" ", 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return block;
}

/** Changes compose.yaml. */
const compose =
  (change: (text: string) => string) =>
  (f: Forgery): void => {
    f.files.set("compose.yaml", Buffer.from(change(f.files.get("compose.yaml")!.toString())));
  };

/** Adds a line to the service redis. */
const redisHas = (line: string): ((text: string) => string) => {
  return (text) => text.replace(`image: ${REDIS}\n`, `image: ${REDIS}\n    ${line}\n`);
};

const etcdHas =
  (line: string) =>
  (text: string): string =>
    text.replace(/(image: quay.*\n)/, `$1    ${line}\n`);

const script =
  (text: string | Buffer) =>
  (f: Forgery): void => {
    f.files.set("files/run.sh", Buffer.from(text));
  };

/** Both want 8080 of the host, as bundle.json says too. */
const bothOn8080 = (f: Forgery): void => {
  for (const component of f.manifest.components) {
    component.ports = [{ host: 8080, container: 80, protocol: "tcp" }];
  }
  compose((text) => etcdHas('ports: ["8080:80"]')(redisHas('ports: ["8080:80"]')(text)))(f);
};

const optional = (f: Forgery): void => {
  for (const component of f.manifest.components) component.required = false;
};

const carries =
  (engine: Buffer, change: (f: Forgery) => void = () => undefined) =>
  (f: Forgery): void => {
    const path = "extras/docker.tgz";
    f.files.set(path, engine);
    const sha256 = createHash("sha256").update(engine).digest("hex");
    f.manifest.extras = [{ name: "docker", version: "27.5.1", path, size: engine.length, sha256 }];
    change(f);
  };

const REASON = { en: "because", zh: "因为" };

/** A walked image of these programs, for what no small file can be made to say. */
function walked(
  programs: Readonly<Record<string, Partial<ElfProgram>>>,
  label: string,
): WalkedImage {
  const platform = parsePlatform(label);
  const elf = readElfHeader(engineProgram(label));
  const files = Object.entries(programs).map(([path, facts]): [string, FinalFile] => [
    path,
    {
      ...{ path, type: "file", size: 1, mode: 0o755, linkpath: "", layer: 0 },
      program: { format: "elf", header: elf!, ...facts },
    },
  ]);
  const digest = digestOf("layer");
  const descriptor = { mediaType: MEDIA_TYPES.ociLayerGzip, digest, size: 1 };
  return {
    component: "redis",
    image: {
      ...{ reference: REDIS, manifest: descriptor, config: descriptor, platform: label },
      layers: [{ ...descriptor, diffId: digest as string as never }],
    },
    config: {
      ...{ platform, entrypoint: [], cmd: [], env: [], workingDir: "/", user: "", labels: {} },
      ...{ exposedPorts: [], volumes: [], healthcheck: [], history: [] },
    },
    layers: [
      { digest, size: 1, unpacked: 1, files: [], captured: new Map(), truncated: [], doubts: [] },
    ],
    files: new Map(files),
    hidden: [],
    doubts: [],
  };
}

/** By rule. */
export const CASES: Readonly<Record<string, Case>> = {
  "tar/format": { bytes: (sound) => gzipSync(sound) },
  "tar/checksum": { forged: inserted(Buffer.alloc(512, "?")) },
  "tar/truncated": {
    forged: tarball((bytes) =>
      Buffer.concat([bytes.subarray(0, -END), header("more", undefined, 5000)]),
    ),
  },
  "tar/end": { forged: tarball((bytes) => bytes.subarray(0, -END)) },
  "tar/trailing": { forged: tarball((bytes) => Buffer.concat([bytes, Buffer.alloc(512)])) },
  "tar/duplicate": { forged: inserted(header("oci-layout")) },
  "tar/path": { forged: inserted(header("aa/escape", (block) => block.write("..", "latin1"))) },
  "tar/type": { forged: inserted(header("link", (block) => block.write("2", 156, "latin1"))) },
  "tar/header": {
    forged: tarball((bytes) => {
      const block = summed(Buffer.from(bytes.subarray(0, 512)), (one) => one.write("0000600", 100));
      return Buffer.concat([block, bytes.subarray(512)]);
    }),
  },
  "tar/padding": {
    forged: tarball((bytes) => {
      const changed = Buffer.from(bytes);
      changed[1023] = 1;
      return changed;
    }),
  },
  "tar/unreadable": {
    findings: () =>
      checkTar(
        {
          entries: [],
          faults: [],
          hashes: new Map([["x", { unreadable: "EIO." }]]),
        } as never,
        "images/redis.tar",
      ),
  },
  "layout/root": { forged: (f) => (f.root = "openim-2.3.9-linux-amd64") },
  "layout/missing": { forged: (f) => f.files.delete("README.md") },
  "layout/mode": { forged: (f) => f.executables.clear() },
  "layout/order": { forged: (f) => (f.order = ([first = "", ...rest]) => [...rest, first]) },
  "sums/format": { forged: (f) => (f.sums = (lines) => [...lines, "what?\n"]) },
  "sums/missing": {
    forged: (f) => (f.sums = (lines) => [...lines, `${"0".repeat(64)}  gone\n`]),
  },
  "sums/mismatch": {
    forged: (f) => {
      f.sums = (lines) =>
        lines.map((line) => (line.includes("compose") ? "0".repeat(64) + line.slice(64) : line));
    },
  },
  "sums/unlisted": {
    forged: (f) => (f.sums = (lines) => lines.filter((line) => !line.includes("compose"))),
  },
  "bundle/manifest": { forged: (f) => (f.manifest.bundleVersion = 3 as 2) },
  "bundle/size": {
    forged: (f) => {
      f.manifest.sizes = { ...f.manifest.sizes, archive: 0, images: 1 };
    },
  },
  "bundle/tarball-missing": { forged: (f) => f.images.delete("etcd") },
  "bundle/tarball-unknown": { forged: (f) => f.images.set("more", f.images.get("etcd")!) },
  "extra/missing": {
    forged: carries(engineArchive(ARM64), (f) => f.files.delete("extras/docker.tgz")),
  },
  "extra/digest": {
    forged: carries(engineArchive(ARM64), (f) => (f.manifest.extras![0]!.sha256 = "0".repeat(64))),
  },
  "bundle/other-version": {
    own: { version: "99.0.0", templatesDir: "" },
    forged: (f) => {
      for (const { path, text } of siteIndexFiles(f.manifest)) f.files.set(path, Buffer.from(text));
      // A form that only the other version knows.
      f.files.set("site/ports.tsv", Buffer.from("#component\tport\nredis\t6379\n"));
    },
  },
  "bundle/tables": {
    forged: (f) => {
      for (const { path, text } of siteIndexFiles(f.manifest)) f.files.set(path, Buffer.from(text));
      const [path, row] = ["site/ports.tsv", "redis\t6379\ttcp\ta\tb\n"];
      f.files.set(path, Buffer.concat([f.files.get(path)!, Buffer.from(row)]));
    },
  },
  "extra/content": { forged: carries(engineArchive(ARM64, { "docker/runc": undefined })) },
  "extra/platform": { forged: carries(engineArchive(AMD64)) },
  "extra/unknown": { forged: (f) => f.files.set("extras/README", Buffer.from("hello\n")) },
  "blob/missing": {
    forged: (f) => redisFiles(f).delete(blob(f.manifest.components[0]!.image.layers[0]!.digest)),
  },
  "blob/size": {
    forged: (f) => {
      f.manifest.components[0]!.image.layers[0]!.size += 1;
      editManifest(f, "redis", (manifest: { layers: { size: number }[] }) => {
        manifest.layers[0]!.size += 1;
      });
    },
  },
  "blob/digest": {
    forged: (f) => {
      const path = blob(f.manifest.components[0]!.image.layers[1]!.digest);
      const bytes = Buffer.from(redisFiles(f).get(path)!);
      // The time in gzip's header says nothing of the content (RFC 1952, 2.3.1).
      bytes[4]! ^= 1;
      redisFiles(f).set(path, bytes);
    },
  },
  "blob/unused": {
    forged: (f) => {
      const bytes = Buffer.from("stowaway");
      redisFiles(f).set(`blobs/sha256/${hexOf(digestOf(bytes))}`, bytes);
    },
  },
  "layer/compression": {
    sample: locked(async (blobs, sound) => {
      const { mediaType, diffId } = sound.layers[1]!;
      const lying = { ...(await blobs.add(mediaType, Buffer.alloc(2000, "no tar"))), diffId };
      return blobs.image(REDIS, [sound.layers[0]!, lying], parsePlatform(ARM64), {});
    }),
  },
  "layer/media-type": {
    sample: locked(async (blobs, sound) => {
      const { mediaType, ...layer } = sound.layers[1]!;
      const lying = { ...layer, mediaType: mediaType.replace("+gzip", "") };
      return blobs.image(REDIS, [sound.layers[0]!, lying], parsePlatform(ARM64), {});
    }),
  },
  "image/file": { forged: (f) => redisFiles(f).set("repositories", Buffer.from("{}")) },
  "image/oci-layout": {
    forged: (f) => edit(redisFiles(f), "oci-layout", () => ({ imageLayoutVersion: "2.0.0" })),
  },
  "image/index": {
    forged: (f) =>
      edit(redisFiles(f), "index.json", (index: { manifests: { platform: object }[] }) => {
        index.manifests[0]!.platform = { os: "linux", architecture: "amd64" };
      }),
  },
  "image/docker-manifest": {
    forged: (f) =>
      edit(redisFiles(f), "manifest.json", ([first]: [{ Layers: string[] }]) => [
        { ...first, Layers: first.Layers.toReversed() },
      ]),
  },
  "image/manifest": {
    sample: locked(async (blobs, sound) => ({
      ...sound,
      manifest: await blobs.add(MEDIA_TYPES.ociManifest, Buffer.from('{"hello":1}')),
    })),
  },
  "image/config": {
    forged: (f) => editConfig(f, "redis", () => ({ hello: 1 })),
  },
  "image/ambiguous": {
    forged: (f) =>
      editConfig(f, "redis", (config: object) => ({ ...config, Architecture: "amd64" })),
  },
  "image/diff-ids": {
    forged: (f) =>
      editConfig(f, "redis", (config: { rootfs: { diff_ids: string[] } }) => {
        config.rootfs.diff_ids.pop();
      }),
  },
  "image/platform": { sample: imaged({ machine: ARM64, label: AMD64 }) },
  "image/variant": {
    sample: { platform: "linux/arm/v7", ...imaged({ machine: "linux/arm/v6" }) },
  },
  "image/reference": {
    forged: (f) =>
      edit(redisFiles(f), "manifest.json", ([first]: [object]) => [
        { ...first, RepoTags: ["redis:7.0.15"] },
      ]),
  },
  "image/lock": {
    forged: (f) =>
      editConfig(f, "redis", (config: { rootfs: { diff_ids: string[] } }) => {
        config.rootfs.diff_ids[0] = digestOf("other");
      }),
  },
  "image/documents": {
    forged: (f) => edit(redisFiles(f), "index.json", (index: object) => ({ ...index, more: 1 })),
  },
  "image/zstd": {
    sample: locked(async (blobs, sound) => {
      // An empty frame that is skipped (RFC 8878, 3.1.2) before a tar without entries.
      const frame = Buffer.from("28b52ffd2000010000", "hex");
      const type = MEDIA_TYPES.ociLayerGzip.replace("gzip", "zstd");
      const layer = await blobs.add(type, frame);
      return blobs.image(
        REDIS,
        [...sound.layers, { ...layer, diffId: digestOf("") as string as never }],
        parsePlatform(ARM64),
        { Cmd: [`/${START}`] },
      );
    }),
  },
  "image/diff-id": {
    sample: locked((blobs, sound) =>
      blobs.image(
        REDIS,
        sound.layers.map((layer) => ({ ...layer, diffId: digestOf("x") as string as never })),
        parsePlatform(ARM64),
        { Cmd: [`/${START}`] },
      ),
    ),
  },
  "image/unread": { forged: (f) => (f.root = "other"), with: ["layout/root"] },
  "layer/damaged": {
    sample: locked(async (blobs, sound) => {
      const cut = gzipSync(pack(new Map([["x", Buffer.alloc(5000)]]))).subarray(0, 30);
      const layer = await blobs.add(MEDIA_TYPES.ociLayerGzip, cut);
      return blobs.image(
        REDIS,
        [...sound.layers, { ...layer, diffId: digestOf("") as string as never }],
        parsePlatform(ARM64),
        { Cmd: [`/${START}`] },
      );
    }),
  },
  "layer/ambiguous": {
    sample: locked(async (blobs, sound) => {
      // The second header replaces the first one to an engine, and adds to it elsewhere.
      const headers = [pax(record("path", "opt/note")), pax(record("comment", "c"))];
      const tar = Buffer.concat([...headers, tarEntry({ name: "opt/tool" }, "x")]);
      const layer = await blobs.add(MEDIA_TYPES.ociLayerGzip, gzipSync(tar));
      return blobs.image(
        REDIS,
        [...sound.layers, { ...layer, diffId: digestOf(tar) as string as never }],
        parsePlatform(ARM64),
        { Cmd: [`/${START}`] },
      );
    }),
  },
  "layer/unread": {
    findings: () => {
      const one = walked({}, ARM64);
      const trouble = { kind: "compression", message: "Is zstd." } as const;
      return checkLayers({ ...one, layers: one.layers.map((layer) => ({ ...layer, trouble })) });
    },
  },
  "bundle/unpacked": { forged: (f) => (f.manifest.sizes.unpacked = 1) },
  "programs/start": {
    sample: imaged({ run: { Cmd: ["/usr/bin/nothing"] } }),
  },
  "programs/label": {
    // Up to etcd 3.5.7: the programs are right, and the config says amd64.
    sample: { platform: AMD64, ...imaged({ machine: ARM64, label: AMD64, run: {} }) },
    with: ["programs/foreign"],
  },
  "programs/foreign": {
    sample: imaged({ more: [{ "opt/tool": engineProgram(AMD64) }] }),
  },
  "programs/hidden": {
    sample: imaged({
      more: [{ "opt/tool": engineProgram(AMD64) }, { "opt/.wh.tool": Buffer.alloc(0) }],
    }),
  },
  "programs/interpreter": {
    sample: imaged({ more: [{ "opt/tool": Buffer.from("#!/usr/bin/perl\n") }] }),
  },
  "programs/loader": {
    findings: () =>
      checkPrograms(
        walked({ tool: { interpreter: "/lib/ld-linux-aarch64.so.1" } }, ARM64),
        parsePlatform(ARM64),
      ),
  },
  "sbom/mismatch": {
    forged: (f) => f.files.set("sbom/bundle.cdx.json", Buffer.from("{}")),
  },
  "programs/glibc": {
    findings: () => checkPrograms(walked({ tool: { glibc: "2.36" } }, ARM64), parsePlatform(ARM64)),
  },
  "programs/arm-version": {
    findings: () => {
      const platform = "linux/arm/v6";
      return checkPrograms(walked({ tool: { armVersion: 7 } }, platform), parsePlatform(platform));
    },
  },
  "programs/float": {
    findings: () => {
      const platform = "linux/arm/v7";
      const needed = ["libc.so.6"];
      const programs = {
        a: { armFloat: "hard", needed },
        b: { armFloat: "hard", needed },
        c: { armFloat: "soft", needed },
      } as const;
      return checkPrograms(walked(programs, platform), parsePlatform(platform));
    },
  },
  "compose/parse": { forged: compose(() => "services: [") },
  "compose/image-missing": {
    forged: compose(
      (text) =>
        `${text}  more:\n    image: docker.io/library/mysql:8.0\n    platform: ${ARM64}\n    pull_policy: never\n`,
    ),
  },
  "compose/image-unused": { forged: compose((text) => text.replace(/ {2}etcd:[^]*/, "")) },
  "compose/platform": { forged: compose((text) => text.replace(ARM64, AMD64)) },
  "compose/pull-policy": { forged: compose((text) => text.replace("never", "missing")) },
  "compose/build": { forged: compose(redisHas("build: .")) },
  "compose/floating": { sample: imaged({ reference: "docker.io/library/redis:latest" }) },
  "compose/host-path": { forged: compose(redisHas('volumes: ["/etc/ssl:/etc/ssl:ro"]')) },
  "compose/file-missing": { forged: compose(redisHas('volumes: ["./files/gone:/x:ro"]')) },
  "compose/secret": { forged: compose(redisHas("environment: { REDIS_PASSWORD: openIM123 }")) },
  "compose/health": {
    forged: compose((text) => text.replace(/ {4}healthcheck: .*\n/, "")),
  },
  "compose/ports": { forged: bothOn8080 },
  "compose/ports-profiles": {
    forged: (f) => {
      optional(f);
      bothOn8080(f);
      compose((text) => etcdHas("profiles: [b]")(redisHas("profiles: [a]")(text)))(f);
    },
    with: ["compose/profile"],
  },
  "compose/profile": {
    forged: (f) => {
      optional(f);
      compose(redisHas("profiles: [cache]"))(f);
    },
  },
  "compose/profile-required": { forged: compose(redisHas("profiles: [cache]")) },
  "compose/setting": { forged: compose(redisHas('hostname: "${NOWHERE}"')) },
  "scripts/shebang": {
    forged: (f) => f.files.set("install.sh", Buffer.from("#!/bin/bash\necho hello\n")),
  },
  "scripts/line-ends": { forged: script("#!/bin/sh\r\necho hello\r\n") },
  "scripts/bom": { forged: script("\u{feff}#!/bin/sh\necho hello\n") },
  "scripts/nul": { forged: script("#!/bin/sh\necho hel\0lo\n") },
  "scripts/heredoc": { forged: script("#!/bin/sh\ncat <<END\nhello\n") },
  "scripts/changed": {
    own: { version: "0.1.0", templatesDir: join(import.meta.dirname, "../../../templates/site") },
    forged: (f) => {
      f.files.set("lib/more.sh", Buffer.from("echo hello\n"));
    },
  },
  "scripts/executable": {
    forged: (f) => {
      f.files.set("files/tool", engineProgram(ARM64));
      f.executables.add("files/tool");
    },
  },
  "table/ports": {
    forged: (f) => {
      f.manifest.components[0]!.ports = [{ host: 6379, container: 6379, protocol: "tcp" }];
    },
  },
  "table/platform": { forged: (f) => (f.manifest.components[0]!.platforms = [AMD64]) },
  "table/left-out": { forged: (f) => (f.manifest.leftOut[0]!.required = true) },
  "host/requires": {
    forged: (f) => {
      f.manifest.requires = [{ kind: "memory", value: "much", level: "fail", reason: REASON }];
    },
  },
  "host/level": {
    forged: (f) => {
      f.manifest.requires = [
        { kind: "memory", value: "2000000000", level: "fail", reason: REASON },
        { kind: "memory", value: "1000000000", level: "warn", reason: REASON },
      ];
    },
  },
  "config/waiver": {
    forged: () => undefined,
    config: { waive: ["image/zstd:redis=engines are new"] },
  },
};
