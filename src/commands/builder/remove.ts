import { Args, Flags } from "@oclif/core";
import { OWN_BUILDER } from "../../builder/builder-names.js";
import type { BuilderRemoval } from "../../builder/remove-builder.js";
import { BaseCommand } from "../../cli/base-command.js";
import { confirm } from "../../cli/confirm.js";

export default class BuilderRemove extends BaseCommand {
  static override summary = "Remove a builder with its build cache and its settings.";
  static override description =
    "A builder that is not there counts as removed. Images and archives that were built stay.";
  static override examples = [
    "<%= config.bin %> <%= command.id %>",
    "<%= config.bin %> <%= command.id %> team-builder --yes",
  ];
  static override args = {
    name: Args.string({ default: OWN_BUILDER, description: "The builder's name." }),
  };
  static override flags = {
    yes: Flags.boolean({ char: "y", summary: "Do not ask." }),
  };

  async run(): Promise<BuilderRemoval> {
    const { args, flags } = await this.parse(BuilderRemove);
    const [{ removeBuilder }, { buildersRoot }] = await Promise.all([
      import("../../builder/remove-builder.js"),
      import("../../builder/builder-folder.js"),
    ]);
    const agreed = await confirm(`Remove the builder ${args.name} with its build cache?`, {
      yes: flags.yes,
      silent: this.jsonEnabled(),
      signal: this.signal,
    });
    if (!agreed) {
      this.say("Nothing was removed.");
      return { name: args.name, removed: false };
    }
    const result = await removeBuilder(args.name, {
      env: process.env,
      root: buildersRoot(this.config.configDir),
      signal: this.signal,
    });
    this.say(
      result.removed
        ? `The builder ${result.name} has been removed.`
        : `There is no builder ${result.name}; its settings are gone too.`,
    );
    return result;
  }
}
