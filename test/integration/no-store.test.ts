import { createHash } from "node:crypto";
import { mkdtemp, open, readFile, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadDefinition } from "../../src/definition/definition.js";
import type { Fault } from "../../src/sample/faults.js";
import { sampleCatalogue } from "../../src/sample/catalogue.js";
import {
  type SampleRegistry,
  type SampleRegistryOptions,
  startSampleRegistry,
} from "../../src/sample/registry.js";
import { type CliOptions, type CliOutcome, cli, startCli } from "../support/cli.js";
import { writeSmallDefinition } from "../support/small-definition.js";

const NAME = "small-1.0-linux-arm64.tar";
let dir: string;
let out: string;
let definition: string;
let registry: SampleRegistry;

/** What becomes of blobs on their way. */
let trouble: Fault | undefined;
const SLOW: Fault = { kind: "slow", bytesPerSecond: 100_000 };
const STALLED: Fault = { kind: "stall", after: 40_000 };
const faults: SampleRegistryOptions["faults"] = ({ kind, method }) =>
  kind === "blob" && method === "GET" ? trouble : undefined;

beforeEach(async () => {
  trouble = undefined;
  dir = await mkdtemp(path.join(tmpdir(), "openim-bundler-no-store-"));
  out = path.join(dir, "out");
  definition = await writeSmallDefinition(path.join(dir, "definition"));
  registry = await startSampleRegistry({
    images: sampleCatalogue(await loadDefinition(definition)),
    faults,
  });
});
afterEach(async () => {
  await registry.close();
  await rm(dir, { recursive: true, force: true });
});

const run = (args: readonly string[], env?: CliOptions["env"]): Promise<CliOutcome> =>
  cli(args, { cwd: dir, ...(env === undefined ? {} : { env }) });
const create = (...more: string[]): string[] => [
  ...["create", definition, "-p", "linux/arm64"],
  ...["--mirror", `docker.io=${registry.url}`, "--mirror", `quay.io=${registry.url}`],
  ...more,
];
const alone = (): string[] => create("--no-store", "-o", out);
const sumOf = async (file: string): Promise<string> =>
  createHash("sha256")
    .update(await readFile(file))
    .digest("hex");
const listed = (): Promise<string[]> => readdir(out).catch(() => []);
const unfinished = async (): Promise<readonly string[]> =>
  (await listed()).filter((name) => name.endsWith(".partial"));

/** What an undisturbed run with a store makes. */
async function expected(): Promise<string> {
  const folder = path.join(dir, "expected");
  const made = await run(create("--store", path.join(dir, "store"), "-o", folder));
  expect(made).toMatchObject({ code: 0 });
  return sumOf(path.join(folder, NAME));
}

/** Starts a run on a registry in trouble and ends it once the archive has been begun. */
async function breakOff(signal: NodeJS.Signals, after: number, fault = SLOW) {
  trouble = fault;
  const before = await unfinished();
  const { child, ended } = startCli(alone(), { cwd: dir });
  const begun = async (): Promise<boolean> =>
    (await unfinished()).some((name) => !before.includes(name));
  while (!(await begun()) && child.exitCode === null) await sleep(10);
  await sleep(after);
  child.kill(signal);
  const outcome = await ended;
  trouble = undefined;
  return outcome;
}

describe("create --no-store", () => {
  it("makes the same archive as with a store, and leaves nothing else", async () => {
    const sum = await expected();
    const made = await run(alone(), { OPENIM_BUNDLER_STORE: path.join(dir, "unused") });
    expect(made).toMatchObject({ code: 0 });
    expect(await sumOf(path.join(out, NAME))).toBe(sum);
    expect(await listed()).toEqual([NAME]);
    expect(await readdir(dir)).not.toContain("unused");
  });

  it("makes the same archive with SBOMs", async () => {
    const folder = path.join(dir, "expected");
    const kept = ["--store", path.join(dir, "store"), "--sbom"];
    expect(await run(create(...kept, "-o", folder))).toMatchObject({ code: 0 });
    expect(await run([...alone(), "--sbom"])).toMatchObject({ code: 0 });
    expect(await sumOf(path.join(out, NAME))).toBe(await sumOf(path.join(folder, NAME)));
    expect(await run(["verify", path.join(out, NAME)])).toMatchObject({ code: 0 });
  });

  it("leaves the unfinished file alone when it is interrupted, says so, and goes on from there", async () => {
    const sum = await expected();
    const goesOn = (): boolean => registry.requests.some(({ range }) => range !== undefined);
    // However slow the machine is: each time it is given longer, until a download went on.
    for (let wait = 500; !goesOn(); wait *= 2) {
      const { code, stderr } = await breakOff("SIGINT", wait, STALLED);
      expect(code).toBe(130);
      expect(stderr).toContain(`${path.join(out, `.${NAME}.partial`)}; run the same command again`);
      expect(await listed()).toEqual([`.${NAME}.partial`]);
    }
    expect(await run(alone())).toMatchObject({ code: 0 });
    expect(await sumOf(path.join(out, NAME))).toBe(sum);
    expect(await listed()).toEqual([NAME]);
  });

  it("comes to the same bytes whenever it is killed", async () => {
    const sum = await expected();
    for (let times = 0; times < 4; times += 1) {
      await breakOff("SIGKILL", Math.random() * 1500);
      if ((await listed()).includes(NAME)) break;
    }
    const done = (await listed()).includes(NAME);
    expect(await run(done ? [...alone(), "--force"] : alone())).toMatchObject({ code: 0 });
    expect(await sumOf(path.join(out, NAME))).toBe(sum);
    expect(await listed()).toEqual([NAME]);
  });

  it("takes nothing on trust that it finds in the unfinished file", async () => {
    const sum = await expected();
    await breakOff("SIGINT", 800, STALLED);
    const file = await open(path.join(out, (await unfinished())[0] ?? ""), "r+");
    const { size } = await file.stat();
    for (let at = 0; at < size; at += 5000) await file.write(Buffer.from([at % 251]), 0, 1, at);
    await file.close();
    expect(await run(alone())).toMatchObject({ code: 0 });
    expect(await sumOf(path.join(out, NAME))).toBe(sum);
  });

  it("is gone on with by a run that has a store", async () => {
    const sum = await expected();
    await breakOff("SIGKILL", 500);
    const kept = create("--store", path.join(dir, "another"), "-o", out);
    expect(await run(kept)).toMatchObject({ code: 0 });
    expect(await sumOf(path.join(out, NAME))).toBe(sum);
    expect(await listed()).toEqual([NAME]);
    expect((await stat(path.join(dir, "another"))).isDirectory()).toBe(true);
  });
});
