import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { withHint } from "../../../src/verify/hints.js";
import { RULE_GROUPS } from "../../../src/verify/rule.js";
import { RULES, ruleOf } from "../../../src/verify/rules.js";
import { verifyBundle } from "../../../src/verify/verify.js";
import { CASES, Corpus } from "./corpus.js";

let dir: string;
let corpus: Corpus;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "rules-"));
  corpus = new Corpus(dir);
});
afterAll(() => rm(dir, { recursive: true, force: true }));

describe("the rules", () => {
  it("have ids of their own, a sentence each, and a group", () => {
    expect(new Set(RULES.map(({ id }) => id)).size).toBe(RULES.length);
    for (const { id, says, group } of RULES) {
      expect(id).toMatch(/^[a-z]+\/[a-z]+(?:-[a-z]+)*$/);
      expect(says).toMatch(/^[A-Zb-z].*[.)]\.?$/);
      expect(RULE_GROUPS).toContain(group);
      expect(ruleOf(id)?.id).toBe(id);
    }
  });

  it("have a case each in the corpus of broken archives", () => {
    expect(Object.keys(CASES).sort()).toEqual(RULES.map(({ id }) => id).sort());
  });

  it("have nothing to say of a sound archive", async () => {
    const { findings } = await verifyBundle(await corpus.sound(), { deep: true });
    expect(findings).toEqual([]);
  });

  it.each(Object.entries(CASES))("%s alone catches its case", async (id, one) => {
    const findings = await corpus.findings(one, ruleOf(id)?.deep === true);
    const found = new Set(findings.map(({ rule }) => rule));
    expect(found).toContain(id);
    for (const companion of one.with ?? []) found.delete(companion);
    expect([...found].filter((rule) => rule !== id)).toEqual([]);
    for (const finding of findings) {
      expect(finding.message).toMatch(/\.$/);
      if (finding.rule === id) expect(finding.severity).toBe(ruleOf(id)?.severity);
      if (finding.severity !== "note") expect(withHint(finding).hint).toMatch(/^[A-Z].*\.$/);
    }
  });
});
