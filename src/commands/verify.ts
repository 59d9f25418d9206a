import path from "node:path";
import { Args, Flags } from "@oclif/core";
import { BaseCommand } from "../cli/base-command.js";
import { configFlags, readVerifyConfig } from "../cli/config-flags.js";
import { BundlerError } from "../core/errors.js";
import { describeReport } from "../ui/describe-report.js";
import type { VerifyConfig } from "../verify/config.js";
import type { VerifyReport } from "../verify/report.js";
import type { Rule } from "../verify/rule.js";

export default class Verify extends BaseCommand {
  static override summary =
    "Check an archive from end to end: sums, blobs, manifests, platforms, the sealed compose file, scripts.";
  static override description =
    "Reads the archive alone; nothing is fetched, extracted or loaded. All findings of one run are shown; the exit code is 10 when one of them is an error. A configuration raises, lowers or turns off rules and waives findings with a reason.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> openim-2.3.9-linux-arm64.tar",
    "<%= config.bin %> <%= command.id %> openim-2.3.9-linux-arm64.tar --deep",
    "<%= config.bin %> <%= command.id %> openim-2.3.9-linux-arm64.tar --junit verify.xml --sarif verify.sarif",
    "<%= config.bin %> <%= command.id %> openim-2.3.9-linux-arm64.tar --config verify.yaml",
    "<%= config.bin %> <%= command.id %> openim-2.3.9-linux-arm64.tar --rule image/zstd=error --waive 'compose/secret:legacy=throw-away database'",
    "<%= config.bin %> <%= command.id %> --rules",
  ];
  static override args = {
    archive: Args.string({ description: "The bundle's .tar file." }),
  };
  static override flags = {
    deep: Flags.boolean({
      summary: "Look into every layer, too: do the programs run on the platform?",
    }),
    ...configFlags,
    junit: Flags.string({ helpValue: "FILE", summary: "Write the findings as JUnit XML too." }),
    sarif: Flags.string({ helpValue: "FILE", summary: "Write the findings as SARIF 2.1.0 too." }),
    rules: Flags.boolean({ summary: "List all rules; no archive is read." }),
  };

  async run(): Promise<VerifyReport | { readonly rules: readonly Rule[] }> {
    const { args, flags } = await this.parse(Verify);
    const config = await readVerifyConfig(flags);
    if (flags.rules) return this.#listRules(config);
    const { archive } = args;
    if (archive === undefined) {
      throw new BundlerError("USAGE", "No archive is given.", {
        hint: "Name the bundle's .tar file, or ask for --rules.",
      });
    }
    const outputs = [flags.junit, flags.sarif].flatMap((file) => file ?? []);
    refuseClashes([archive, ...outputs]);
    const { verifyBundle } = await import("../verify/verify.js");
    const subject = path.basename(archive);
    const phases = (flags.deep ? (["verify", "walk"] as const) : (["verify"] as const)).map(
      (phase) => ({ phase, subject }),
    );
    const report = await this.withProgress(phases, (onEvent) =>
      verifyBundle(archive, {
        signal: this.signal,
        own: this.ownParts,
        onEvent,
        config,
        deep: flags.deep,
      }),
    );
    await this.#writeReports(report, flags);
    for (const line of describeReport(report)) this.say(line);
    if (!report.ok) this.finishWith("VERIFY");
    return report;
  }

  async #listRules(config: VerifyConfig): Promise<{ readonly rules: readonly Rule[] }> {
    const [{ describeRules }, { RULES }] = await Promise.all([
      import("../ui/describe-rules.js"),
      import("../verify/rules.js"),
    ]);
    this.say(describeRules(RULES, config, this.width));
    return { rules: RULES };
  }

  async #writeReports(
    report: VerifyReport,
    { junit, sarif }: { readonly junit: string | undefined; readonly sarif: string | undefined },
  ): Promise<void> {
    if (junit === undefined && sarif === undefined) return;
    const [{ writeTextFile }, { formatJUnit }, { formatSarif }] = await Promise.all([
      import("../bundle/text-file.js"),
      import("../verify/junit.js"),
      import("../verify/sarif.js"),
    ]);
    const { name, version } = this.config;
    if (junit !== undefined) await writeTextFile(junit, formatJUnit(report));
    if (sarif !== undefined) await writeTextFile(sarif, formatSarif(report, { name, version }));
  }
}

/** A report must not take the archive's place, nor another report's. */
function refuseClashes(files: readonly string[]): void {
  const seen = new Set<string>();
  for (const file of files) {
    const whole = path.resolve(file);
    if (seen.has(whole)) {
      throw new BundlerError("USAGE", `${file} is named twice, as the archive or as a report.`);
    }
    seen.add(whole);
  }
}
