import path from "node:path";
import { Args, Flags } from "@oclif/core";
import { BaseCommand } from "../cli/base-command.js";
import { configFlags, readVerifyConfig } from "../cli/config-flags.js";
import type { WrittenReport } from "../report/write-report.js";
import { describeWrittenReport } from "../ui/describe-written-report.js";

export default class Report extends BaseCommand {
  static override summary =
    "Write one HTML page about an archive: verdict, checks, architecture, sizes, packages, changes.";
  static override description =
    "Verifies the archive, layers too, and writes a page that needs no network to be read, searched or printed. The page is written whatever the verdict is; the exit code is 10 when it is bad. An earlier report is replaced.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> openim-2.3.9-linux-arm64.tar",
    "<%= config.bin %> <%= command.id %> openim-2.3.9-linux-arm64.tar -o report.html --against openim-2.3.8-linux-arm64.tar",
    "<%= config.bin %> <%= command.id %> openim-2.3.9-linux-arm64.tar --config verify.yaml --json",
  ];
  static override args = {
    archive: Args.string({ required: true, description: "The bundle's .tar file." }),
  };
  static override flags = {
    output: Flags.string({
      char: "o",
      helpValue: "FILE",
      default: "report.html",
      summary: "Where the page goes.",
    }),
    against: Flags.string({
      helpValue: "OLD",
      summary: "An older archive; the page tells what changed since.",
    }),
    ...configFlags,
  };

  async run(): Promise<WrittenReport> {
    const { args, flags } = await this.parse(Report);
    const { archive } = args;
    const { output, against } = flags;
    const config = await readVerifyConfig(flags);
    const { writeReport } = await import("../report/write-report.js");
    const subject = path.basename(archive);
    const walked = against === undefined ? [archive] : [archive, against];
    const phases = [
      { phase: "verify" as const, subject },
      ...[...new Set(walked.map((file) => path.basename(file)))].map((file) => ({
        phase: "walk" as const,
        subject: file,
      })),
      { phase: "report" as const, subject: path.basename(output) },
    ];
    const written = await this.withProgress(phases, (onEvent) =>
      writeReport(archive, {
        output,
        templatesDir: path.join(this.config.root, "templates", "report"),
        config,
        signal: this.signal,
        own: this.ownParts,
        onEvent,
        ...(against === undefined ? {} : { against }),
      }),
    );
    for (const line of describeWrittenReport(written)) this.say(line);
    if (!written.ok) this.finishWith("VERIFY");
    return written;
  }
}
