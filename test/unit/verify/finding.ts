import type { Finding } from "../../../src/verify/report.js";
import { type RuleId, ruleOf } from "../../../src/verify/rules.js";

/** A finding of any rule, with the rule's own severity. */
export function finding(rule: RuleId, facts: Omit<Finding, "rule" | "severity">): Finding {
  return { rule, severity: ruleOf(rule)?.severity ?? "error", ...facts };
}
