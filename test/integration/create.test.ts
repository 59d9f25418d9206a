import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readFile, readdir, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parsePlatform } from "../../src/core/platform.js";
import { noEvents } from "../../src/core/events.js";
import { loadDefinition } from "../../src/definition/definition.js";
import type { CreateResult } from "../../src/jobs/create.js";
import { type PlanResult, planJob } from "../../src/jobs/plan.js";
import { formatLock } from "../../src/plan/lock.js";
import { writeSampleArchive } from "../../src/sample/archives.js";
import { sampleCatalogue } from "../../src/sample/catalogue.js";
import {
  type SampleRegistry,
  type SampleRegistryOptions,
  startSampleRegistry,
} from "../../src/sample/registry.js";
import { type CliOutcome, cli, jsonOf, startCli } from "../support/cli.js";
import { testNetwork } from "../support/network.js";
import { writeSmallDefinition } from "../support/small-definition.js";

const run = promisify(execFile);
const NAME = "small-1.0-linux-arm64";
let dir: string;
let definition: string;
let closers: (() => Promise<void>)[] = [];

beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), "openim-bundler-create-"));
  definition = await writeSmallDefinition(path.join(dir, "definition"));
});
afterEach(async () => {
  for (const close of closers) await close();
  closers = [];
  await rm(dir, { recursive: true, force: true });
});

async function serve(options: Omit<SampleRegistryOptions, "images"> = {}): Promise<SampleRegistry> {
  const images = sampleCatalogue(await loadDefinition(definition));
  const registry = await startSampleRegistry({ images, ...options });
  closers.push(() => registry.close());
  return registry;
}

const sources = ({ url }: SampleRegistry, store = "store"): string[] => [
  ...["--mirror", `docker.io=${url}`, "--mirror", `quay.io=${url}`],
  ...["--store", path.join(dir, store)],
];
const create = (registry: SampleRegistry, ...more: string[]): string[] => [
  ...["create", definition, "--platform", "linux/arm64", ...sources(registry), ...more],
];
const inDir = {
  get cwd() {
    return dir;
  },
};
const sha256 = async (file: string): Promise<string> =>
  createHash("sha256")
    .update(await readFile(path.join(dir, file)))
    .digest("hex");
const archives = async (): Promise<string[]> =>
  (await readdir(dir)).filter((name) => name.endsWith(".tar") || name.includes("partial"));

