import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadDefinition } from "../../src/definition/definition.js";
import { diffBundles } from "../../src/diff/diff.js";
import type { BundleDiff } from "../../src/diff/types.js";
import { sampleCatalogue } from "../../src/sample/catalogue.js";
import { startSampleRegistry } from "../../src/sample/registry.js";
import { type CliOutcome, cli, jsonOf } from "../support/cli.js";
import { writeSmallDefinition } from "../support/small-definition.js";

const OLD = "small-1.0-linux-arm64.tar";
const NEW = "small-1.1-linux-arm64.tar";
let dir: string;

/** Two releases of one bundle, made by `create` from a registry, and their locks. */
beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), "openim-bundler-diff-"));
  for (const release of ["1.0", "1.1"]) {
    const definition = await writeSmallDefinition(path.join(dir, release));
    if (release === "1.1") await change(definition);
    const images = sampleCatalogue(await loadDefinition(definition));
    const registry = await startSampleRegistry({ images });
    const sources = [
      ...["--mirror", `docker.io=${registry.url}`, "--mirror", `quay.io=${registry.url}`],
      ...["--store", path.join(dir, "store")],
    ];
    const lock = ["--lock", `${release}.lock.json`];
    const planned = await run(
      "plan",
      definition,
      "-p",
      "arm64",
      "-p",
      "amd64",
      ...sources,
      ...lock,
    );
    expect(planned).toMatchObject({ code: 0 });
    expect(await run("create", definition, "-p", "arm64", ...sources)).toMatchObject({ code: 0 });
    await registry.close();
  }
});
afterAll(() => rm(dir, { recursive: true, force: true }));

async function change(definition: string): Promise<void> {
  const edit = async (
    file: string,
    edits: readonly (readonly [string, string])[],
  ): Promise<void> => {
    const at = path.join(definition, file);
    let text = await readFile(at, "utf8");
    for (const [from, to] of edits) text = text.replaceAll(from, to);
    await writeFile(at, text);
  };
  await edit("components.yaml", [
    ['version: "1.0"', 'version: "1.1"'],
    ["redis:7.0.15", "redis:7.2.4"],
    ['    ports: ["16379:6379"]\n', '    ports: ["16380:6379"]\n    upgrade: { within: any }\n'],
    [
      "  extra:\n",
      "  web:\n    title: { en: Web, zh: 网页 }\n    image: prom/prometheus:v2.53.4\n    platforms: [linux/arm64]\n  extra:\n",
    ],
  ]);
  await edit("compose.yaml", [
    ["redis:7.0.15", "redis:7.2.4"],
    ["16379:6379", "16380:6379"],
    [
      "MYSQL_ROOT_PASSWORD: ${ROOT_PASSWORD}",
      "MYSQL_ROOT_PASSWORD: ${ROOT_PASSWORD}\n      TZ: Asia/Shanghai",
    ],
    [
      "  extra:\n",
      "  web:\n    image: prom/prometheus:v2.53.4\n    healthcheck:\n      test: [CMD, wget, x]\n  extra:\n",
    ],
  ]);
  await edit("site.yaml", [["length: 24", "length: 32"]]);
  await edit("files/note.txt", [
    ["ships as it is\n", "ships as it is\nand goes on\npassword: hunter2\n"],
  ]);
}

function run(...args: string[]): Promise<CliOutcome> {
  return cli(args, { cwd: dir });
}

/** Without the CLI around it, which takes most of the time. */
function diffOf(old: string, next: string, platform?: string): Promise<BundleDiff> {
  return diffBundles(path.join(dir, old), path.join(dir, next), {
    signal: new AbortController().signal,
    text: true,
    ...(platform === undefined ? {} : { platform }),
  });
}

