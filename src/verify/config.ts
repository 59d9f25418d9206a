import { BundlerError } from "../core/errors.js";
import { nearest } from "../core/nearest.js";
import type { Severity } from "./report.js";
import { RULES, ruleOf } from "./rules.js";
import type { Waiver } from "./rules/waivers.js";

/** What a configuration may make of a rule. */
export const LEVELS = ["error", "warning", "note", "off"] as const;
type Level = Severity | "off";

/** How much each rule matters to whoever verifies, and what they accept. */
export interface VerifyConfig {
  readonly levels: ReadonlyMap<string, Level>;
  readonly waivers: readonly Waiver[];
}

export const NO_CONFIG: VerifyConfig = { levels: new Map(), waivers: [] };

/** Two configurations as one: the later one's levels win, all waivers hold. */
export function mergeConfigs(first: VerifyConfig, second: VerifyConfig): VerifyConfig {
  return {
    levels: new Map([...first.levels, ...second.levels]),
    waivers: [...first.waivers, ...second.waivers],
  };
}

/**
 * Reads `--rule id=level` and `--waive rule[:component[:path]]=reason`. The first `=` ends what is
 * waived, so that a path with one is for the file to say.
 * @throws BundlerError USAGE naming the flag and the nearest rule or level.
 */
export function readConfigFlags(flags: {
  readonly rule?: readonly string[] | undefined;
  readonly waive?: readonly string[] | undefined;
}): VerifyConfig {
  const levels = new Map<string, Level>();
  for (const text of flags.rule ?? []) {
    const from = `--rule ${text}`;
    const at = text.indexOf("=");
    if (at < 0) throw misuse(from, "is not RULE=LEVEL", `Levels are ${LEVELS.join(", ")}.`);
    const id = knownRule(text.slice(0, at), from);
    const word = text.slice(at + 1);
    const level = LEVELS.find((one) => one === word);
    if (level === undefined) {
      const near = nearest(word, LEVELS);
      throw misuse(
        from,
        `has no level ${JSON.stringify(word)}`,
        near === undefined ? `Levels are ${LEVELS.join(", ")}.` : `Did you mean "${near}"?`,
      );
    }
    levels.set(id, level);
  }
  return { levels, waivers: (flags.waive ?? []).map(readWaiver) };
}

function readWaiver(text: string): Waiver {
  const from = `--waive ${text}`;
  const at = text.indexOf("=");
  const reason = text.slice(at + 1).trim();
  if (at < 0 || reason === "") {
    throw misuse(from, "has no reason", "Write RULE=REASON, RULE:COMPONENT=REASON or so.");
  }
  const [rule = "", component = "", ...rest] = text.slice(0, at).split(":");
  const path = rest.join(":");
  return {
    rule: knownRule(rule, from),
    ...(component === "" ? {} : { component }),
    ...(path === "" ? {} : { path }),
    reason,
    from,
  };
}

function knownRule(id: string, from: string): string {
  if (ruleOf(id) !== undefined) return id;
  const near = nearestRule(id);
  throw misuse(
    from,
    `names no rule: there is no ${JSON.stringify(id)}`,
    near === undefined ? "`verify --rules` lists them all." : `Did you mean "${near}"?`,
  );
}

/** The rule that a misspelt id most likely means. */
export function nearestRule(id: string): string | undefined {
  return nearest(
    id,
    RULES.map((rule) => rule.id),
  );
}

function misuse(from: string, what: string, hint: string): BundlerError {
  return new BundlerError("USAGE", `${from} ${what}.`, { hint });
}
