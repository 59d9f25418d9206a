import { execFileSync, spawnSync } from "node:child_process";
import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { writeTextFile } from "../../../src/bundle/text-file.js";
import { describeReport } from "../../../src/ui/describe-report.js";
import { countFindings } from "../../../src/verify/judge.js";
import { formatJUnit } from "../../../src/verify/junit.js";
import { type Finding, type VerifyReport, waived } from "../../../src/verify/report.js";
import { RULES } from "../../../src/verify/rules.js";
import { formatSarif } from "../../../src/verify/sarif.js";
import { xmlElement, xmlText } from "../../../src/verify/xml.js";
import { finding } from "./finding.js";

/** What an attacker would name things. */
const HOSTILE = `"><script>&'\u0000\u001b[31m\u202e]]>\ud800\uffff\n\t[x](http://e) {0} %s é 中 💥`;

const secret = finding("compose/secret", {
  component: "redis",
  subject: `services.${HOSTILE}`,
  message: `Is written down ${HOSTILE}.`,
  found: HOSTILE,
  hint: HOSTILE,
});
const mount = finding("compose/host-path", {
  component: "redis",
  subject: "x",
  message: "Is outside.",
});
const findings: readonly Finding[] = [
  finding("sums/unlisted", { subject: "files/a", message: "Is not listed." }),
  waived(mount, `because ${HOSTILE}`, "configuration"),
  secret,
  secret,
  finding("image/zstd", {
    component: "etcd",
    subject: HOSTILE,
    message: "Is zstd.",
    path: HOSTILE,
  }),
];
const report: VerifyReport = {
  archive: `dir/${HOSTILE}.tar`,
  platform: "linux/arm64",
  components: ["redis", "etcd", "kafka"],
  deep: false,
  ok: false,
  findings,
  counts: countFindings(findings),
  off: ["table/left-out"],
  checked: { files: 10, blobs: 8, images: 2, bytes: 12_345 },
};

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "outputs-"));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

describe("XML", () => {
  it("has no character that XML 1.0 forbids, and no markup of the text's own", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const xml = xmlText(text);
        expect(xml).toMatch(
          // oxlint-disable-next-line no-control-regex -- control characters are what this is about
          /^(?:[^<>&"'\u0000-\u001f\u007f-\u009f\ufffe\uffff]|&(?:\w+|#\d+);)*$/u,
        );
        expect(Buffer.from(xml).toString()).toBe(xml);
      }),
    );
  });

  it("shows what cannot be written", () => {
    expect(xmlText("a\u001b\u0000\ud800b\n<&")).toBe("a\\u{1b}\\u{0}\\u{d800}b&#10;&lt;&amp;");
    expect(xmlElement("a", { b: `"'`, c: undefined, d: 1 })).toBe('<a b="&quot;&apos;" d="1"/>');
  });
});

const PARSE = `
import json, sys, xml.etree.ElementTree as E
def tree(e): return [e.tag, dict(e.attrib), (e.text or "").strip(), [tree(c) for c in e]]
print(json.dumps(tree(E.parse(sys.argv[1]).getroot())))
`;
const hasPython = spawnSync("python3", ["-c", "import xml.etree"]).status === 0;
type Tree = [tag: string, attributes: Record<string, string>, text: string, children: Tree[]];

describe("JUnit", () => {
  it.skipIf(!hasPython)("is read by an XML parser as suites by component", async () => {
    const file = join(dir, "verify.xml");
    await writeFile(file, formatJUnit(report));
    const [tag, attributes, , suites] = JSON.parse(
      execFileSync("python3", ["-c", PARSE, file], { encoding: "utf8" }),
    ) as Tree;
    expect([tag, attributes["failures"], attributes["skipped"]]).toEqual(["testsuites", "3", "2"]);
    expect(suites.map(([, { name }]) => name)).toEqual(["archive", "redis", "etcd", "kafka"]);
    const cases = suites.flatMap(([, { tests, failures, skipped }, , children]) => {
      expect(Number(tests)).toBe(children.length);
      const count = (kind: string): number =>
        children.filter(([, , , inside]) => inside[0]?.[0] === kind).length;
      expect([Number(failures), Number(skipped)]).toEqual([count("failure"), count("skipped")]);
      return children;
    });
    const names = cases.map(([, { classname, name }]) => `${classname ?? ""} ${name ?? ""}`);
    expect(new Set(names).size).toBe(names.length);
    const [failure] = suites[1]?.[3][0]?.[3] ?? [];
    expect(failure?.[1]).toMatchObject({ type: "compose/secret" });
    expect(failure?.[1]["message"]).toContain(`"><script>&'\\u{0}\\u{1b}[31m\\u{202e}]]>\\u{d800}`);
    expect(suites[3]?.[3].map(([, { name }]) => name)).toEqual(["sound"]);
    // What found nothing passes, what needs --deep was not asked.
    expect(names).toContain("archive tar/format");
    expect(names).not.toContain("archive programs/start");
  });
});

