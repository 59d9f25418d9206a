import { Flags } from "@oclif/core";
import { mergeConfigs, NO_CONFIG, readConfigFlags, type VerifyConfig } from "../verify/config.js";

/** How much each rule of `verify` matters, for all commands that verify. */
export const configFlags = {
  config: Flags.string({
    helpValue: "FILE",
    summary: "Levels of rules, and waivers, from a YAML file.",
  }),
  rule: Flags.string({
    helpValue: "RULE=LEVEL",
    multiple: true,
    summary: "What a rule counts for: error, warning, note or off. Wins over --config.",
  }),
  waive: Flags.string({
    helpValue: "RULE[:COMPONENT[:PATH]]=REASON",
    multiple: true,
    summary: "Accept what a rule finds; the path may have *, ? and **.",
  }),
};

/**
 * The configuration that flags and file make; a flag says more than the file.
 * @throws BundlerError USAGE for a flag, FILE or DEFINITION for the file.
 */
export async function readVerifyConfig(flags: {
  readonly config: string | undefined;
  readonly rule: readonly string[] | undefined;
  readonly waive: readonly string[] | undefined;
}): Promise<VerifyConfig> {
  const given = readConfigFlags(flags);
  if (flags.config === undefined) return mergeConfigs(NO_CONFIG, given);
  const { readConfigFile } = await import("../verify/config-file.js");
  return mergeConfigs(await readConfigFile(flags.config), given);
}
