import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { Header } from "tar";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { importArchive } from "../../../src/acquire/archive.js";
import { digestOf, hexOf } from "../../../src/core/digest.js";
import { BundlerError } from "../../../src/core/errors.js";
import type { BundlerEvent, EventSink } from "../../../src/core/events.js";
import { LIMITS } from "../../../src/core/limits.js";
import { parsePlatform } from "../../../src/core/platform.js";
import { MEDIA_TYPES } from "../../../src/image/media-types.js";
import type { LockedImage } from "../../../src/plan/types.js";
import { writeSampleArchive } from "../../../src/sample/archives.js";
import { type SampleImage, buildImage, buildVariant } from "../../../src/sample/images.js";
import { type Store, openStore } from "../../../src/store/store.js";

interface Entry {
  readonly path: string;
  readonly content?: Buffer | string;
  readonly link?: string;
  /** What the header claims instead of the content's size. */
  readonly size?: number;
}

const REFERENCE = "docker.io/library/zookeeper:3.8.4";
const IMAGE: SampleImage = {
  registry: "docker.io",
  repository: "library/zookeeper",
  tag: "3.8.4",
  name: "zookeeper",
  platforms: ["linux/amd64", "linux/arm64", "linux/arm/v7"].map(parsePlatform),
  format: "oci",
  index: true,
  payloadBytes: 50_000,
};
const ARM64 = parsePlatform("linux/arm64");

let dir: string;
let store: Store;
let file: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "archive-"));
});
afterAll(() => rm(dir, { recursive: true, force: true }));
beforeEach(async () => {
  const own = await mkdtemp(join(dir, "case-"));
  store = await openStore(join(own, "store"));
  file = join(own, "zookeeper.tar");
});

function load(
  options: { platform?: string; choose?: string; signal?: AbortSignal; onEvent?: EventSink } = {},
): Promise<LockedImage> {
  const { platform = "linux/arm64", signal = new AbortController().signal, ...rest } = options;
  return importArchive(file, {
    component: "zookeeper",
    reference: REFERENCE,
    platform: parsePlatform(platform),
    store,
    signal,
    ...rest,
  });
}

async function failure(work: Promise<unknown>): Promise<BundlerError> {
  const error: unknown = await work.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  expect(error).toBeInstanceOf(BundlerError);
  return error as BundlerError;
}

/** A tar with whatever names, links and sizes it is told to have. */
function tarOf(entries: readonly Entry[], end = Buffer.alloc(1024)): Buffer {
  const parts: Buffer[] = [];
  for (const { path, content = "", link, size } of entries) {
    const bytes = Buffer.from(content);
    const header = Buffer.alloc(512);
    new Header({
      path,
      type: link === undefined ? "File" : "SymbolicLink",
      ...(link === undefined ? {} : { linkpath: link }),
      mode: 0o644,
      size: size ?? bytes.length,
      mtime: new Date(0),
    }).encode(header, 0);
    parts.push(header, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512));
  }
  return Buffer.concat([...parts, end]);
}

/** The files of an OCI layout with all platforms, as skopeo's oci-archive has them. */
function layoutFiles(images: readonly SampleImage[]): Entry[] {
  const blobs = new Map<string, Buffer>();
  const roots = images.map((image) => {
    const content = buildImage(image);
    for (const [digest, { bytes }] of content.manifests) blobs.set(digest, bytes);
    for (const [digest, blob] of content.blobs) blobs.set(digest, blob as Buffer);
    const digest = content.tags.get(image.tag)!;
    const { mediaType, bytes } = content.manifests.get(digest)!;
    const annotations = {
      "org.opencontainers.image.ref.name": `${image.registry}/${image.repository}:${image.tag}`,
    };
    return { mediaType, digest, size: bytes.length, annotations };
  });
  return [
    { path: "oci-layout", content: '{"imageLayoutVersion":"1.0.0"}' },
    { path: "index.json", content: JSON.stringify({ schemaVersion: 2, manifests: roots }) },
    ...[...blobs].map(([digest, content]) => ({
      path: `blobs/${digest.replace(":", "/")}`,
      content,
    })),
  ];
}