describe("create", () => {
  it("makes an archive that verifies, and that tar and sha256sum agree with", async () => {
    const registry = await serve({ auth: { scheme: "bearer" } });
    const made = await cli(create(registry, "--json"), inDir);
    expect(made).toMatchObject({ code: 0, stderr: "" });
    const [archive] = (jsonOf(made) as CreateResult).archives;
    expect(archive).toMatchObject({
      platform: "linux/arm64",
      components: ["cache", "database"],
      leftOut: [{ name: "extra", reason: "made for linux/amd64 only" }],
    });
    expect((await stat(path.join(dir, `${NAME}.tar`))).size).toBe(archive?.size);

    expect(await cli(["verify", `${NAME}.tar`, "--json"], inDir)).toMatchObject({ code: 0 });
    await run("tar", ["xf", `${NAME}.tar`], { cwd: dir });
    const { stdout } = await run("sha256sum", ["-c", "SHA256SUMS"], { cwd: path.join(dir, NAME) });
    expect(stdout).toMatch(/site\/blobs\.tsv: OK/);
    const compose = await readFile(path.join(dir, NAME, "compose.yaml"), "utf8");
    expect(compose).toContain("# What everything else leans on.");
    expect(compose).toContain("image: docker.io/library/mariadb:10.11.11");
    expect(compose.match(/platform: linux\/arm64/g)).toHaveLength(2);
    expect(compose.match(/pull_policy: never/g)).toHaveLength(2);
    expect(compose).not.toMatch(/^ {2}extra:/m);
  });

  it("says in the plan what the registry really has, and exits with 4 when nothing fits", async () => {
    const registry = await serve();
    const ask = (platform: string): Promise<CliOutcome> =>
      cli(["plan", definition, "-p", platform, ...sources(registry), "--json"], inDir);
    const planned = await ask("aarch64");
    expect(planned.code).toBe(0);
    const components = (jsonOf(planned) as PlanResult).platforms[0]?.components ?? [];
    expect(components.map(({ name, method }) => [name, method])).toEqual([
      ["cache", "image"],
      ["database", "alternative"],
      ["extra", "left-out"],
    ]);
    expect(components[1]?.reason).toContain(
      "the table claims linux/arm64, but docker.io/library/mysql:5.7.44 is there only for linux/amd64",
    );
    expect(registry.requests.filter(({ kind }) => kind === "blob").length).toBe(2);

    const impossible = await ask("linux/riscv64");
    expect(impossible.code).toBe(4);
    expect(jsonOf(impossible) as PlanResult).toMatchObject({
      ok: false,
      problems: [{ component: "cache" }, { component: "database" }, { component: "extra" }],
    });
  });

  it("gives the same bytes for the same lock, from another store, after the tag has moved on", async () => {
    const registry = await serve();
    const lock = ["--lock", "small.lock.json"];
    const plan = ["plan", definition, "-p", "linux/arm64", ...sources(registry), ...lock];
    expect(await cli(plan, inDir)).toMatchObject({ code: 0 });
    const locked = ["--locked", "small.lock.json"];
    expect(await cli(create(registry, ...locked), inDir)).toMatchObject({ code: 0 });
    const first = await sha256(`${NAME}.tar`);
    const other = [
      "create",
      definition,
      "-p",
      "arm64",
      ...sources(registry, "other"),
      ...locked,
      "-o",
      "again.tar",
    ];
    expect(await cli(other, inDir)).toMatchObject({ code: 0 });
    expect(await sha256("again.tar")).toBe(first);
    // And without any registry, from a store that has everything.
    await registry.close();
    expect(await cli([...other, "--force"], inDir)).toMatchObject({ code: 0 });
    expect(await sha256("again.tar")).toBe(first);
  });

  it("gives the same lock through whatever mirror it asked, also where an image had to be replaced", async () => {
    const small = await loadDefinition(definition);
    const images = sampleCatalogue(small).filter(({ repository }) => !repository.includes("mysql"));
    const locks: string[] = [];
    for (const store of ["one", "two"]) {
      const mirror = await startSampleRegistry({ images });
      closers.push(() => mirror.close());
      const { lock } = await planJob(
        small,
        { platforms: [parsePlatform("linux/arm64")], without: [], archives: new Map() },
        {
          recipesDir: "",
          storeDir: path.join(dir, store),
          mirrors: new Map([
            ["docker.io", [mirror.url]],
            ["quay.io", [mirror.url]],
          ]),
          mirrorsOnly: true,
          requestsPerHost: 6,
          network: testNetwork(),
          signal: new AbortController().signal,
          onEvent: noEvents,
        },
      );
      locks.push(formatLock(lock));
    }
    expect(locks[0]).toContain("docker.io/library/mysql:5.7.44 is not there; MariaDB stands in");
    expect(locks[0]).toBe(locks[1]);
    expect(locks[0]).not.toMatch(/127\.0\.0\.1|localhost/);
  });

  it("refuses a lock when the definition has changed, or the registry lost what it pins", async () => {
    const registry = await serve();
    // Asked directly, without a mirror in between.
    for (const name of ["components.yaml", "compose.yaml"]) {
      const file = path.join(definition, name);
      const text = await readFile(file, "utf8");
      await writeFile(
        file,
        text.replace("image: redis:", `image: ${registry.host}/library/redis:`),
      );
    }
    const lock = path.join(dir, "small.lock.json");
    const plan = ["plan", definition, "-p", "arm64", ...sources(registry), "--lock", lock];
    expect(await cli(plan, inDir)).toMatchObject({ code: 0 });

    const text = await readFile(lock, "utf8");
    const pinned = /"manifest": \{[^}]*"digest": "(sha256:[0-9a-f]+)"/.exec(text)?.[1] ?? "";
    const gone = `sha256:${"0".repeat(64)}`;
    await writeFile(lock, text.replaceAll(pinned, gone));
    const lost = await cli(create(registry, "--locked", lock, "--json"), inDir);
    expect(lost.code).toBe(8);
    expect((jsonOf(lost) as { error: { message: string } }).error.message).toMatch(
      /cache: 127\.0\.0\.1:\d+\/library\/redis:7\.0\.15 no longer has the locked manifest sha256:0+; the tag now points to sha256:/,
    );

    await writeFile(lock, text);
    await writeFile(path.join(definition, "files", "note.txt"), "changed\n");
    const changed = await cli(create(registry, "--locked", lock), inDir);
    expect(changed).toMatchObject({ code: 8, stdout: "" });
    expect(changed.stderr).toContain("has changed since the lock was written");
    expect(await archives()).toEqual([]);
  });

  it("keeps an archive that exists unless it is told to replace it, before asking for any layer", async () => {
    const registry = await serve();
    await writeFile(path.join(dir, `${NAME}.tar`), "mine");
    const refused = await cli(create(registry), inDir);
    expect(refused).toMatchObject({ code: 11 });
    expect(refused.stderr).toContain("--force");
    expect(await readFile(path.join(dir, `${NAME}.tar`), "utf8")).toBe("mine");
    expect(registry.requests.some(({ kind, bytes }) => kind === "blob" && bytes > 50_000)).toBe(
      false,
    );
    expect(await cli(create(registry, "--force"), inDir)).toMatchObject({ code: 0 });
  });

  it("fetches nothing twice: a second run takes all from the store, and mends a blob that rotted", async () => {
    const registry = await serve();
    expect(await cli(create(registry), inDir)).toMatchObject({ code: 0 });
    const first = await sha256(`${NAME}.tar`);
    const blobs = (): number => registry.requests.filter(({ kind }) => kind === "blob").length;
    const before = blobs();
    const again = await cli(create(registry, "--force", "--json"), inDir);
    expect((jsonOf(again) as CreateResult).archives[0]?.fetched).toBe(0);
    expect(blobs()).toBe(before);

    const folder = path.join(dir, "store", "blobs", "sha256");
    const sizes = await Promise.all(
      (await readdir(folder)).map(async (name) => ({
        name,
        size: (await stat(path.join(folder, name))).size,
      })),
    );
    const largest = sizes.toSorted((a, b) => b.size - a.size)[0]?.name ?? "";
    const bytes = await readFile(path.join(folder, largest));
    bytes[1000] = (bytes[1000] ?? 0) ^ 1;
    await rm(path.join(folder, largest));
    await writeFile(path.join(folder, largest), bytes);
    const healed = await cli(create(registry, "--force"), inDir);
    expect(healed).toMatchObject({ code: 0 });
    expect(healed.stderr).toContain("was damaged; it is fetched again");
    expect(await sha256(`${NAME}.tar`)).toBe(first);
  });

  it("leaves nothing under the final name when it is interrupted, and goes on from there", async () => {
    let stalls = true;
    const registry = await serve({
      faults: ({ kind, method }) =>
        stalls && kind === "blob" && method === "GET"
          ? { kind: "slow", bytesPerSecond: 100_000 }
          : undefined,
    });
    for (const signal of ["SIGINT", "SIGKILL"] as const) {
      const { child, ended } = startCli(create(registry), inDir);
      await expect.poll(storedBytes).toBeGreaterThan(20_000);
      child.kill(signal);
      const outcome = await ended;
      if (signal === "SIGINT") {
        expect(outcome.code).toBe(130);
        expect(outcome.stderr).toContain("run the same command again");
        expect(await archives()).toEqual([]);
      }
      expect((await archives()).filter((name) => name.endsWith(".tar"))).toEqual([]);
    }
    stalls = false;
    const resumed = await cli(create(registry), inDir);
    expect(resumed).toMatchObject({ code: 0 });
    expect(
      registry.requests.some(({ range, status }) => range !== undefined && status === 206),
    ).toBe(true);
    expect(await cli(["verify", `${NAME}.tar`], inDir)).toMatchObject({ code: 0 });
    expect(await archives()).toEqual([`${NAME}.tar`]);
  });

  it("lets two runs share one store", async () => {
    const registry = await serve({
      faults: ({ kind }) =>
        kind === "blob" ? { kind: "slow", bytesPerSecond: 2_000_000 } : undefined,
    });
    const [one, two] = await Promise.all([
      cli(create(registry, "-o", "one.tar"), inDir),
      cli(create(registry, "-o", "two.tar"), inDir),
    ]);
    expect([one, two]).toMatchObject([{ code: 0 }, { code: 0 }]);
    expect(await sha256("one.tar")).toBe(await sha256("two.tar"));
  });

  it("makes one archive per platform, and refuses one file name for two", async () => {
    const registry = await serve();
    const both = ["create", definition, "-p", "arm64", "-p", "linux/amd64", ...sources(registry)];
    expect(await cli([...both, "-o", "x.tar"], inDir)).toMatchObject({ code: 2 });
    expect(await cli([...both, "-o", "out/"], inDir)).toMatchObject({ code: 0 });
    expect((await readdir(path.join(dir, "out"))).sort()).toEqual([
      "small-1.0-linux-amd64.tar",
      `${NAME}.tar`,
    ]);
  });

  it("names what is wrong with a registry that refuses, lies or breaks", async () => {
    const failing = async (options: Omit<SampleRegistryOptions, "images">): Promise<CliOutcome> =>
      cli(create(await serve(options), "--json"), inDir);
    const error = (outcome: CliOutcome): unknown => (jsonOf(outcome) as { error: unknown }).error;

    const refused = await failing({ auth: { scheme: "basic", username: "u", password: "p" } });
    expect(error(refused)).toMatchObject({ code: "AUTH", exitCode: 6 });
    const corrupt = await failing({
      faults: ({ kind, method }) =>
        kind === "blob" && method === "GET" ? { kind: "corrupt" } : undefined,
    });
    expect(error(corrupt)).toMatchObject({
      code: "INTEGRITY",
      exitCode: 7,
      message: expect.stringMatching(/^(cache|database): .*sha256:/s) as string,
    });
    expect(await archives()).toEqual([]);
  });
});

