import type { ComponentInspection } from "../inspect/inspect-bundle.js";
import { formatBytes } from "../core/bytes.js";

/** What a bundle or a component requires of the host, a line each. */
export function requirementLines(
  requires: ComponentInspection["requires"],
  component?: string,
): readonly string[] {
  return requires.map(
    ({ kind, value, level, reason }) =>
      `${named(component)}${kind} ${isSize(kind) ? formatBytes(Number(value)) : value}${level === "warn" ? " (only a warning)" : ""}: ${reason.en}`,
  );
}

/** What the site tries once everything is healthy. */
export function smokeLines(
  smoke: ComponentInspection["smoke"],
  component?: string,
): readonly string[] {
  return smoke.map((test) => {
    const what = "run" in test ? test.run.map(quoted).join(" ") : test.http;
    const expect = test.expect === undefined ? "" : `, expects ${JSON.stringify(test.expect)}`;
    return `${named(component)}${what}${expect}, within ${test.limit} s`;
  });
}

/** What must stay as it is in an upgrade. */
export function upgradeLines(
  upgrade: ComponentInspection["upgrade"],
  component?: string,
): readonly string[] {
  if (upgrade === undefined || upgrade.within === "any") return [];
  const { within, reason } = upgrade;
  return [
    `${named(component)}within the same ${within} version${reason === undefined ? "" : `: ${reason.en}`}`,
  ];
}

function named(component: string | undefined): string {
  return component === undefined ? "" : `${component}: `;
}

function isSize(kind: string): boolean {
  return kind === "memory" || kind === "disk" || kind === "page-size";
}

function quoted(word: string): string {
  return /^[\w./:=@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
