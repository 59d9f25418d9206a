import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { appendFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { BundleInspection } from "../../src/inspect/inspect-bundle.js";
import { loadDefinition } from "../../src/definition/definition.js";
import type { CreateResult } from "../../src/jobs/create.js";
import type { PlanResult } from "../../src/jobs/plan.js";
import type { Lock } from "../../src/plan/types.js";
import { sampleCatalogue } from "../../src/sample/catalogue.js";
import { type SampleRegistry, startSampleRegistry } from "../../src/sample/registry.js";
import { type CliOutcome, cli, jsonOf } from "../support/cli.js";
import { engineArchive, engineProgram } from "../support/engine-files.js";
import { writeSmallDefinition } from "../support/small-definition.js";
import { type FileServer, startFileServer } from "./source-server.js";

const run = promisify(execFile);
const TARGET = "linux/arm64";
const NAME = "small-1.0-linux-arm64";
const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

let dir: string;
let registry: SampleRegistry;
let web: FileServer;
const engine = engineArchive(TARGET);
const compose = engineProgram(TARGET);

beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), "openim-bundler-engine-"));
  await writeSmallDefinition(path.join(dir, "definition"));
  registry = await startSampleRegistry({
    images: sampleCatalogue(await loadDefinition(path.join(dir, "definition"))),
  });
  web = await startFileServer();
});
afterEach(async () => {
  await registry.close();
  await web.close();
  await rm(dir, { recursive: true, force: true });
});

/** Adds an engine to the definition: `docker` at two addresses, `compose` with a published checksum. */
async function define(archive: Uint8Array = engine): Promise<void> {
  web.add("/docker.tgz", archive);
  web.add("/compose", compose);
  web.add("/compose.sha256", `${sha256(compose)} *compose\n`);
  await appendFile(
    path.join(dir, "definition/components.yaml"),
    `extras:
  docker:
    version: "27.5.1"
    ${TARGET}:
      url: ["${web.origin}/gone.tgz", "${web.origin}/docker.tgz"]
      sha256: ${sha256(archive)}
  compose:
    version: "2.30.3"
    ${TARGET}: { url: "${web.origin}/compose", checksumUrl: "${web.origin}/compose.sha256" }
`,
  );
}

function bundler(command: "plan" | "create", ...more: string[]): Promise<CliOutcome> {
  const { url } = registry;
  const mirrors = ["--mirror", `docker.io=${url}`, "--mirror", `quay.io=${url}`];
  const args = [command, "definition", "-p", TARGET, ...mirrors, "--store", "store", ...more];
  return cli(args, { cwd: dir });
}