/** The files of an old docker-archive around a config and layers. */
function savedFiles(
  config: object,
  layers: readonly { readonly path: string; readonly content?: Buffer; readonly link?: string }[],
): Entry[] {
  const bytes = JSON.stringify(config);
  const path = `${hexOf(digestOf(bytes))}.json`;
  const saved = [
    { Config: path, RepoTags: [REFERENCE], Layers: layers.map((layer) => layer.path) },
  ];
  return [
    { path, content: bytes },
    { path: "manifest.json", content: JSON.stringify(saved) },
    ...layers,
  ];
}

function configOf(diffIds: readonly string[], architecture = "arm64"): object {
  return { os: "linux", architecture, rootfs: { type: "layers", diff_ids: diffIds } };
}

/** Every blob of the image is in the store, under its digest. */
async function expectStored(image: LockedImage): Promise<void> {
  for (const { digest, size } of [image.manifest, image.config, ...image.layers]) {
    const bytes = await readFile(store.path(digest));
    expect(bytes.length).toBe(size);
    expect(digestOf(bytes)).toBe(digest);
  }
}

describe("an archive of today's docker save", () => {
  it("comes into the store with its own manifest, untouched", async () => {
    await writeSampleArchive(file, IMAGE, { platform: ARM64, reference: REFERENCE });
    const image = await load();
    const variant = buildVariant(IMAGE, ARM64);
    expect(image).toMatchObject({
      reference: REFERENCE,
      platform: "linux/arm64",
      created: "2024-01-01T00:00:00.000Z",
    });
    expect(image.manifest).toEqual({
      mediaType: MEDIA_TYPES.ociManifest,
      digest: digestOf(variant.manifest),
      size: variant.manifest.length,
    });
    expect(image.layers.map(({ diffId }) => diffId)).toEqual(
      variant.layers.map(({ diffId }) => diffId),
    );
    await expectStored(image);
  });

  it("is read compressed just as well, and leaves no temporary file", async () => {
    await writeSampleArchive(file, IMAGE, { platform: ARM64, reference: REFERENCE });
    const plain = await load();
    await writeFile(file, gzipSync(await readFile(file)));
    expect(await load()).toEqual(plain);
    expect((await readdir(store.dir)).filter((name) => name.includes("import"))).toEqual([]);
  });

  it("gives the same image twice, and reads no layer again", async () => {
    await writeSampleArchive(file, IMAGE, { platform: ARM64, reference: REFERENCE });
    expect(await load()).toEqual(await load());
  });
});

