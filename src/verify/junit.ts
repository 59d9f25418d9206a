import { basename } from "node:path";
import { findingsByComponent } from "./by-component.js";
import type { Finding, VerifyReport } from "./report.js";
import { RULES } from "./rules.js";
import { xmlElement, xmlText } from "./xml.js";

/**
 * A report as JUnit's XML, in the form that Jenkins, GitLab, Azure and others read: a suite for the
 * archive and for each component, a test case for each finding, and one for each rule that found
 * nothing. Errors fail, what is waived or off is skipped, warnings and notes pass and are told.
 */
export function formatJUnit(report: VerifyReport): string {
  const groups = findingsByComponent(report);
  const suites = [...groups].map(([name, findings]) => {
    const names = new Map<string, number>();
    const cases = findings.map((one) => findingCase(name, one, names));
    if (name === ARCHIVE) cases.push(...ruleCases(report));
    else if (cases.length === 0) cases.push(testCase(name, "sound"));
    return suite(name, cases);
  });
  const sum = (key: "tests" | "failures" | "skipped"): number =>
    suites.reduce((total, one) => total + one[key], 0);
  const root = xmlElement(
    "testsuites",
    {
      name: `verify ${basename(report.archive)}`,
      tests: sum("tests"),
      failures: sum("failures"),
      errors: 0,
      skipped: sum("skipped"),
    },
    ["\n", ...suites.map(({ xml }) => `${xml}\n`)],
  );
  return `<?xml version="1.0" encoding="UTF-8"?>\n${root}\n`;
}

const ARCHIVE = "archive";

interface TestCase {
  readonly xml: string;
  readonly kind: "passed" | "failed" | "skipped";
}

interface Suite {
  readonly xml: string;
  readonly tests: number;
  readonly failures: number;
  readonly skipped: number;
}

function suite(name: string, cases: readonly TestCase[]): Suite {
  const tests = cases.length;
  const failures = cases.filter(({ kind }) => kind === "failed").length;
  const skipped = cases.filter(({ kind }) => kind === "skipped").length;
  const xml = xmlElement("testsuite", { name, tests, failures, errors: 0, skipped }, [
    "\n",
    ...cases.map((one) => `  ${one.xml}\n`),
  ]);
  return { xml, tests, failures, skipped };
}

/** Rules that found nothing, and those that were not asked. */
function ruleCases({ findings, off, deep }: VerifyReport): TestCase[] {
  const found = new Set(findings.map(({ rule }) => rule));
  return RULES.filter((rule) => !found.has(rule.id) && (deep || !rule.deep)).map(({ id }) =>
    off.includes(id)
      ? testCase(ARCHIVE, id, "skipped", [
          xmlElement("skipped", { message: "off by configuration" }),
        ])
      : testCase(ARCHIVE, id),
  );
}

function findingCase(suiteName: string, one: Finding, names: Map<string, number>): TestCase {
  const plain = `${one.rule}: ${one.subject}${one.path === undefined || one.subject.endsWith(one.path) ? "" : ` ${one.path}`}`;
  // Two test cases of one name would be one to most readers.
  const count = (names.get(plain) ?? 0) + 1;
  names.set(plain, count);
  const name = count === 1 ? plain : `${plain} (${count})`;
  if (one.waived !== undefined) {
    const message = `waived by the ${one.waived.by}: ${one.waived.reason}`;
    return testCase(suiteName, name, "skipped", [xmlElement("skipped", { message })]);
  }
  const details = xmlText(detailsOf(one).join("\n"));
  if (one.severity !== "error") {
    return testCase(suiteName, name, "passed", [
      xmlElement("system-out", {}, [xmlText(`${one.severity}: ${one.message}\n`), details]),
    ]);
  }
  const { message, rule: type } = one;
  return testCase(suiteName, name, "failed", [xmlElement("failure", { message, type }, [details])]);
}

function detailsOf({
  subject,
  message,
  expected,
  found,
  path,
  layer,
  history,
  hint,
}: Finding): string[] {
  const facts = { expected, found, path, layer, history, hint };
  return [
    `${subject}: ${message}`,
    ...Object.entries(facts).flatMap(([key, value]) =>
      value === undefined ? [] : [`${key}: ${value}`],
    ),
  ];
}

function testCase(
  classname: string,
  name: string,
  kind: TestCase["kind"] = "passed",
  children: readonly string[] = [],
): TestCase {
  return { kind, xml: xmlElement("testcase", { classname, name }, children) };
}
