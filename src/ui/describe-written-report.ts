import { formatBytes } from "../core/bytes.js";
import type { WrittenReport } from "../report/write-report.js";

/** What `report` says: the verdict and where the page is. */
export function describeWrittenReport(written: WrittenReport): readonly string[] {
  const { archive, report, bytes, ok, counts, components, packages, changes } = written;
  const found = [
    `${counts.error} errors`,
    `${counts.warning} warnings`,
    `${counts.note} notes`,
    `${counts.waived} waived`,
  ].join(", ");
  const compared = changes === undefined ? "" : `, ${changes} changes`;
  return [
    `${report}: ${components} components, ${packages} packages${compared}, ${formatBytes(bytes)}.`,
    `${ok ? "PASS" : "FAIL"} ${archive}: ${found}.`,
  ];
}
