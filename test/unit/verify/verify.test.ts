import { execFile } from "node:child_process";
import {
  appendFile,
  cp,
  mkdtemp,
  open,
  readFile,
  readdir,
  rm,
  truncate,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeBundle } from "../../support/write-bundle.js";
import { digestOf, hexOf } from "../../../src/core/digest.js";
import type { BundlerEvent } from "../../../src/core/events.js";
import { type VerifyReport, verifyBundle } from "../../../src/verify/verify.js";
import { type Blobs, composeFor, makeSample, noise, type SampleOptions } from "../bundle/sample.js";
import { blob, edit, editConfig } from "./edit-image.js";
import { type Forgery, forge } from "./forge.js";

const run = promisify(execFile);

let dir: string;
let sound: string;
let made = 0;
const fresh = (): string => join(dir, `${(made += 1)}.tar`);

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "verify-"));
  sound = await bundle({});
});
afterAll(() => rm(dir, { recursive: true, force: true }));

async function bundle(options: SampleOptions): Promise<string> {
  const { layout, blobs } = await makeSample(join(dir, `sample-${made}`), options);
  const output = fresh();
  await writeBundle(layout, { output, blobPath: blobs.path });
  return output;
}

async function forged(change: (forgery: Forgery) => void): Promise<VerifyReport> {
  const to = fresh();
  await forge(sound, to, change);
  return verifyBundle(to);
}

const errors = ({ findings }: VerifyReport): string[] => [
  ...new Set(
    findings
      .filter(({ severity }) => severity === "error")
      .map(({ rule, subject }) => `${rule} ${subject}`),
  ),
];
const rules = ({ findings }: VerifyReport): string[] => [
  ...new Set(findings.map(({ rule }) => rule)),
];

describe("verifying a sound archive", () => {
  it("passes an archive of an earlier version, which has no unpacked sizes", async () => {
    const report = await forged(({ manifest }) => {
      delete manifest.sizes.unpacked;
      for (const component of manifest.components) delete component.unpacked;
    });
    expect(errors(report)).toEqual([]);
  });

  it("finds nothing, and counts what it read", async () => {
    const events: BundlerEvent[] = [];
    const report = await verifyBundle(sound, { onEvent: (event) => events.push(event) });
    const { length } = await readFile(sound);
    expect(report).toEqual({
      archive: sound,
      platform: "linux/arm64",
      components: ["redis", "etcd"],
      deep: false,
      ok: true,
      findings: [],
      counts: { error: 0, warning: 0, note: 0, waived: 0 },
      off: [],
      checked: { files: 11, blobs: 8, images: 2, bytes: length },
    });
    expect(events[0]).toMatchObject({ type: "phase-start", totalBytes: length });
    expect(events.at(-1)).toMatchObject({ type: "phase-end", summary: "sound" });
    const bytes = events.reduce(
      (sum, event) => sum + (event.type === "bytes" ? event.delta : 0),
      0,
    );
    expect(bytes).toBe(length);
  });

  it("reads large images on threads with the same result", async () => {
    const report = await verifyBundle(await bundle({ layerSize: 2_000_000 }));
    expect(report).toMatchObject({ ok: true, findings: [] });
  });

  it("finds nothing in what forging leaves alone", async () => {
    expect((await forged(() => undefined)).findings).toEqual([]);
  });

  it("notes an image for an older variant, which runs on the bundle's platform", async () => {
    const platform = { os: "linux", architecture: "arm", variant: "v6" };
    const images = async (blobs: Blobs) => ({
      redis: await blobs.image(
        "docker.io/library/redis:7",
        [await blobs.layer(noise("v6", 99))],
        platform,
      ),
    });
    const report = await verifyBundle(await bundle({ platform: "linux/arm/v7", images }));
    expect(report.ok).toBe(true);
    expect(report.findings).toMatchObject([
      { rule: "image/variant", severity: "note", expected: "linux/arm/v7", found: "linux/arm/v6" },
    ]);
  });

  it("stops when told to", async () => {
    const signal = AbortSignal.abort();
    await expect(verifyBundle(sound, { signal })).rejects.toMatchObject({ code: "INTERRUPTED" });
  });

  it("says when there is no archive to read", async () => {
    await expect(verifyBundle(join(dir, "missing"))).rejects.toMatchObject({ code: "FILE" });
    await expect(verifyBundle(dir)).rejects.toMatchObject({ code: "FILE" });
    await run("mkfifo", [join(dir, "pipe")]);
    await expect(verifyBundle(join(dir, "pipe"))).rejects.toMatchObject({ code: "FILE" });
  });
});

