import { formatBytes } from "../core/bytes.js";
import type { WrittenReport } from "../report/write-report.js";
import { counted } from "../core/counted.js";

/** What `report` says: the verdict and where the page is. */
export function describeWrittenReport(written: WrittenReport): readonly string[] {
  const { archive, report, bytes, ok, counts, components, packages, changes } = written;
  const found = [
    counted(counts.error, "error"),
    counted(counts.warning, "warning"),
    counted(counts.note, "note"),
    `${counts.waived} waived`,
  ].join(", ");
  const compared = changes === undefined ? "" : `, ${counted(changes, "change")}`;
  return [
    `${report}: ${counted(components, "component")}, ${counted(packages, "package")}${compared}, ${formatBytes(bytes)}.`,
    `${ok ? "PASS" : "FAIL"} ${archive}: ${found}.`,
  ];
}