describe("an archive of the old docker save", () => {
  it("gets an OCI manifest around its plain layers", async () => {
    await writeSampleArchive(file, IMAGE, {
      platform: ARM64,
      reference: REFERENCE,
      shape: "legacy",
    });
    const image = await load();
    expect(image.layers.map(({ mediaType }) => mediaType)).toEqual(
      Array(3).fill(MEDIA_TYPES.ociLayer),
    );
    expect(image.layers.map(({ digest }) => digest)).toEqual(
      image.layers.map(({ diffId }) => diffId),
    );
    await expectStored(image);
    const manifest = JSON.parse(
      (await readFile(store.path(image.manifest.digest))).toString(),
    ) as object;
    expect(manifest).toEqual({
      schemaVersion: 2,
      mediaType: MEDIA_TYPES.ociManifest,
      config: image.config,
      layers: image.layers.map(({ mediaType, digest, size }) => ({ mediaType, digest, size })),
    });
    expect(await load()).toEqual(image);
  });

  it("may hold a repeated layer as a link to the first", async () => {
    const layer = tarOf([{ path: "a", content: "a" }]);
    const diffId = digestOf(layer);
    await writeFile(
      file,
      tarOf(
        savedFiles(configOf([diffId, diffId]), [
          { path: "one/layer.tar", content: layer },
          { path: "two/layer.tar", link: "../one/layer.tar" },
        ]),
      ),
    );
    const image = await load();
    expect(image.layers.map(({ digest }) => digest)).toEqual([diffId, diffId]);
    await expectStored(image);
  });

  it("may hold a gzip layer under the name layer.tar, which stays gzip", async () => {
    const layer = tarOf([{ path: "a", content: "a".repeat(5000) }]);
    const packed = gzipSync(layer);
    await writeFile(
      file,
      tarOf(savedFiles(configOf([digestOf(layer)]), [{ path: "one/layer.tar", content: packed }])),
    );
    const image = await load();
    expect(image.layers).toEqual([
      {
        mediaType: MEDIA_TYPES.ociLayerGzip,
        digest: digestOf(packed),
        size: packed.length,
        diffId: digestOf(layer),
      },
    ]);
    await expectStored(image);
  });

  it("is refused when a plain or a gzip layer is not what the config's diffID says", async () => {
    const layer = tarOf([{ path: "a", content: "a" }]);
    const config = configOf([digestOf("another layer")]);
    for (const content of [layer, gzipSync(layer)]) {
      await writeFile(file, tarOf(savedFiles(config, [{ path: "one/layer.tar", content }])));
      const error = await failure(load());
      expect(error.code).toBe("INTEGRITY");
      expect(error.message).toContain("zookeeper.tar: one/layer.tar is damaged");
      expect(error.message).toContain(digestOf("another layer"));
    }
    expect((await store.info()).blobs).toBe(0);
  });

  it("is refused when its config has been changed under its name", async () => {
    const layer = tarOf([]);
    const files = savedFiles(configOf([digestOf(layer)]), [{ path: "l.tar", content: layer }]);
    await writeFile(
      file,
      tarOf([{ ...files[0]!, content: `${String(files[0]!.content)} ` }, ...files.slice(1)]),
    );
    expect((await failure(load())).message).toMatch(/the config [0-9a-f]{64}\.json is damaged/);
  });

  it("is refused when layers are missing, or fewer or more than the config's diffIDs", async () => {
    const layer = tarOf([]);
    const config = configOf([digestOf(layer)]);
    await writeFile(
      file,
      tarOf(savedFiles(config, [{ path: "l.tar", content: layer }]).slice(0, 2)),
    );
    expect((await failure(load())).message).toContain('"l.tar" is missing');
    await writeFile(file, tarOf(savedFiles(config, [])));
    expect((await failure(load())).message).toContain("0 layers, its config 1 diffIDs");
  });
});

describe("an OCI archive with several platforms", () => {
  it.each(["linux/arm64", "linux/amd64", "linux/arm/v7"])(
    "gives the image for %s, past the attestations",
    async (platform) => {
      await writeFile(file, tarOf(layoutFiles([IMAGE])));
      const image = await load({ platform });
      expect(image.platform).toBe(platform);
      expect(image.manifest.digest).toBe(
        digestOf(buildVariant(IMAGE, parsePlatform(platform)).manifest),
      );
      await expectStored(image);
    },
  );

  it("lacking the platform is refused with what it holds", async () => {
    await writeFile(file, tarOf(layoutFiles([IMAGE])));
    const error = await failure(load({ platform: "linux/s390x" }));
    expect(error.code).toBe("PLATFORM");
    expect(error.message).toBe(
      "The archive zookeeper.tar for zookeeper holds linux/amd64, linux/arm64, linux/arm/v7, the bundle is linux/s390x.",
    );
  });

  it("may lack the blobs of other platforms, as containerd writes it", async () => {
    const other = buildVariant(IMAGE, parsePlatform("linux/amd64"));
    const gone = new Set(
      [other.manifest, other.config].map((bytes) => `blobs/sha256/${hexOf(digestOf(bytes))}`),
    );
    await writeFile(file, tarOf(layoutFiles([IMAGE]).filter(({ path }) => !gone.has(path))));
    expect((await load()).platform).toBe("linux/arm64");
    const error = await failure(load({ platform: "linux/amd64" }));
    expect(error).toMatchObject({ code: "INTEGRITY" });
    expect(error.message).toContain(hexOf(digestOf(other.manifest)));
  });

  it("is read from a folder too", async () => {
    for (const { path, content = "" } of layoutFiles([IMAGE])) {
      await mkdir(dirname(join(file, path)), { recursive: true });
      await writeFile(join(file, path), content);
    }
    await expectStored(await load());
  });

  it("in a folder is refused when a blob is a link out of it", async () => {
    for (const { path, content = "" } of layoutFiles([IMAGE])) {
      await mkdir(dirname(join(file, path)), { recursive: true });
      await writeFile(join(file, path), content);
    }
    const layer = join(file, "blobs/sha256", hexOf(buildVariant(IMAGE, ARM64).layers[0]!.digest));
    await rm(layer);
    await symlink("/etc/passwd", layer);
    expect((await failure(load())).message).toContain("leads out of the folder");
  });
});