describe("verifying a damaged archive", () => {
  it("catches every flipped byte", async () => {
    const copy = fresh();
    await cp(sound, copy);
    const bytes = await readFile(sound);
    const handle = await open(copy, "r+");
    // A stride that is prime to 512 comes by every column of a block.
    for (let at = 0; at < bytes.length; at += 509) {
      await handle.write(Buffer.from([bytes[at]! ^ 0x20]), 0, 1, at);
      const { ok } = await verifyBundle(copy);
      expect(ok, `byte ${at}`).toBe(false);
      await handle.write(bytes, at, 1, at);
    }
    await handle.close();
    expect((await verifyBundle(copy)).ok).toBe(true);
  });

  it("catches a cut at any length, and still tells about the rest", async () => {
    const { length } = await readFile(sound);
    for (const cut of [
      0,
      1,
      511,
      512,
      1024,
      5000,
      length >> 1,
      length - 1024,
      length - 512,
      length - 1,
    ]) {
      const copy = fresh();
      await cp(sound, copy);
      await truncate(copy, cut);
      const report = await verifyBundle(copy);
      expect(report.ok, `cut to ${cut}`).toBe(false);
      expect(rules(report).some((rule) => rule.startsWith("tar/"))).toBe(true);
      if (cut === length >> 1) {
        expect(rules(report)).toEqual(
          expect.arrayContaining(["tar/truncated", "sums/missing", "bundle/tarball-missing"]),
        );
      }
    }
  });

  it("catches something hung on to its end", async () => {
    const copy = fresh();
    await cp(sound, copy);
    await appendFile(copy, "payload");
    expect(errors(await verifyBundle(copy))).toEqual([
      `tar/trailing ${basename(copy)}`,
      "bundle/size archive",
    ]);
  });

  it.each<[what: string, bytes: () => Promise<Buffer> | Buffer, message: string]>([
    ["nothing", () => Buffer.alloc(0), "It is empty."],
    [
      "a gzip of an archive",
      async () => gzipSync(await readFile(sound)),
      "It is gzip-compressed; gunzip it first.",
    ],
    ["anything else", () => noise("garbage", 100_000), "It is not a tar archive."],
    ["a few bytes", () => Buffer.from("?"), "It is not a tar archive."],
  ])("says of %s only what it is", async (_what, bytes, message) => {
    const copy = fresh();
    await writeFile(copy, await bytes());
    const events: BundlerEvent[] = [];
    const report = await verifyBundle(copy, { onEvent: (event) => events.push(event) });
    expect(report).toEqual({
      archive: copy,
      components: [],
      deep: false,
      ok: false,
      findings: [
        {
          ...{ rule: "tar/format", severity: "error", subject: basename(copy), message },
          hint: expect.stringContaining("not compressed") as string,
        },
      ],
      counts: { error: 1, warning: 0, note: 0, waived: 0 },
      off: [],
      checked: { files: 0, blobs: 0, images: 0, bytes: (await readFile(copy)).length },
    });
    expect(events.at(-1)).toMatchObject({ type: "phase-end", summary: "1 error" });
  });

  it("says once that another tar program wrote it", async () => {
    const unpacked = await mkdtemp(join(dir, "unpacked-"));
    const copy = fresh();
    await run("tar", ["-xf", sound, "-C", unpacked]);
    const [root = ""] = await readdir(unpacked);
    await run("tar", ["-cf", copy, "-C", unpacked, "--owner=builder", root]);
    const events: BundlerEvent[] = [];
    const report = await verifyBundle(copy, { onEvent: (event) => events.push(event) });
    const listed = (await run("tar", ["-tf", copy])).stdout.trim().split("\n");
    expect(report.findings.filter(({ rule }) => rule === "tar/header")).toEqual([
      {
        rule: "tar/header",
        severity: "error",
        subject: basename(copy),
        message: `${listed.length} entries were not written by openim-bundler (first: "${root}"): it was repacked.`,
        hint: expect.stringContaining("make it again") as string,
      },
    ]);
    const count = report.findings.filter(({ severity }) => severity === "error").length;
    expect(count).toBeGreaterThan(1);
    expect(events.at(-1)).toMatchObject({ type: "phase-end", summary: `${count} errors` });
  });
});

