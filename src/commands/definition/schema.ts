import { Args } from "@oclif/core";
import { BaseCommand } from "../../cli/base-command.js";

export default class DefinitionSchema extends BaseCommand {
  static override summary = "Print the JSON Schema of components.yaml or site.yaml, for editors.";
  static override description =
    "Point your editor to the file, e.g. with a first line `# yaml-language-server: $schema=components.schema.json`.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> components > components.schema.json",
    "<%= config.bin %> <%= command.id %> site > site.schema.json",
  ];
  static override args = {
    file: Args.string({
      required: true,
      options: ["components", "site"],
      description: "Which of the definition's files.",
    }),
  };

  async run(): Promise<object> {
    const { args } = await this.parse(DefinitionSchema);
    const { definitionSchemas } = await import("../../definition/schema.js");
    const { components, site } = definitionSchemas();
    const schema = args.file === "site" ? site : components;
    this.log(JSON.stringify(schema, undefined, 2));
    return schema;
  }
}