describe("an archive with several images", () => {
  const redis: SampleImage = {
    ...IMAGE,
    repository: "library/redis",
    tag: "7.0.15",
    name: "redis",
  };
  const kafka: SampleImage = { ...IMAGE, repository: "library/kafka", tag: "3.5.1", name: "kafka" };

  it("gives the one that has the component's name", async () => {
    await writeFile(file, tarOf(layoutFiles([redis, IMAGE])));
    expect((await load()).manifest.digest).toBe(digestOf(buildVariant(IMAGE, ARM64).manifest));
  });

  it("gives the one that was chosen, by its short name as well", async () => {
    await writeFile(file, tarOf(layoutFiles([redis, IMAGE])));
    const expected = digestOf(buildVariant(redis, ARM64).manifest);
    expect((await load({ choose: "docker.io/library/redis:7.0.15" })).manifest.digest).toBe(
      expected,
    );
    expect((await load({ choose: "redis:7.0.15" })).manifest.digest).toBe(expected);
  });

  it("is refused with their names when none is meant", async () => {
    await writeFile(file, tarOf(layoutFiles([redis, kafka])));
    const error = await failure(load());
    expect(error.code).toBe("USAGE");
    expect(error.message).toContain(
      "docker.io/library/redis:7.0.15, docker.io/library/kafka:3.5.1",
    );
    expect((await failure(load({ choose: "mysql:8" }))).code).toBe("USAGE");
  });
});