describe("verifying a forged archive", () => {
  const LAYER = "image redis has this as layer 2";
  const cases: [what: string, change: (forgery: Forgery) => void, expected: (string | RegExp)[]][] =
    [
      [
        "a sum that does not fit",
        (f) => {
          f.sums = (lines) =>
            lines.map((line) =>
              line.includes("compose") ? `${"0".repeat(64)}${line.slice(64)}` : line,
            );
        },
        ["sums/mismatch compose.yaml"],
      ],
      [
        "an unlisted file",
        (f) => {
          f.files.set("files/extra", Buffer.from("x"));
          f.sums = (lines) => lines.filter((line) => !line.includes("extra"));
        },
        ["sums/unlisted files/extra"],
      ],
      [
        "a listed file that is not there",
        (f) => {
          f.sums = (lines) => [...lines, `${"0".repeat(64)}  gone\n`];
        },
        ["sums/missing gone"],
      ],
      [
        "a malformed line",
        (f) => {
          f.sums = (lines) => [...lines, "what?\n"];
        },
        ["sums/format SHA256SUMS"],
      ],
      [
        "a file listed twice",
        (f) => {
          f.sums = (lines) => [...lines, lines[0]!];
        },
        ["sums/format SHA256SUMS"],
      ],
      [
        "another top folder",
        (f) => {
          f.root = "openim-2.3.9-linux-amd64";
        },
        ["layout/root openim-2.3.9-linux-amd64"],
      ],
      [
        "no installer",
        (f) => {
          f.files.delete("install.sh");
        },
        ["layout/missing install.sh"],
      ],
      [
        "a bundle.json of another kind",
        (f) => {
          f.manifest.bundleVersion = 3 as 2;
        },
        ["bundle/manifest bundle.json"],
      ],
      [
        "sizes that are wrong",
        (f) => {
          f.manifest.sizes = { archive: 0, images: 1, distinctBlobs: 2 };
        },
        ["bundle/size archive", "bundle/size all images", "bundle/size distinct blobs"],
      ],
      [
        "an image that is not there",
        (f) => {
          f.images.delete("etcd");
        },
        ["bundle/tarball-missing images/etcd.tar"],
      ],
      [
        "an image too many",
        (f) => {
          f.images.set("extra", f.images.get("etcd")!);
        },
        ["bundle/tarball-unknown images/extra.tar"],
      ],
      [
        "a tarball cut short",
        (f) => {
          f.tarballs.set("redis", (bytes) => bytes.subarray(0, -1024));
        },
        ["tar/end images/redis.tar"],
      ],
      [
        "a blob under a wrong name",
        (f) => {
          const files = f.images.get("redis")!;
          const { digest } = f.manifest.components[0]!.image.layers[1]!;
          const bytes = Buffer.from(files.get(blob(digest))!);
          bytes[50]! ^= 1;
          files.set(blob(digest), bytes);
        },
        [`blob/digest ${LAYER}`],
      ],
      [
        "a blob that is gone",
        (f) => {
          f.images.get("redis")!.delete(blob(f.manifest.components[0]!.image.layers[1]!.digest));
        },
        [`blob/missing ${LAYER}`],
      ],
      [
        "a blob cut short",
        (f) => {
          const files = f.images.get("redis")!;
          const { digest } = f.manifest.components[0]!.image.layers[1]!;
          files.set(blob(digest), files.get(blob(digest))!.subarray(0, 60));
        },
        [`blob/size ${LAYER}`, `blob/digest ${LAYER}`],
      ],
      [
        "a blob that nothing uses",
        (f) => {
          const extra = Buffer.from("stowaway");
          f.images.get("redis")!.set(`blobs/sha256/${hexOf(digestOf(extra))}`, extra);
        },
        [/^blob\/unused sha256:/],
      ],
      [
        "a file that is no blob",
        (f) => {
          f.images.get("redis")!.set("repositories", Buffer.from("{}"));
        },
        ["image/file repositories"],
      ],
      [
        "another version of the layout",
        (f) => {
          edit(f.images.get("redis")!, "oci-layout", () => ({ imageLayoutVersion: "2.0.0" }));
        },
        ["image/oci-layout oci-layout"],
      ],
      [
        "no oci-layout",
        (f) => {
          f.images.get("redis")!.delete("oci-layout");
        },
        ["image/oci-layout oci-layout"],
      ],
      [
        "an index of two images",
        (f) => {
          edit(f.images.get("redis")!, "index.json", (index: { manifests: object[] }) => {
            index.manifests.push(index.manifests[0]!);
          });
        },
        ["image/index index.json"],
      ],
      [
        "an index that points nowhere",
        (f) => {
          edit(
            f.images.get("redis")!,
            "index.json",
            (index: { manifests: { digest: string }[] }) => {
              index.manifests[0]!.digest = digestOf("nothing");
            },
          );
        },
        [
          `image/manifest ${blob(digestOf("nothing"))}`,
          `blob/missing ${digestOf("nothing")}`,
          "image/lock manifest",
        ],
      ],
      [
        "an index for another platform",
        (f) => {
          edit(
            f.images.get("redis")!,
            "index.json",
            (index: { manifests: { platform: object }[] }) => {
              index.manifests[0]!.platform = { os: "linux", architecture: "amd64" };
            },
          );
        },
        ["image/index index.json"],
      ],
      [
        "an index with another name",
        (f) => {
          edit(
            f.images.get("redis")!,
            "index.json",
            (index: { manifests: { annotations: Record<string, string> }[] }) => {
              index.manifests[0]!.annotations["io.containerd.image.name"] =
                "docker.io/library/redis:8";
            },
          );
        },
        ["image/reference index.json"],
      ],
      [
        "an index that says more",
        (f) => {
          edit(f.images.get("redis")!, "index.json", (index: object) => ({ ...index, more: 1 }));
        },
        ["image/documents index.json"],
      ],
      [
        "a docker manifest with a short name",
        (f) => {
          edit(f.images.get("redis")!, "manifest.json", ([first]: [object]) => [
            { ...first, RepoTags: ["redis:7.0.15"] },
          ]);
        },
        ["image/reference manifest.json"],
      ],
      [
        "a docker manifest with layers in another order",
        (f) => {
          edit(f.images.get("redis")!, "manifest.json", ([first]: [{ Layers: string[] }]) => [
            { ...first, Layers: first.Layers.toReversed() },
          ]);
        },
        ["image/docker-manifest manifest.json"],
      ],
      [
        "a docker manifest with another config",
        (f) => {
          edit(f.images.get("redis")!, "manifest.json", ([first]: [object]) => [
            { ...first, Config: "blobs/sha256/x" },
          ]);
        },
        ["image/docker-manifest manifest.json"],
      ],
      [
        "an image for another architecture",
        (f) => {
          editConfig(f, "redis", (config: object) => ({ ...config, architecture: "amd64" }));
        },
        [
          "image/platform docker.io/library/redis:7.0.15",
          "image/lock bundle.json",
          "image/index index.json",
        ],
      ],
      [
        "an image for a newer variant",
        (f) => {
          editConfig(f, "redis", (config: object) => ({ ...config, variant: "v9" }));
        },
        [
          "image/platform docker.io/library/redis:7.0.15",
          "image/lock bundle.json",
          "image/index index.json",
        ],
      ],
      [
        "a diffID too few",
        (f) => {
          editConfig(f, "redis", (config: { rootfs: { diff_ids: string[] } }) => {
            config.rootfs.diff_ids.pop();
          });
        },
        [/^image\/diff-ids sha256:/],
      ],
      [
        "another diffID than the lock has",
        (f) => {
          editConfig(f, "redis", (config: { rootfs: { diff_ids: string[] } }) => {
            config.rootfs.diff_ids[0] = digestOf("other");
          });
        },
        ["image/lock layer 1"],
      ],
      [
        "a config that is not one",
        (f) => {
          editConfig(f, "redis", () => ({ hello: 1 }));
        },
        [/^image\/config blobs/],
      ],
      [
        "a lock of another image",
        (f) => {
          f.manifest.components[0]!.image.layers.pop();
        },
        ["image/lock layer 3"],
      ],
      [
        "an unqualified name",
        (f) => {
          f.manifest.components[0]!.image.reference = "redis:7.0.15";
        },
        [
          "image/reference redis:7.0.15",
          "image/reference manifest.json",
          "image/reference index.json",
          "compose/image-missing services.redis",
          "compose/image-unused redis:7.0.15",
        ],
      ],
      [
        "two images of one name",
        (f) => {
          f.manifest.components[0]!.image.reference = f.manifest.components[1]!.image.reference;
        },
        [
          "image/reference quay.io/coreos/etcd:v3.5.13",
          "image/reference manifest.json",
          "image/reference index.json",
          "compose/image-missing services.redis",
        ],
      ],
    ];

  it.each(cases)("catches %s", async (_what, change, expected) => {
    let layer = "";
    const report = await forged((forgery) => {
      layer = forgery.manifest.components[0]!.image.layers[1]!.digest;
      change(forgery);
    });
    expect(report.ok).toBe(false);
    const found = errors(report).map((error) => error.replace(layer, LAYER));
    expect(found).toEqual(
      expected.map((one) =>
        typeof one === "string" ? one : (expect.stringMatching(one) as string),
      ),
    );
    for (const { message } of report.findings) expect(message).toMatch(/\.$/);
  });

  it("judges layers by their bytes, and tells where containerd judges by the type", async () => {
    const images = async (blobs: Blobs) => {
      const { digest, size, mediaType } = await blobs.layer(noise("gz", 50));
      const plain = await blobs.add(mediaType, noise("plain", 600));
      const diffId = digestOf("x") as string as never;
      return {
        redis: await blobs.image("docker.io/library/redis:7", [
          { digest, size, mediaType: mediaType.replace("+gzip", ""), diffId },
          { ...plain, diffId },
        ]),
      };
    };
    const report = await verifyBundle(await bundle({ images }));
    expect(report.findings).toMatchObject([
      { rule: "layer/media-type", severity: "warning", found: "gzip", component: "redis" },
      { rule: "layer/compression", severity: "error", expected: "gzip", found: "none" },
    ]);
  });

  it("warns of zstd layers, which older engines cannot load", async () => {
    const images = async (blobs: Blobs) => {
      const magic = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);
      const zstd = "application/vnd.oci.image.layer.v1.tar+zstd";
      const layer = await blobs.add(zstd, Buffer.concat([magic, noise("zstd", 600)]));
      return {
        redis: await blobs.image("docker.io/library/redis:7", [
          { ...layer, diffId: digestOf("x") as string as never },
        ]),
      };
    };
    const report = await verifyBundle(await bundle({ images }));
    expect(report.ok).toBe(true);
    expect(report.findings).toMatchObject([
      { rule: "image/zstd", severity: "warning", component: "redis" },
    ]);
  });

  it("collects what is wrong everywhere in one run", async () => {
    const report = await forged((f) => {
      f.files.delete("README.md");
      f.images.get("redis")!.set("stray", Buffer.from("x"));
      edit(f.images.get("etcd")!, "manifest.json", ([first]: [object]) => [
        { ...first, RepoTags: [] },
      ]);
      f.files.set("compose.yaml", Buffer.from("services: {}\n"));
    });
    expect(rules(report)).toEqual([
      "layout/missing",
      "image/file",
      "image/reference",
      "compose/image-unused",
    ]);
  });
});

