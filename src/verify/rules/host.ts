import { MANIFEST_FILE } from "../../bundle/paths.js";
import type { BundleManifest } from "../../bundle/types.js";
import type { RequirementKind } from "../../definition/types.js";
import type { Finding } from "../report.js";
import { declareRules } from "../rule.js";

export const HOST = declareRules("host", {
  error: {
    "host/requires": "A requirement cannot be read, or no host could meet it.",
  },
  warning: {
    "host/level": "A warning can never appear, for a stricter requirement fails before it.",
  },
});

type Row = NonNullable<BundleManifest["requires"]>[number];

/** What no host that a bundle is for could have: a mistake in the number. */
const MOST: Readonly<Partial<Record<RequirementKind, number>>> = {
  memory: 2 ** 43,
  disk: 2 ** 50,
  nofile: 2 ** 30,
};

/** What the bundle requires of its host can be read, could be met, and makes sense row by row. */
export function checkHost({ requires = [], components }: BundleManifest): Finding[] {
  return [
    ...checkRows(requires),
    ...components.flatMap(({ name, requires: own = [] }) => checkRows(own, name)),
  ];
}

function checkRows(rows: readonly Row[], component?: string): Finding[] {
  const about = component === undefined ? {} : { component };
  const findings: Finding[] = [];
  for (const [index, row] of rows.entries()) {
    const subject = `${MANIFEST_FILE}: requires[${index}]`;
    const trouble = troubleOf(row);
    const found = `${row.kind} ${row.value}`;
    if (trouble !== undefined) {
      findings.push(HOST.finding("host/requires", { ...about, subject, message: trouble, found }));
      continue;
    }
    const stricter = row.level === "warn" ? rows.find((other) => hides(other, row)) : undefined;
    if (stricter === undefined) continue;
    findings.push(
      HOST.finding("host/level", {
        ...about,
        subject,
        message: "Can never warn: a host that would be warned of fails already.",
        expected: `more than ${stricter.value}`,
        found,
      }),
    );
  }
  return findings;
}

/** Why a row means nothing, or undefined. */
function troubleOf({ kind, value }: Row): string | undefined {
  switch (kind) {
    case "memory":
    case "disk":
    case "nofile": {
      const number = wholeNumber(value);
      if (number === undefined || number === 0) return "Is no number above 0.";
      const most = MOST[kind] ?? Number.MAX_SAFE_INTEGER;
      return number > most ? `Is more than any host has: ${most} at most.` : undefined;
    }
    case "page-size":
      return ["4096", "16384", "65536"].includes(value)
        ? undefined
        : "Is no page size: 4096, 16384 or 65536 bytes.";
    case "engine":
      return /^\d{1,5}\.\d{1,5}(?:\.\d{1,5})?$/.test(value)
        ? undefined
        : "Is no version of Docker.";
    case "cpu":
      return ["armv8.2-a", "x86-64-v2", "avx"].includes(value)
        ? undefined
        : "Is no set of processor features that the site knows.";
    case "sysctl":
      return /^[a-z0-9_]{1,64}(?:\.[a-z0-9_-]{1,64}){1,8}=\d{1,15}$/.test(value)
        ? undefined
        : "Is not name=number.";
  }
}

/** Whether a row fails wherever another one would warn. */
function hides(stricter: Row, { kind, value }: Row): boolean {
  if (stricter.level !== "fail" || stricter.kind !== kind) return false;
  if (troubleOf(stricter) !== undefined) return false;
  if (kind === "cpu") return stricter.value === value;
  if (kind === "engine") return compareVersions(stricter.value, value) >= 0;
  const [name, number] = split(value);
  const [otherName, other] = split(stricter.value);
  // A page size is the most that may be, everything else the least.
  return name === otherName && (kind === "page-size" ? other <= number : other >= number);
}

function split(value: string): readonly [name: string, number: number] {
  const at = value.indexOf("=");
  return [value.slice(0, Math.max(at, 0)), Number(value.slice(at + 1))];
}

function wholeNumber(text: string): number | undefined {
  return /^\d{1,16}$/.test(text) && Number.isSafeInteger(Number(text)) ? Number(text) : undefined;
}

function compareVersions(a: string, b: string): number {
  const [left, right] = [a, b].map((text) => text.split(".").map(Number));
  for (const at of [0, 1, 2]) {
    const difference = (left?.[at] ?? 0) - (right?.[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