describe("an image that the archive calls otherwise", () => {
  const MARIADB = "docker.io/library/mariadb:10.11.11";
  const saidOf = async (options: { choose?: string } = {}): Promise<BundlerEvent[]> => {
    const events: BundlerEvent[] = [];
    await load({ ...options, onEvent: (event) => events.push(event) });
    return events;
  };
  const warning = (name: string): BundlerEvent => ({
    type: "notice",
    level: "warn",
    message: `zookeeper: the archive calls its image ${name}; it goes in as ${REFERENCE}, with that service's settings.`,
  });
  const layer = tarOf([{ path: "a", content: "a" }]);
  const saved = (names: readonly string[] | null): Promise<void> => {
    const entries = savedFiles(configOf([digestOf(layer)]), [
      { path: "layer.tar", content: layer },
    ]);
    const [{ path: Config } = { path: "" }] = entries;
    const content = JSON.stringify([{ Config, RepoTags: names, Layers: ["layer.tar"] }]);
    return writeFile(
      file,
      tarOf(
        entries.map((entry) => (entry.path === "manifest.json" ? { ...entry, content } : entry)),
      ),
    );
  };
  const layout = (annotations: object): Promise<void> => {
    const entries = layoutFiles([IMAGE]).map((entry) => {
      if (entry.path !== "index.json") return entry;
      const index = JSON.parse(String(entry.content)) as { manifests: object[] };
      index.manifests = index.manifests.map((one) => ({ ...one, annotations }));
      return { ...entry, content: JSON.stringify(index) };
    });
    return writeFile(file, tarOf(entries));
  };

  it.each<"oci" | "legacy">(["oci", "legacy"])("goes in with a warning (%s)", async (shape) => {
    await (shape === "oci"
      ? writeSampleArchive(file, IMAGE, { platform: ARM64, reference: MARIADB })
      : writeSampleArchive(file, IMAGE, { platform: ARM64, reference: MARIADB, shape }));
    expect(await saidOf()).toEqual([warning(MARIADB)]);
  });

  it("goes in with a warning when it was chosen, too", async () => {
    await saved(["mariadb:10.11.11"]);
    expect(await saidOf({ choose: "mariadb:10.11.11" })).toEqual([warning(MARIADB)]);
  });

  it("goes in without a word when one of its names is the reference, however it is spelt", async () => {
    await saved(["mariadb:10.11.11", "zookeeper:3.8.4"]);
    expect(await saidOf()).toEqual([]);
  });

  it("goes in without a word when it has no name, or only a tag", async () => {
    await saved(null);
    expect(await saidOf()).toEqual([]);
    await layout({});
    expect(await saidOf()).toEqual([]);
    await layout({ "org.opencontainers.image.ref.name": "3.8.4" });
    expect(await saidOf()).toEqual([]);
  });

  it("is quoted when what it is called is no name", async () => {
    await layout({ "io.containerd.image.name": "a:\u001b[2J" });
    expect(await saidOf()).toEqual([warning('"a:\\u001b[2J"')]);
  });
});

describe("the platform", () => {
  it.each(["oci", "legacy"] as const)("of a %s archive is proved by its config", async (shape) => {
    await writeSampleArchive(file, IMAGE, {
      platform: parsePlatform("linux/amd64"),
      reference: REFERENCE,
      shape,
    });
    const error = await failure(load());
    expect(error.code).toBe("PLATFORM");
    expect(error.message).toBe(
      "The archive zookeeper.tar for zookeeper holds linux/amd64, the bundle is linux/arm64.",
    );
    expect((await store.info()).blobs).toBe(0);
  });

  it("is not what the index claims when the config says another one", async () => {
    const lying = { ...IMAGE, lies: { config: parsePlatform("linux/amd64") } };
    await writeFile(file, tarOf(layoutFiles([lying])));
    expect((await failure(load())).message).toContain(
      "holds linux/amd64, the bundle is linux/arm64",
    );
  });

  it("of an arm/v7 bundle may be proved by an arm/v6 image", async () => {
    const v6 = { ...IMAGE, platforms: [parsePlatform("linux/arm/v6")] };
    await writeSampleArchive(file, v6, {
      platform: parsePlatform("linux/arm/v6"),
      reference: REFERENCE,
    });
    expect((await load({ platform: "linux/arm/v7" })).platform).toBe("linux/arm/v6");
    expect((await failure(load({ platform: "linux/arm64" }))).code).toBe("PLATFORM");
  });
});