describe("diff of two archives", () => {
  it("tells what came, went and changed, with what an upgrade has to move", async () => {
    const diff = await diffOf(OLD, NEW);
    expect(diff.different).toBe(true);
    expect(diff.about.map(({ key }) => key)).toEqual(["definition", "version"]);
    expect(diff.components.added).toMatchObject([{ name: "web", version: "2.53.4" }]);
    expect(diff.components.removed).toEqual([]);
    expect(diff.components.same).toEqual(["database"]);
    expect(diff.components.changed).toMatchObject([
      {
        name: "cache",
        old: { version: "7.0.15" },
        new: { version: "7.2.4", reference: "docker.io/library/redis:7.2.4" },
        step: "minor",
        direction: "up",
        layers: { reused: { count: 2 }, added: { count: 1 }, removed: { count: 1 } },
      },
    ]);
    const keys = diff.components.changed[0]?.changes.map(({ key, kind }) => `${kind} ${key}`);
    expect(keys).toEqual(
      expect.arrayContaining(["added ports[]", "removed ports[]", "changed image"]),
    );
    const { added, reused, removed } = diff.blobs;
    expect(added.bytes).toBeGreaterThan(0);
    expect(reused.bytes).toBeGreaterThan(0);
    expect(removed.count).toBeGreaterThan(0);
  });

  it("compares settings and the compose file key by key, and never shows a secret", async () => {
    const diff = await diffOf(OLD, NEW);
    expect(JSON.stringify(diff)).not.toContain("hunter2");
    expect(diff.settings).toEqual([
      { key: "ROOT_PASSWORD.length", kind: "changed", old: "24", new: "32" },
    ]);
    expect(diff.compose?.servicesAdded).toEqual(["web"]);
    expect(diff.compose?.changes).toEqual(
      expect.arrayContaining([
        { key: "services.database.environment.TZ", kind: "added", new: "Asia/Shanghai" },
        { key: "services.cache.ports[]", kind: "removed", old: "16379:6379" },
      ]),
    );
    expect(diff.files?.find(({ path: file }) => file === "files/note.txt")).toMatchObject({
      kind: "changed",
      text: "@@ -1 +1,3 @@\n ships as it is\n+and goes on\n+password: ***\n",
    });
  });

  it("looks into images when it is asked to", async () => {
    const outcome = await run("diff", OLD, NEW, "--packages", "--files", "cache", "--json");
    const diff = jsonOf(outcome) as BundleDiff;
    expect(diff.packages?.map(({ component }) => component)).toEqual(["cache"]);
    const [files] = diff.imageFiles ?? [];
    expect(files?.component).toBe("cache");
    expect(files?.same).toBeGreaterThan(0);
    expect(files?.changes.map(({ kind }) => kind)).toContain("changed");
    expect(await run("diff", OLD, NEW, "--files", "web")).toMatchObject({ code: 12 });
  });

  it("is readable: the sum of it first, groups after it", async () => {
    const { stdout, code } = await run("diff", OLD, NEW);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^small 1\.0 for linux\/arm64 → small 1\.1 for linux\/arm64\n/);
    expect(stdout).toContain("Components: 1 added, 0 removed, 1 changed, 1 the same.");
    expect(stdout).toMatch(/To move: \d+ blobs, [\d.]+ KiB; \d+ blobs, /);
    expect(stdout).toMatch(/~ cache: 7\.0\.15 → 7\.2\.4 \(minor\); \d new layers?, /);
  });

  it("exits with 0 whether they differ or not, and says so with --exit-code", async () => {
    expect(await run("diff", OLD, NEW, "--exit-code")).toMatchObject({ code: 17 });
    expect(await run("diff", NEW, NEW, "--exit-code")).toMatchObject({ code: 0 });
    expect((await diffOf(OLD, OLD)).different).toBe(false);
  });
});

describe("diff with locks", () => {
  it("compares an archive with the lock that it could be made from", async () => {
    const diff = await diffOf("1.0.lock.json", OLD);
    expect(diff).toMatchObject({ old: { kind: "lock" }, new: { kind: "archive" } });
    expect(diff.components).toMatchObject({ added: [], removed: [], changed: [] });
    expect(diff.components.same).toEqual(["cache", "database"]);
    expect(diff.compose).toBeUndefined();
    expect(diff.blobs.added.count).toBe(0);
  });

  it("compares two locks, for a platform that both have", async () => {
    const both = ["1.0.lock.json", "1.1.lock.json"];
    expect(await run("diff", ...both)).toMatchObject({ code: 2 });
    const diff = await diffOf("1.0.lock.json", "1.1.lock.json", "linux/arm64");
    expect(diff.components.changed.map(({ name }) => name)).toEqual(["cache"]);
    expect(diff.components.added.map(({ name }) => name)).toEqual(["web"]);
    await expect(diffOf("1.0.lock.json", OLD, "linux/s390x")).rejects.toThrow("has nothing for");
    expect(await run("diff", ...both, "-p", "arm64", "--packages")).toMatchObject({ code: 2 });
  });

  it("refuses what is neither", async () => {
    await writeFile(path.join(dir, "junk.json"), "{}");
    await expect(diffOf("junk.json", OLD)).rejects.toMatchObject({ code: "LOCK" });
    await expect(diffOf(OLD, "nowhere.tar")).rejects.toMatchObject({ code: "FILE" });
  });
});
