import { Args } from "@oclif/core";
import { BaseCommand } from "../cli/base-command.js";
import path from "node:path";
import { describeReport } from "../ui/describe-report.js";
import type { VerifyReport } from "../verify/verify.js";

export default class Verify extends BaseCommand {
  static override summary =
    "Check an archive from end to end: sums, blobs, manifests, platforms, the sealed compose file.";
  static override description =
    "Reads the archive alone; nothing is fetched, extracted or loaded. All findings of one run are shown; the exit code is 10 when one of them is an error.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> openim-2.3.9-linux-arm64.tar",
    "<%= config.bin %> <%= command.id %> openim-2.3.9-linux-arm64.tar --json",
  ];
  static override args = {
    archive: Args.string({ required: true, description: "The bundle's .tar file." }),
  };

  async run(): Promise<VerifyReport> {
    const { args } = await this.parse(Verify);
    const { verifyBundle } = await import("../verify/verify.js");
    const phases = [{ phase: "verify" as const, subject: path.basename(args.archive) }];
    const report = await this.withProgress(phases, (onEvent) =>
      verifyBundle(args.archive, { signal: this.signal, onEvent }),
    );
    for (const line of describeReport(report)) this.say(line);
    if (!report.ok) this.finishWith("VERIFY");
    return report;
  }
}