describe("verifying the sealed compose file", () => {
  const REDIS = "image: docker.io/library/redis:7.0.15";
  it.each([
    [
      "an image that is not inside",
      (text: string) => text.replace(REDIS, "image: docker.io/library/redis:latest"),
      ["compose/image-missing", "compose/image-unused"],
    ],
    [
      "a service without an image",
      (text: string) => text.replace(`    ${REDIS}\n`, ""),
      ["compose/image-missing", "compose/image-unused"],
    ],
    [
      "another platform",
      (text: string) => text.replace("linux/arm64", "linux/amd64"),
      ["compose/platform"],
    ],
    [
      "no platform",
      (text: string) => text.replace("    platform: linux/arm64\n", ""),
      ["compose/platform"],
    ],
    ["pulling", (text: string) => text.replace("never", "missing"), ["compose/pull-policy"]],
    [
      "building",
      (text: string) => text.replace(REDIS, `${REDIS}\n    build: .`),
      ["compose/build"],
    ],
    [
      "an image that no service uses",
      (text: string) => text.replace(/ {2}etcd:[^]*/, ""),
      ["compose/image-unused"],
    ],
    ["no services", () => "name: openim\n", ["compose/parse"]],
    ["no YAML", () => "services: [", ["compose/parse"]],
    ["a service that is a list", () => "services: {redis: []}", ["compose/parse"]],
    [
      "a YAML bomb",
      () =>
        `services: {}\na: &a [${"x,".repeat(50)}]\nb: &b [${"*a,".repeat(50)}]\nc: &c [${"*b,".repeat(50)}]\nd: [${"*c,".repeat(50)}]\n`,
      ["compose/parse"],
    ],
  ])("catches %s", async (_what, change, expected) => {
    const report = await forged((f) => {
      f.files.set("compose.yaml", Buffer.from(change(f.files.get("compose.yaml")!.toString())));
    });
    expect(rules(report)).toEqual(expected);
  });

  it("understands anchors, merge keys and other spellings of the platform", async () => {
    const report = await forged((f) => {
      const services = ["redis", "etcd"].map((name, at) => {
        const { reference } = f.manifest.components[at]!.image;
        return `  ${name}:\n    <<: *sealed\n    image: ${reference}\n`;
      });
      const text = `x-sealed: &sealed\n  platform: linux/arm64/v8\n  pull_policy: never\n  healthcheck: { test: [CMD, "true"] }\nservices:\n${services.join("")}`;
      f.files.set("compose.yaml", Buffer.from(text));
    });
    expect(report.findings).toEqual([]);
  });

  it("accepts two services with one image", async () => {
    const report = await forged((f) => {
      const image = f.manifest.components[0]!.image;
      const text = f.files.get("compose.yaml")!.toString();
      const more = composeFor({ again: image }, "linux/arm64").replace("services:\n", "");
      f.files.set("compose.yaml", Buffer.from(text + more));
    });
    expect(report.findings).toEqual([]);
  });
});