/** The essentials of the schema of SARIF 2.1.0: what is required, and of which form. */
const uri = z.string().regex(/^[\w.~!$&'()*+,;=:@%/-]+$/);
const message = z.object({ text: z.string().min(1) });
const level = z.enum(["none", "note", "warning", "error"]);
const sarif = z.object({
  $schema: z.url(),
  version: z.literal("2.1.0"),
  runs: z.array(
    z.object({
      tool: z.object({
        driver: z.object({
          name: z.string(),
          version: z.string(),
          rules: z.array(
            z.object({
              id: z.string(),
              shortDescription: message,
              defaultConfiguration: z.object({ level, enabled: z.boolean().optional() }),
            }),
          ),
        }),
      }),
      invocations: z.array(z.object({ executionSuccessful: z.boolean(), exitCode: z.int() })),
      artifacts: z.array(z.object({ location: z.object({ uri }), length: z.int().min(-1) })),
      results: z.array(
        z.object({
          ruleId: z.string(),
          ruleIndex: z.int().min(-1),
          level,
          message,
          locations: z.array(
            z.object({
              physicalLocation: z.object({ artifactLocation: z.object({ uri, index: z.int() }) }),
              logicalLocations: z.array(z.object({ fullyQualifiedName: z.string() })),
            }),
          ),
          partialFingerprints: z.record(z.string(), z.string()),
          suppressions: z
            .array(
              z.object({
                kind: z.enum(["inSource", "external"]),
                status: z.enum(["accepted", "underReview", "rejected"]),
                justification: z.string(),
              }),
            )
            .optional(),
        }),
      ),
    }),
  ),
});

describe("SARIF", () => {
  it("has every rule, and every finding with its rule, level and place", () => {
    const text = formatSarif(report, { name: "openim-bundler", version: "1.2.3" });
    const [run] = sarif.parse(JSON.parse(text)).runs;
    expect(run?.tool.driver.rules).toHaveLength(RULES.length);
    for (const [at, { ruleId, ruleIndex }] of run?.results.entries() ?? []) {
      expect(ruleId).toBe(findings[at]?.rule);
      expect(run?.tool.driver.rules[ruleIndex]?.id).toBe(ruleId);
    }
    expect(run?.results.map((one) => one.level)).toEqual([
      "error",
      "error",
      "error",
      "error",
      "warning",
    ]);
    expect(run?.results[1]?.suppressions).toMatchObject([{ kind: "external" }]);
    expect(run?.invocations).toEqual([{ executionSuccessful: true, exitCode: 10 }]);
    for (const one of run?.results ?? []) expect(one.message.text).not.toContain("](");
  });

  it("locates an archive by its absolute path too", () => {
    const absolute = { ...report, archive: "/srv/a b.tar" };
    const text = formatSarif(absolute, { name: "x", version: "1" });
    expect(sarif.parse(JSON.parse(text)).runs[0]?.artifacts[0]?.location.uri).toBe(
      "file:///srv/a%20b.tar",
    );
  });
});

describe("the terminal", () => {
  it("groups by component with counts, and lets no name look like a line of ours", () => {
    const lines = describeReport({ ...report, archive: "a.tar" });
    expect(lines.filter((line) => !line.startsWith(" "))).toEqual([
      "archive: 1 error",
      "redis: 2 errors, 1 waived",
      "etcd: 1 warning",
      "Turned off: table/left-out",
      "FAIL a.tar for linux/arm64: 3 errors, 1 warning, 1 waived; 10 files, 8 blobs, 2 images, 12.1 KiB checked.",
    ]);
    for (const line of lines) expect(line).not.toMatch(/[\r\n]/);
    expect(lines.some((line) => line.startsWith("      because  because"))).toBe(true);
  });
});

describe("a report's file", () => {
  it("takes an older one's place only when it is whole", async () => {
    const file = join(dir, "report.json");
    await writeTextFile(file, "one");
    await writeTextFile(file, "two");
    expect(await readFile(file, "utf8")).toBe("two");
    expect((await readdir(dir)).filter((name) => name.includes("report.json"))).toEqual([
      "report.json",
    ]);
    await expect(writeTextFile(join(dir, "no", "where"), "x")).rejects.toMatchObject({
      code: "FILE",
    });
  });
});
