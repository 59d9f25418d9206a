import { Args } from "@oclif/core";
import type { BundleInspection } from "../bundle/inspect.js";
import { BaseCommand } from "../cli/base-command.js";
import { describeComponent, describeInspection } from "../ui/describe-inspection.js";

export default class Inspect extends BaseCommand {
  static override summary =
    "Show what is in an archive: components, where they came from, sizes, shared layers.";
  static override description =
    "Seeks to what it needs, so it is instant on an archive of any size. It shows what the archive says of itself; `verify` proves it.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> openim-2.3.9-linux-arm64.tar",
    "<%= config.bin %> <%= command.id %> openim-2.3.9-linux-arm64.tar redis",
    "<%= config.bin %> <%= command.id %> openim-2.3.9-linux-arm64.tar --json",
  ];
  static override args = {
    archive: Args.string({ required: true, description: "The bundle's .tar file." }),
    component: Args.string({ description: "Show this component alone, layer by layer." }),
  };

  async run(): Promise<BundleInspection> {
    const { args } = await this.parse(Inspect);
    const { inspectBundle } = await import("../bundle/inspect.js");
    const inspection = await inspectBundle(args.archive, args.component);
    const width = this.width;
    const [component] = inspection.components;
    const lines =
      args.component !== undefined && component !== undefined
        ? describeComponent(component, width)
        : describeInspection(inspection, width);
    for (const line of lines) this.say(line);
    return inspection;
  }
}
