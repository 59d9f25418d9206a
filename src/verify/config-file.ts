import { access, constants } from "node:fs/promises";
import { z } from "zod";
import { BundlerError, messageOf } from "../core/errors.js";
import { formatPosition } from "../core/position.js";
import { isMapping } from "../definition/mapping.js";
import { formatProblem, reportTo, sortProblems, type Report } from "../definition/report.js";
import { checkSchema } from "../definition/schema-problems.js";
import type { DefinitionProblem } from "../definition/types.js";
import { readYamlFile, type YamlFile } from "../definition/yaml-file.js";
import { LEVELS, nearestRule, type VerifyConfig } from "./config.js";
import { ruleOf } from "./rules.js";

const words = z.string().trim().min(1, { error: "must not be empty" });

const waiver = z.strictObject({
  rule: words,
  component: words.optional(),
  path: words.optional(),
  reason: words,
});

const configSchema = z.strictObject({
  rules: z
    .record(z.string(), z.enum(LEVELS, { error: `must be one of ${LEVELS.join(", ")}` }))
    .optional(),
  waive: z.array(waiver).max(10_000).optional(),
});

/**
 * Reads a configuration of `verify`: `rules`, a mapping of rules to levels, and `waive`, a list of
 * what is known and accepted, each with its reason.
 * @throws BundlerError FILE when it cannot be read; USAGE whose message has a line `file:line:column what is wrong` for every problem.
 */
export async function readConfigFile(path: string): Promise<VerifyConfig> {
  await access(path, constants.R_OK).catch((cause: unknown) => {
    throw new BundlerError("FILE", `Cannot read the configuration ${path}: ${messageOf(cause)}`, {
      hint: "Check its name and folder, and whether you may read it.",
      cause,
      details: { file: path },
    });
  });
  const problems: DefinitionProblem[] = [];
  const report = reportTo(problems);
  const file = await readYamlFile(path, report);
  if (file.data !== null) checkSchema(file, configSchema, report);
  checkRules(file, report);
  // A file with nothing in it changes nothing.
  const parsed = configSchema.safeParse(file.data ?? {});
  if (problems.length > 0 || !parsed.success) throw refused(path, problems);
  const { rules = {}, waive = [] } = parsed.data;
  return {
    levels: new Map(Object.entries(rules)),
    waivers: waive.map(({ rule, component, path: glob, reason }, index) => ({
      rule,
      ...(component === undefined ? {} : { component }),
      ...(glob === undefined ? {} : { path: glob }),
      reason,
      from: formatPosition(file.at(["waive", index])),
    })),
  };
}

/** Every rule that the file names is one. */
function checkRules(file: YamlFile, report: Report): void {
  if (!isMapping(file.data)) return;
  const { rules, waive } = file.data;
  const named = [
    ...(isMapping(rules)
      ? Object.keys(rules).map((id) => ({ id, at: file.at(["rules", id], "key") }))
      : []),
    ...(Array.isArray(waive) ? waive : []).flatMap((entry: unknown, index) =>
      isMapping(entry) && typeof entry["rule"] === "string"
        ? [{ id: entry["rule"].trim(), at: file.at(["waive", index, "rule"]) }]
        : [],
    ),
  ];
  for (const { id, at } of named) {
    if (id === "" || ruleOf(id) !== undefined) continue;
    const near = nearestRule(id);
    report(
      at,
      `there is no rule ${JSON.stringify(id)}`,
      near === undefined ? "`verify --rules` lists them all." : `Did you mean "${near}"?`,
    );
  }
}

function refused(path: string, problems: readonly DefinitionProblem[]): BundlerError {
  const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
  const lines = sortProblems(problems).map(formatProblem);
  return new BundlerError(
    "USAGE",
    [`The configuration ${path} has ${count}:`, ...lines].join("\n"),
    {
      details: { file: path, problems },
    },
  );
}
