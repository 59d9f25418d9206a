import { DOCUMENTS } from "./image-documents.js";
import { RULE_GROUPS, type Rule } from "./rule.js";
import { BLOBS } from "./rules/blobs.js";
import { HEALTH } from "./rules/compose-health.js";
import { PATHS } from "./rules/compose-paths.js";
import { PORTS } from "./rules/compose-ports.js";
import { SECRETS } from "./rules/compose-secrets.js";
import { SETTINGS } from "./rules/compose-settings.js";
import { COMPOSE } from "./rules/compose.js";
import { EXTRAS } from "./rules/extras.js";
import { HOST } from "./rules/host.js";
import { IMAGE } from "./rules/image.js";
import { LAYERS } from "./rules/layers.js";
import { MANIFEST } from "./rules/manifest.js";
import { ARM } from "./rules/programs-arm.js";
import { LABEL } from "./rules/programs-label.js";
import { PROGRAMS } from "./rules/programs.js";
import { SBOM } from "./rules/sbom.js";
import { SCRIPTS } from "./rules/scripts.js";
import { STRUCTURE } from "./rules/structure.js";
import { SUMS } from "./rules/sums.js";
import { TABLE } from "./rules/table.js";
import { TABLES } from "./rules/tables.js";
import { WAIVERS } from "./rules/waivers.js";

const DECLARED = [
  ...[STRUCTURE.rules, SUMS.rules, MANIFEST.rules, TABLES.rules, EXTRAS.rules, BLOBS.rules],
  ...[DOCUMENTS.rules, IMAGE.rules, LAYERS.rules, PROGRAMS.rules, LABEL.rules, ARM.rules],
  ...[SBOM.rules, COMPOSE.rules, PATHS.rules, SECRETS.rules, HEALTH.rules, PORTS.rules],
  ...[SETTINGS.rules, SCRIPTS.rules, TABLE.rules, HOST.rules, WAIVERS.rules],
].flat();

/** The id of a rule. */
export type RuleId = (typeof DECLARED)[number]["id"];

/** Every rule there is, by group and severity: the order of the documentation. */
export const RULES: readonly Rule<RuleId>[] = RULE_GROUPS.flatMap((group) =>
  (["error", "warning", "note"] as const).flatMap((severity) =>
    DECLARED.filter((rule) => rule.group === group && rule.severity === severity),
  ),
);

const BY_ID: ReadonlyMap<string, Rule<RuleId>> = new Map(RULES.map((rule) => [rule.id, rule]));

/** The rule with an id, or undefined. */
export function ruleOf(id: string): Rule<RuleId> | undefined {
  return BY_ID.get(id);
}
