import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { VerifyReport } from "../../src/verify/report.js";
import { RULES } from "../../src/verify/rules.js";
import { type CliOutcome, cli, jsonOf } from "../support/cli.js";
import { CASES, Corpus } from "../unit/verify/corpus.js";

let dir: string;
let archive: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "verify-cli-"));
  const one = CASES["compose/secret"];
  if (one === undefined || "findings" in one) throw new Error("There is no such case.");
  archive = await new Corpus(dir).archive(one);
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const verify = (...args: string[]): Promise<CliOutcome> => cli(["verify", ...args], { cwd: dir });

describe("verify on the command line", () => {
  it("fails with 10, and writes what it found for other programs", async () => {
    const outcome = await verify(archive, "--deep", "--junit", "v.xml", "--sarif", "v.sarif");
    expect(outcome.code).toBe(10);
    expect(outcome.stdout).toMatch(/^redis: 1 error\n {2}error compose\/secret: services\.redis/);
    expect(outcome.stdout).toMatch(/^FAIL .* 1 error; .*, layers too\.$/m);
    expect(outcome.stderr).toMatch(/Look into layers/);
    expect(await readFile(join(dir, "v.xml"), "utf8")).toContain('<failure message="Is written');
    expect(JSON.parse(await readFile(join(dir, "v.sarif"), "utf8"))).toMatchObject({
      version: "2.1.0",
      runs: [
        { tool: { driver: { name: "openim-bundler" } }, results: [{ ruleId: "compose/secret" }] },
      ],
    });
    expect((await readdir(dir)).filter((name) => name.startsWith("."))).toEqual([]);
  });

  it("passes where that is waived, and says why", async () => {
    await writeFile(
      join(dir, "verify.yaml"),
      "waive: [{ rule: compose/secret, component: redis, reason: a demo }]\n",
    );
    const outcome = await verify(archive, "--config", "verify.yaml");
    expect(outcome.code).toBe(0);
    expect(outcome.stdout).toContain("because  a demo");
    const json = jsonOf(await verify(archive, "--waive", "compose/secret=x", "--json"));
    expect(json as VerifyReport).toMatchObject({ ok: true, counts: { error: 0, waived: 1 } });
    const off = await verify(archive, "--rule", "compose/secret=off");
    expect(off.stdout).toContain("Turned off: compose/secret");
  });

  it("lists its rules", async () => {
    const { stdout, code } = await verify("--rules");
    expect(code).toBe(0);
    for (const { id } of RULES) expect(stdout).toContain(id);
    expect(jsonOf(await verify("--rules", "--json"))).toEqual({ rules: RULES });
  });

  it("refuses what makes no sense", async () => {
    for (const [args, message, code = 2] of [
      [[], "No archive is given"],
      [[archive, "--rule", "compose/sekret=off"], 'Did you mean "compose/secret"?'],
      [[archive, "--junit", archive], "is named twice"],
      [[archive, "--config", "gone.yaml"], "Cannot read the configuration gone.yaml", 11],
    ] as const) {
      const outcome = await verify(...args);
      expect(outcome.code).toBe(code);
      expect(outcome.stderr).toContain(message);
    }
  });
});
