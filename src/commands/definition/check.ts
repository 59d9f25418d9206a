import { Args } from "@oclif/core";
import { BaseCommand } from "../../cli/base-command.js";
import { formatPosition } from "../../core/position.js";
import type { DefinitionProblem } from "../../definition/types.js";

export interface DefinitionCheckResult {
  readonly dir: string;
  readonly ok: boolean;
  readonly problems: readonly DefinitionProblem[];
}

export default class DefinitionCheck extends BaseCommand {
  static override summary =
    "Check a bundle definition and show everything wrong with it, file:line:column.";
  static override description =
    "Reads components.yaml, compose.yaml, site.yaml and files/ and reports all problems of one run. No registry is asked; `plan` does that.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> bundles/openim-2.3.9",
    "<%= config.bin %> <%= command.id %> ./my-app --json",
  ];
  static override args = {
    dir: Args.string({
      required: true,
      description: "Folder of the definition, or the name of a shipped one.",
    }),
  };

  async run(): Promise<DefinitionCheckResult> {
    const { args } = await this.parse(DefinitionCheck);
    const [{ checkDefinition }, { resolveBundle }] = await Promise.all([
      import("../../definition/definition.js"),
      import("../../definition/bundles.js"),
    ]);
    const dir = await resolveBundle(args.dir, this.bundlesDir);
    const { problems, definition } = await checkDefinition(dir);
    for (const { at, message, hint } of problems) {
      this.say(`${formatPosition(at)} ${message}${hint === undefined ? "" : `\n  → ${hint}`}`);
    }
    if (problems.length > 0) this.finishWith("DEFINITION");
    this.say(
      problems.length === 0
        ? `${dir}: ${definition?.components.length ?? 0} components, no problem found.`
        : `${problems.length} problem${problems.length === 1 ? "" : "s"} in ${dir}.`,
    );
    return { dir, ok: problems.length === 0, problems };
  }
}
