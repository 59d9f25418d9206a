import type { Finding, VerifyReport } from "./report.js";

const RANK = { error: 0, warning: 1, note: 2 } as const;

/**
 * Findings under the component that they are about, `archive` first for those about none; the worst
 * first. Every component of the bundle is there.
 */
export function findingsByComponent(report: VerifyReport): ReadonlyMap<string, readonly Finding[]> {
  const groups = new Map<string, Finding[]>(
    ["archive", ...report.components].map((name) => [name, []]),
  );
  for (const one of report.findings) {
    const name = one.component ?? "archive";
    const group = groups.get(name) ?? [];
    group.push(one);
    groups.set(name, group);
  }
  const order = (one: Finding): number => (one.waived === undefined ? RANK[one.severity] : 3);
  for (const group of groups.values()) group.sort((a, b) => order(a) - order(b));
  return groups;
}
