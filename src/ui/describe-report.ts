import { formatBytes } from "../core/bytes.js";
import type { Finding, VerifyReport } from "../verify/report.js";

/** What `verify` says: findings by component, errors first, and a verdict as the last line. */
export function describeReport(report: VerifyReport): readonly string[] {
  const { archive, platform, ok, findings, checked } = report;
  const groups = new Map<string, Finding[]>();
  for (const finding of findings) {
    const key = finding.component ?? "archive";
    groups.set(key, [...(groups.get(key) ?? []), finding]);
  }
  const lines: string[] = [];
  for (const [name, group] of groups) {
    lines.push(name);
    for (const finding of group.toSorted((a, b) => RANK[a.severity] - RANK[b.severity])) {
      lines.push(`  ${finding.severity} ${finding.rule}: ${finding.subject}: ${finding.message}`);
      if (finding.expected !== undefined) lines.push(`      expected ${finding.expected}`);
      if (finding.found !== undefined) lines.push(`      found    ${finding.found}`);
    }
  }
  const errors = findings.filter(({ severity }) => severity === "error").length;
  const scope = `${checked.files} files, ${checked.blobs} blobs, ${checked.images} images, ${formatBytes(checked.bytes)}`;
  const target = platform === undefined ? "" : ` for ${platform}`;
  lines.push(
    ok
      ? `PASS ${archive}${target}: ${scope} checked.`
      : `FAIL ${archive}${target}: ${errors} error${errors === 1 ? "" : "s"}; ${scope} checked.`,
  );
  return lines;
}

const RANK = { error: 0, warning: 1, note: 2 } as const;
