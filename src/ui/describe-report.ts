import { formatBytes } from "../core/bytes.js";
import { visible } from "../core/invisible.js";
import { findingsByComponent } from "../verify/by-component.js";
import { countFindings } from "../verify/judge.js";
import type { Finding, VerifyReport } from "../verify/report.js";

/** What `verify` says: findings by component, the worst first, and a verdict as the last line. */
export function describeReport(report: VerifyReport): readonly string[] {
  const lines: string[] = [];
  for (const [name, findings] of findingsByComponent(report)) {
    if (findings.length === 0) continue;
    lines.push(`${visible(name)}: ${countsOf(countFindings(findings))}`);
    for (const [at, one] of findings.entries()) {
      // What is to be done about several is said once, after the last.
      const isSaid = one.hint !== undefined && one.hint !== findings[at + 1]?.hint;
      lines.push(...describeFinding(one, isSaid));
    }
  }
  if (report.off.length > 0) lines.push(`Turned off: ${report.off.join(", ")}`);
  const { archive, platform, ok, checked } = report;
  const scope = `${checked.files} files, ${checked.blobs} blobs, ${checked.images} images, ${formatBytes(checked.bytes)}`;
  const target = platform === undefined ? "" : ` for ${platform}`;
  const counts = countsOf(report.counts);
  const found = counts === "" ? "" : `${counts}; `;
  lines.push(
    `${ok ? "PASS" : "FAIL"} ${visible(archive)}${target}: ${found}${scope} checked${report.deep ? ", layers too" : ""}.`,
  );
  return lines;
}

function describeFinding(one: Finding, withHint: boolean): string[] {
  const { rule, subject, message, expected, found, path, layer, history, hint, waived } = one;
  const facts = {
    path: path === found || (path !== undefined && subject.endsWith(path)) ? undefined : path,
    expected,
    found,
    layer,
    history,
  };
  // A name in an archive must not look like a line of ours.
  return [
    `  ${waived === undefined ? one.severity : "waived"} ${rule}: ${subject}: ${message}`,
    ...(waived === undefined ? [] : [`      because  ${waived.reason}`]),
    ...Object.entries(facts).flatMap(([key, value]) =>
      value === undefined ? [] : [`      ${key.padEnd(8)} ${value}`],
    ),
    ...(hint === undefined || waived !== undefined || !withHint ? [] : [`      → ${hint}`]),
  ].map((line) => visible(line));
}

/** `2 errors, 1 note, 1 waived`. */
function countsOf(counts: VerifyReport["counts"]): string {
  return (["error", "warning", "note", "waived"] as const)
    .filter((kind) => counts[kind] > 0)
    .map((kind) => `${counts[kind]} ${kind}${kind === "waived" || counts[kind] === 1 ? "" : "s"}`)
    .join(", ");
}
