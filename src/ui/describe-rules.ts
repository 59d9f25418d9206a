import type { VerifyConfig } from "../verify/config.js";
import { RULE_GROUPS, type Rule } from "../verify/rule.js";
import { formatTable } from "./table.js";

/** All rules of `verify` in a table, with what the configuration makes of them. */
export function describeRules(
  rules: readonly Rule[],
  { levels }: VerifyConfig,
  width: number,
): string {
  const rows = RULE_GROUPS.flatMap((group) =>
    rules
      .filter((rule) => rule.group === group)
      .map(({ id, severity, says, deep }) => [
        id,
        levels.get(id) ?? severity,
        deep ? `${says} (--deep)` : says,
      ]),
  );
  return formatTable(
    [{ title: "rule" }, { title: "severity" }, { title: "finds", wrap: true }],
    rows,
    width,
  );
}
