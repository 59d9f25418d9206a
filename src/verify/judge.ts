import type { BundleManifest } from "../bundle/types.js";
import { globMatches } from "../core/path-glob.js";
import type { VerifyConfig } from "./config.js";
import { withHint } from "./hints.js";
import { type Finding, type VerifyReport, waived } from "./report.js";
import { ruleOf } from "./rules.js";
import { type Waiver, idleWaiver } from "./rules/waivers.js";

export interface Judgement {
  readonly config: VerifyConfig;
  /** What the definition allows is there. */
  readonly manifest?: BundleManifest | undefined;
  /** Whether the layers were looked into: else their waivers cannot match. */
  readonly deep: boolean;
}

/**
 * What findings come to: levels as configured; what the definition allows and what is waived becomes
 * a note with its reason; a waiver that matches nothing is told.
 */
export function judge(
  findings: readonly Finding[],
  { config: { levels, waivers }, manifest, deep }: Judgement,
): Finding[] {
  const used = new Set<Waiver>();
  const judged = findings.flatMap((one): Finding[] => {
    const level = levels.get(one.rule);
    if (level === "off") return [];
    const leveled =
      level === undefined || one.waived !== undefined ? one : { ...one, severity: level };
    const allowed = allowedBy(leveled, manifest);
    const matching = waivers.filter((waiver) => waives(waiver, leveled));
    for (const waiver of matching) used.add(waiver);
    const reason = matching[0]?.reason;
    if (leveled.waived !== undefined) return [leveled];
    if (allowed !== undefined) return [waived(leveled, allowed, "definition")];
    return [reason === undefined ? leveled : waived(leveled, reason, "configuration")];
  });
  const level = levels.get("config/waiver");
  const idle = waivers
    .filter((waiver) => !used.has(waiver) && levels.get(waiver.rule) !== "off" && level !== "off")
    .filter(({ rule }) => deep || ruleOf(rule)?.deep !== true)
    .map((waiver): Finding => {
      const told = idleWaiver(waiver);
      return level === undefined || level === "off" ? told : { ...told, severity: level };
    });
  return [...judged, ...idle].map(withHint);
}

/** How many there are of each kind. */
export function countFindings(findings: readonly Finding[]): VerifyReport["counts"] {
  const counts = { error: 0, warning: 0, note: 0, waived: 0 };
  for (const one of findings) counts[one.waived === undefined ? one.severity : "waived"] += 1;
  return counts;
}

/** The reason for which the definition allows a program in an image, if it does. */
function allowedBy(one: Finding, manifest: BundleManifest | undefined): string | undefined {
  const { rule, component, path } = one;
  if (!rule.startsWith("programs/") || component === undefined || path === undefined)
    return undefined;
  const allow = manifest?.components.find(({ name }) => name === component)?.allow ?? [];
  return allow.find((entry) => "path" in entry && globMatches(entry.path, path))?.reason;
}

function waives({ rule, component, path }: Waiver, one: Finding): boolean {
  return (
    rule === one.rule &&
    (component === undefined || component === one.component) &&
    (path === undefined || globMatches(path, one.path ?? one.subject))
  );
}