describe("create, asked for what cannot be", () => {
  const errorOf = (outcome: CliOutcome) =>
    (
      jsonOf(outcome) as {
        error: { code: string; message: string; hint?: string; details?: object };
      }
    ).error;

  it("says with a lock that an archive is not used, or that the lock was tampered with", async () => {
    const registry = await serve();
    const lock = path.join(dir, "small.lock.json");
    const plan = ["plan", definition, "-p", "arm64", ...sources(registry), "--lock", lock];
    expect(await cli(plan, inDir)).toMatchObject({ code: 0 });

    const unused = await cli(
      create(registry, "--locked", lock, "--archive", "cache=/nope", "--json"),
      inDir,
    );
    expect(unused.code).toBe(2);
    expect(errorOf(unused).message).toContain("does not take cache from an archive");

    const text = await readFile(lock, "utf8");
    const layer = /"layers": \[\s*\{[^}]*"digest": "(sha256:[0-9a-f]+)"/.exec(text)?.[1] ?? "";
    await writeFile(lock, text.replace(layer, `sha256:${"1".repeat(64)}`));
    const tampered = await cli(create(registry, "--locked", lock, "--json"), inDir);
    expect(tampered.code).toBe(8);
    expect(errorOf(tampered).message).toContain("does not agree with the manifest");
  });

  it("takes of an archive with several images the one that is named, with a lock too", async () => {
    const registry = await serve();
    const images = sampleCatalogue(await loadDefinition(definition));
    const folder = path.join(dir, "several");
    await mkdir(folder);
    const manifests: { readonly digest: string }[] = [];
    for (const [at, reference] of ["vendor.example/cache:1", "vendor.example/other:1"].entries()) {
      const file = path.join(dir, `${at}.tar`);
      await writeSampleArchive(file, images[at]!, { platform: parsePlatform("arm64"), reference });
      await run("tar", ["-xf", file, "-C", folder]);
      const index = JSON.parse(await readFile(path.join(folder, "index.json"), "utf8")) as {
        manifests: { digest: string }[];
      };
      manifests.push(...index.manifests);
    }
    await writeFile(
      path.join(folder, "index.json"),
      JSON.stringify({ schemaVersion: 2, manifests }),
    );
    const lock = path.join(dir, "small.lock.json");
    const given = ["--archive", `cache=${folder}`];
    const chosen = [...given, "--archive-image", "cache=vendor.example/other:1"];
    const plan = ["plan", definition, "-p", "arm64", ...sources(registry), "--lock", lock];

    const unsaid = await cli([...plan, ...given, "--json"], inDir);
    expect(unsaid.code).toBe(2);
    expect(errorOf(unsaid).hint).toContain("--archive-image cache=NAME");
    const alone = await cli([...plan, "--archive-image", "cache=x", "--json"], inDir);
    expect(errorOf(alone)).toMatchObject({
      code: "USAGE",
      hint: expect.stringContaining("--archive cache=FILE") as string,
    });

    const planned = await cli([...plan, ...chosen, "--json"], inDir);
    const [platform] = (jsonOf(planned) as PlanResult).platforms;
    expect(platform?.components.find(({ name }) => name === "cache")?.digest).toBe(
      manifests[1]?.digest,
    );
    expect((await cli(create(registry, "--locked", lock, ...given), inDir)).code).toBe(2);
    expect((await cli(create(registry, "--locked", lock, ...chosen), inDir)).code).toBe(0);
  });

  it("names the archives that are finished when a later platform fails", async () => {
    const registry = await serve({
      faults: ({ kind, path: asked, method }) =>
        failing && kind === "blob" && method === "GET" && !arm64.has(asked)
          ? { kind: "corrupt" }
          : undefined,
    });
    let failing = false;
    const arm64 = new Set<string>();
    expect(await cli(create(registry, "-o", "first"), inDir)).toMatchObject({ code: 0 });
    for (const { path: asked } of registry.requests) arm64.add(asked);
    const both = ["create", definition, "-p", "arm64", "-p", "amd64", ...sources(registry)];
    // Plans need configs: these come in whole; the layers of the second platform do not.
    expect(await cli(["plan", ...both.slice(1)], inDir)).toMatchObject({ code: 0 });
    failing = true;
    const broken = await cli([...both, "-o", "out", "--json"], inDir);
    expect(broken.code).toBe(7);
    expect(errorOf(broken).hint).toContain(
      `Finished before: ${path.join(dir, "out", `${NAME}.tar`)}`,
    );
    expect(await readdir(path.join(dir, "out"))).toEqual([`${NAME}.tar`]);
  });

  it.each([
    ["verfy x", 2, /There is no command "verfy"\..*Did you mean "verify"\?/s],
    ["plan", 2, /Missing required flag platform/],
    ["plan openim -p linux/arm64 --ca nope.pem", 11, /CA file .*nope\.pem/],
    ["create openim -p arm64 -p amd64 -o x.tar", 2, /two|2 platforms/],
    ["create openim -p arm64 -o file/x.tar", 11, /file.* cannot be made/],
  ])("%s ends with %d and plain words", async (line, code, message) => {
    await writeFile(path.join(dir, "file"), "");
    const registry = await serve();
    const more = line.startsWith("create") ? sources(registry) : [];
    const all = ["--without", "open_im_server,zookeeper"];
    const args = [...line.split(" "), ...more, ...(line.includes("file/") ? all : [])];
    if (line.includes("file/")) args[1] = definition;
    if (line.includes("file/")) args.splice(args.indexOf("--without"), 2);
    const outcome = await cli(args, inDir);
    expect(outcome.code).toBe(code);
    expect(outcome.stderr).toMatch(message);
    const json = await cli([...args, "--json"], inDir);
    expect(json.code).toBe(code);
    expect(errorOf(json).message).toMatch(/\w/);
  });
});

describe("verify", () => {
  it("exits with 10 on a flipped byte, naming the blob, and on a truncated archive", async () => {
    const registry = await serve();
    expect(await cli(create(registry), inDir)).toMatchObject({ code: 0 });
    const file = path.join(dir, `${NAME}.tar`);
    const bytes = await readFile(file);
    const at = bytes.length - 5000;
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    await writeFile(file, bytes);
    const flipped = await cli(["verify", file], inDir);
    expect(flipped.code).toBe(10);
    expect(flipped.stdout).toMatch(/error [a-z/-]+: .*sha256/s);
    expect(flipped.stdout).toMatch(/FAIL .*small-1\.0-linux-arm64\.tar/);
    await truncate(file, bytes.length - 1024);
    expect(await cli(["verify", file, "--json"], inDir)).toMatchObject({ code: 10 });
  });
});

async function storedBytes(): Promise<number> {
  const entries = await readdir(path.join(dir, "store"), { recursive: true }).catch(() => []);
  let bytes = 0;
  for (const name of entries) {
    bytes += await stat(path.join(dir, "store", name)).then(
      (facts) => (facts.isFile() ? facts.size : 0),
      () => 0,
    );
  }
  return bytes;
}
