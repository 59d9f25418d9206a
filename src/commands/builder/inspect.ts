import { Args } from "@oclif/core";
import type { BuilderInspection } from "../../builder/inspect-builder.js";
import { BaseCommand } from "../../cli/base-command.js";
import { describeBuilder } from "../../ui/describe-builder.js";

export default class BuilderInspect extends BaseCommand {
  static override summary =
    "Show a builder: its nodes, the platforms they build for, and how it was made.";
  static override description =
    "Without a name it shows the builder that image builds would run on. Nothing is started.";
  static override examples = [
    "<%= config.bin %> <%= command.id %>",
    "<%= config.bin %> <%= command.id %> team-builder --json",
  ];
  static override args = {
    name: Args.string({
      description:
        "A builder's name. [default: BUILDX_BUILDER, else openim-bundler, else the current one]",
    }),
  };

  async run(): Promise<BuilderInspection> {
    const { args } = await this.parse(BuilderInspect);
    const [{ inspectBuilder }, { buildersRoot }] = await Promise.all([
      import("../../builder/inspect-builder.js"),
      import("../../builder/builder-folder.js"),
    ]);
    const inspection = await inspectBuilder(args.name, {
      env: process.env,
      root: buildersRoot(this.config.configDir),
      signal: this.signal,
    });
    const { builder, buildx, settings } = inspection;
    this.say(`${builder.name} (${builder.driver}), buildx ${buildx}`);
    if (settings !== undefined) {
      this.say("Made by openim-bundler builder setup with");
      for (const [key, value] of Object.entries(settings)) this.say(`  ${key}: ${value}`);
    }
    this.say();
    for (const line of describeBuilder(builder, this.width)) this.say(line);
    return inspection;
  }
}