describe("a damaged archive", () => {
  it("with a flipped bit in a layer names the blob and the file, and stores nothing under its name", async () => {
    await writeSampleArchive(file, IMAGE, { platform: ARM64, reference: REFERENCE });
    const bytes = await readFile(file);
    const layer = buildVariant(IMAGE, ARM64).layers[1]!;
    const at = bytes.indexOf(layer.gzip);
    bytes.writeUInt8(bytes.readUInt8(at + 5000) ^ 1, at + 5000);
    await writeFile(file, bytes);
    const error = await failure(load());
    expect(error.code).toBe("INTEGRITY");
    expect(error.message).toContain(
      `zookeeper.tar: blobs/sha256/${hexOf(layer.digest)} is damaged`,
    );
    expect(await store.has(layer.digest, layer.gzip.length)).toBe(false);
    expect((await store.info()).partials).toBe(0);
  });

  it("with a flipped bit in its manifest is refused", async () => {
    await writeSampleArchive(file, IMAGE, { platform: ARM64, reference: REFERENCE });
    const bytes = await readFile(file);
    const at = bytes.indexOf(buildVariant(IMAGE, ARM64).manifest);
    bytes.write(" ", at + 1);
    await writeFile(file, bytes);
    expect((await failure(load())).code).toBe("INTEGRITY");
  });

  it("cut short in an entry is refused", async () => {
    await writeSampleArchive(file, IMAGE, { platform: ARM64, reference: REFERENCE });
    const bytes = await readFile(file);
    await writeFile(file, bytes.subarray(0, bytes.length - 100_000));
    expect((await failure(load())).code).toBe("INTEGRITY");
  });

  it("that lacks its end blocks, or has many zeros behind them, is read as other tools do", async () => {
    await writeSampleArchive(file, IMAGE, { platform: ARM64, reference: REFERENCE });
    const bytes = await readFile(file);
    await writeFile(file, bytes.subarray(0, bytes.length - 1024));
    const image = await load();
    await writeFile(file, Buffer.concat([bytes, Buffer.alloc(3 * 1024 * 1024)]));
    expect(await load()).toEqual(image);
    await writeFile(file, Buffer.concat([bytes, Buffer.alloc(3 * 1024 * 1024), Buffer.from("x")]));
    expect((await failure(load())).message).toContain("are not zero");
  });

  it("with a file twice is read where both are the same, byte for byte", async () => {
    const layer = tarOf([{ path: "etc/os-release", content: "ID=x" }]);
    const files = savedFiles(configOf([digestOf(layer)]), [
      { path: "one/layer.tar", content: layer },
    ]);
    await writeFile(file, tarOf([...files, { path: "one/layer.tar", content: layer }]));
    expect((await load()).layers).toHaveLength(1);
  });

  it("cut short while compressed is refused", async () => {
    await writeSampleArchive(file, IMAGE, { platform: ARM64, reference: REFERENCE });
    const packed = gzipSync(await readFile(file));
    await writeFile(file, packed.subarray(0, packed.length - 5000));
    const error = await failure(load());
    expect(error.code).toBe("INTEGRITY");
    expect(error.message).toContain("zookeeper.tar is damaged or cut short");
  });
});

