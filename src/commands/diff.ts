import path from "node:path";
import { Args, Flags } from "@oclif/core";
import { BaseCommand } from "../cli/base-command.js";
import { formatPlatform, parsePlatform } from "../core/platform.js";
import type { BundleDiff } from "../diff/types.js";

export default class Diff extends BaseCommand {
  static override summary =
    "Show what differs between two archives, two locks, or an archive and a lock.";
  static override description = `Components, versions, digests, the layers that an upgrade has to move, settings and the compose file key by key, scripts and files. It compares what they say of themselves, offline; \`verify\` proves it. Values of secrets are never shown.

The exit code is 0 whether they differ or not; with --exit-code it is 17 when they do. For --packages and --files the layers of both archives are read.`;
  static override examples = [
    "<%= config.bin %> <%= command.id %> openim-2.3.8-linux-arm64.tar openim-2.3.9-linux-arm64.tar",
    "<%= config.bin %> <%= command.id %> old.tar new.tar --packages --files redis --text",
    "<%= config.bin %> <%= command.id %> openim.lock.json openim-2.3.9-linux-arm64.tar --exit-code",
    "<%= config.bin %> <%= command.id %> old.lock.json new.lock.json --platform linux/arm64 --json",
  ];
  static override args = {
    old: Args.string({ required: true, description: "An archive or a lock." }),
    new: Args.string({ required: true, description: "What it is compared with." }),
  };
  static override flags = {
    platform: Flags.string({
      char: "p",
      helpValue: "OS/ARCH",
      summary: "Which platform of a lock that is for several.",
    }),
    packages: Flags.boolean({ summary: "Compare the packages of components that changed." }),
    files: Flags.string({
      helpValue: "COMPONENT",
      multiple: true,
      multipleNonGreedy: true,
      summary: "Compare the files of this component's image; repeatable.",
    }),
    text: Flags.boolean({ summary: "Show the lines of scripts and small text files that differ." }),
    "exit-code": Flags.boolean({ summary: "Exit with 17 when anything differs." }),
  };

  async run(): Promise<BundleDiff> {
    const { args, flags } = await this.parse(Diff);
    const platform =
      flags.platform === undefined ? undefined : formatPlatform(parsePlatform(flags.platform));
    const files = flags.files ?? [];
    const { diffBundles } = await import("../diff/diff.js");
    const isDeep = flags.packages || files.length > 0;
    const phases = isDeep
      ? [...new Set([args.old, args.new].map((file) => path.basename(file)))].map((subject) => ({
          phase: "walk" as const,
          subject,
        }))
      : [];
    const diff = await this.withProgress(phases, (onEvent) =>
      diffBundles(args.old, args.new, {
        signal: this.signal,
        onEvent,
        text: flags.text,
        packages: flags.packages,
        files,
        ...(platform === undefined ? {} : { platform }),
      }),
    );
    if (!this.jsonEnabled()) {
      const { describeDiff } = await import("../ui/describe-diff.js");
      for (const line of describeDiff(diff)) this.say(line);
    }
    if (flags["exit-code"] && diff.different) this.finishWith("DIFFERENT");
    return diff;
  }
}