describe("a bundle with an engine", () => {
  it("carries it where --with-engine asks for it, checked and told", async () => {
    await define();
    const made = await bundler("create", "--with-engine", "--json");
    expect(made, made.stderr).toMatchObject({ code: 0 });
    const [archive] = (jsonOf(made) as CreateResult).archives;
    expect(archive?.fetched).toBeGreaterThan(engine.length + compose.length);

    expect(await cli(["verify", `${NAME}.tar`], { cwd: dir })).toMatchObject({ code: 0 });
    const inspected = await cli(["inspect", `${NAME}.tar`, "--json"], { cwd: dir });
    const extras = [
      {
        name: "docker",
        version: "27.5.1",
        path: "extras/docker.tgz",
        size: engine.length,
        sha256: sha256(engine),
      },
      {
        name: "compose",
        version: "2.30.3",
        path: "extras/docker-compose",
        size: compose.length,
        sha256: sha256(compose),
      },
    ];
    expect((jsonOf(inspected) as BundleInspection).extras).toEqual(extras);
    const told = await cli(["inspect", `${NAME}.tar`], { cwd: dir });
    expect(told.stdout).toContain("carries docker 27.5.1: extras/docker.tgz");

    await run("tar", ["xf", `${NAME}.tar`], { cwd: dir });
    const at = (file: string): string => path.join(dir, NAME, file);
    await run("sha256sum", ["-c", "--quiet", "SHA256SUMS"], { cwd: path.join(dir, NAME) });
    expect(await readFile(at("extras/docker.tgz"))).toEqual(engine);
    expect(await readFile(at("site/extras.tsv"), "utf8")).toBe(
      [
        ["#name", "file", "sha256", "bytes", "version"],
        ...extras.map((one) => [one.name, one.path, one.sha256, String(one.size), one.version]),
      ]
        .map((row) => `${row.join("\t")}\n`)
        .join(""),
    );
    await run("test", ["-x", at("extras/docker-compose")]);

    const asked = web.requests.length;
    const again = await bundler("create", "--with-engine", "-o", "again", "--json");
    expect(again.code).toBe(0);
    expect((jsonOf(again) as CreateResult).archives[0]?.fetched).toBe(0);
    expect(await readFile(path.join(dir, "again", `${NAME}.tar`))).toEqual(
      await readFile(path.join(dir, `${NAME}.tar`)),
    );
    expect(web.requests.slice(asked).map((request) => request.path)).toEqual(["/compose.sha256"]);
  });

  it("is without it, and asks nobody for it, where it was not asked for", async () => {
    await define();
    const planned = await bundler("plan", "--json");
    expect((jsonOf(planned) as PlanResult).platforms[0]).not.toHaveProperty("extras");
    expect(await bundler("create")).toMatchObject({ code: 0 });
    expect(web.requests).toEqual([]);
    const told = await cli(["inspect", `${NAME}.tar`, "--json"], { cwd: dir });
    expect(jsonOf(told)).not.toHaveProperty("extras");
  });

  it("is planned without a download, pinned by the lock, and made from it", async () => {
    await define();
    const planned = await bundler("plan", "--with-engine", "--lock", "lock.json");
    expect(planned, planned.stderr).toMatchObject({ code: 0 });
    expect(planned.stdout).toContain(`Carries docker 27.5.1 (sha256:${sha256(engine)})`);
    expect(web.requests.map((request) => request.path)).toEqual(["/compose.sha256"]);
    const lock = JSON.parse(await readFile(path.join(dir, "lock.json"), "utf8")) as Lock;
    expect(lock.platforms[0]?.extras).toEqual([
      { name: "docker", version: "27.5.1", checksum: `sha256:${sha256(engine)}` },
      { name: "compose", version: "2.30.3", checksum: `sha256:${sha256(compose)}` },
    ]);
    const made = await bundler("create", "--locked", "lock.json");
    expect(made, made.stderr).toMatchObject({ code: 0 });
    expect((await cli(["inspect", `${NAME}.tar`], { cwd: dir })).stdout).toContain(
      "carries compose",
    );

    expect(await bundler("plan", "--lock", "bare.json")).toMatchObject({ code: 0 });
    const refused = await bundler("create", "--locked", "bare.json", "--with-engine", "--force");
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain("the lock has no engine");
  });

  it("takes it from a file given by hand, if that is the right one", async () => {
    await define();
    web.setFault(() => ({ kind: "answer", status: 503 }));
    await writeFile(path.join(dir, "d.tgz"), engine);
    await writeFile(path.join(dir, "c"), compose);
    const files = ["--source", "docker=d.tgz", "--source", "compose=c"];
    const made = await bundler("create", "--with-engine", ...files);
    expect(made, made.stderr).toMatchObject({ code: 0 });
    expect(web.requests).toEqual([]);
    await writeFile(path.join(dir, "d.tgz"), "another");
    const other = await bundler("create", "--with-engine", "--force", ...files);
    expect(other.code).not.toBe(0);
    expect(other.stderr).toContain("the definition expects sha256:");
  });

  it("is not made with an engine for another machine, or where none is named", async () => {
    const none = await bundler("create", "--with-engine");
    expect(none.code).toBe(2);
    expect(none.stderr).toContain("small 1.0 names no engine");
    await define(engineArchive("linux/amd64"));
    const wrong = await bundler("create", "--with-engine");
    expect(wrong.code).not.toBe(0);
    expect(wrong.stderr).toContain("extras.docker is not what a site can install");
    const missing = await cli(
      [
        "plan",
        "definition",
        "-p",
        "linux/amd64",
        "--with-engine",
        "--mirror",
        `docker.io=${registry.url}`,
        "--mirror",
        `quay.io=${registry.url}`,
        "--store",
        "store",
      ],
      { cwd: dir },
    );
    expect(missing.code).not.toBe(0);
    expect(missing.stderr).toContain("extras.docker 27.5.1 has no file for linux/amd64");
  });
});