describe("a hostile archive", () => {
  it.each(["../../etc/cron.d/x", "/etc/cron.d/x", "blobs/../../x", "a\\b"])(
    "with an entry named %s is refused",
    async (path) => {
      await writeFile(file, tarOf([...layoutFiles([IMAGE]), { path, content: "x" }]));
      expect((await failure(load())).code).toBe("INTEGRITY");
    },
  );

  it("with two files of one name is refused", async () => {
    await writeFile(file, tarOf([...layoutFiles([IMAGE]), { path: "index.json", content: "{}" }]));
    expect((await failure(load())).message).toContain("occurs twice");
  });

  it("whose header claims more bytes than there are is refused", async () => {
    await writeFile(file, tarOf([{ path: "index.json", content: "{}", size: 2 ** 40 }]));
    expect((await failure(load())).code).toBe("INTEGRITY");
  });

  it.each(["manifest.json", "config.json"])(
    "with a monstrous %s is refused without being read",
    async (path) => {
      const saved = [{ Config: "config.json", RepoTags: null, Layers: [] }];
      const files = [
        { path: "manifest.json", content: JSON.stringify(saved) },
        { path: "config.json", content: JSON.stringify(configOf([])) },
      ].map((entry) =>
        entry.path === path ? { path, content: Buffer.alloc(LIMITS.config + 1, 0x20) } : entry,
      );
      await writeFile(file, tarOf(files));
      expect((await failure(load())).message).toContain("at most");
    },
  );

  it.each(["../../../etc/passwd", "/etc/passwd", "../layer.tar/layer.tar"])(
    "with a layer that links to %s is refused",
    async (link) => {
      const config = configOf([digestOf(await readFile("/etc/passwd"))]);
      await writeFile(file, tarOf(savedFiles(config, [{ path: "one/layer.tar", link }])));
      expect((await failure(load())).code).toBe("INTEGRITY");
      expect((await store.info()).blobs).toBe(0);
    },
  );

  it("with links in a circle is refused", async () => {
    const files = savedFiles(configOf([digestOf("")]), [
      { path: "one/layer.tar", link: "../two/layer.tar" },
      { path: "two/layer.tar", link: "../one/layer.tar" },
    ]);
    files[1] = {
      path: "manifest.json",
      content: JSON.stringify([
        { Config: files[0]!.path, RepoTags: [], Layers: ["one/layer.tar"] },
      ]),
    };
    await writeFile(file, tarOf(files));
    expect((await failure(load())).code).toBe("INTEGRITY");
  });

  it("with a sparse log that compresses a thousandfold is read", async () => {
    const layer = tarOf([{ path: "var/log/lastlog", content: Buffer.alloc(80 * 1024 * 1024) }]);
    const files = savedFiles(configOf([digestOf(layer)]), [
      { path: "one/layer.tar", content: layer },
    ]);
    await writeFile(file, gzipSync(tarOf(files), { level: 1 }));
    expect((await load()).layers).toHaveLength(1);
  });

  it("with indexes nested without end is refused", async () => {
    const files: Entry[] = [{ path: "oci-layout", content: "{}" }];
    let inner = Buffer.from(JSON.stringify({ schemaVersion: 2, manifests: [] }));
    for (let depth = 0; depth < 10; depth += 1) {
      const digest = digestOf(inner);
      files.push({ path: `blobs/sha256/${hexOf(digest)}`, content: inner });
      const entry = { mediaType: MEDIA_TYPES.ociIndex, digest, size: inner.length };
      inner = Buffer.from(JSON.stringify({ schemaVersion: 2, manifests: [entry] }));
    }
    await writeFile(file, tarOf([...files, { path: "index.json", content: inner }]));
    expect((await failure(load())).message).toContain("nested too deeply");
  });
});

describe("a file that is no image archive", () => {
  it("is told from one that does not exist", async () => {
    const gone = await failure(load());
    expect(gone.code).toBe("FILE");
    expect(gone.message).toContain(`There is no image archive ${file}`);
    await writeFile(file, tarOf([{ path: "readme.txt", content: "hello" }]));
    expect((await failure(load())).message).toContain("neither oci-layout nor manifest.json");
    await writeFile(file, createHash("sha256").update("noise").digest());
    expect((await failure(load())).code).toBe("INTEGRITY");
  });

  it("or is a pipe or a device is refused at once, before it is opened", async () => {
    await promisify(execFile)("mkfifo", [file]);
    for (const path of [file, "/dev/zero"]) {
      file = path;
      expect(await failure(load())).toMatchObject({
        code: "FILE",
        message: `${path} is not a regular file.`,
        hint: "A pipe cannot be read at random: write it to a file first.",
      });
    }
  });

  it("or is compressed in another way is refused with what to do", async () => {
    await writeFile(file, Buffer.from("28b52ffd0000000000", "hex"));
    const error = await failure(load());
    expect(error.message).toContain("compressed with zstd");
    expect(error.hint).toContain("Decompress it first");
  });
});

it.each(["plain", "gzip"])(
  "an interrupted import of a %s archive ends at once and leaves nothing half done",
  async (how) => {
    await writeSampleArchive(file, IMAGE, { platform: ARM64, reference: REFERENCE });
    if (how === "gzip") await writeFile(file, gzipSync(await readFile(file)));
    expect((await failure(load({ signal: AbortSignal.abort() }))).code).toBe("INTERRUPTED");
    expect(await store.info()).toMatchObject({ blobs: 0, partials: 0 });
  },
);
