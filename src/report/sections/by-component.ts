import type { Finding } from "../../verify/report.js";
import type { ReportData } from "../types.js";

/** The key of what is about no component; components cannot have it, as it is no name. */
export const ARCHIVE = "";

/** A component's findings, errors first, and the page's own name for the place where they are. */
export interface FoundIn {
  readonly id: string;
  readonly findings: readonly Finding[];
}

const RANK = { error: 0, warning: 1, note: 2 } as const;

/** The archive first, then every component in the table's order, with or without findings. */
export function findingsByComponent({ verify }: ReportData): ReadonlyMap<string, FoundIn> {
  const lists = new Map<string, Finding[]>([[ARCHIVE, []]]);
  for (const name of verify.components) lists.set(name, []);
  for (const finding of verify.findings) {
    const name = finding.component ?? ARCHIVE;
    const list = lists.get(name);
    if (list === undefined) lists.set(name, [finding]);
    else list.push(finding);
  }
  return new Map(
    [...lists].map(([name, findings], at) => [
      name,
      {
        id: `of-${at}`,
        findings: findings.toSorted(
          (a, b) =>
            RANK[a.severity] - RANK[b.severity] ||
            Number(a.waived !== undefined) - Number(b.waived !== undefined),
        ),
      },
    ]),
  );
}
