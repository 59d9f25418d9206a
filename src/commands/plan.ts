import { Flags } from "@oclif/core";
import { BaseCommand } from "../cli/base-command.js";
import {
  buildFlags,
  bundleArg,
  readSelection,
  selectionFlags,
  networkFlags,
} from "../cli/selection-flags.js";
import { formatBytes } from "../core/bytes.js";
import { shortDigest } from "../core/digest.js";
import { formatPlatform } from "../core/platform.js";
import type { PlanResult, PlatformPlan } from "../jobs/plan.js";
import { formatTable } from "../ui/table.js";

export default class Plan extends BaseCommand {
  static override summary =
    "Show, for each component, what a bundle would take for a platform, before anything is downloaded.";
  static override description = `Asks the registries for indexes, manifests and configs, never for layers. The exit code is 4 when a required component has no way to the platform.

With --lock the plan is written down: every image by digest, every blob with its size. \`create --locked\` then uses exactly that.`;
  static override examples = [
    "<%= config.bin %> <%= command.id %> openim-2.3.9 --platform linux/arm64",
    "<%= config.bin %> <%= command.id %> openim -p linux/arm64 -p linux/amd64 --lock openim.lock.json",
    "<%= config.bin %> <%= command.id %> ./my-app -p linux/arm64 --mirror docker.io=https://mirror.example --json",
  ];
  static override args = { bundle: bundleArg };
  static override flags = {
    ...selectionFlags,
    ...networkFlags,
    ...buildFlags,
    lock: Flags.string({ helpValue: "FILE", summary: "Write the lock to this file." }),
  };

  async run(): Promise<PlanResult> {
    const { args, flags } = await this.parse(Plan);
    const selection = readSelection(flags, process.env);
    const [definition, { planJob }, { planFailure }, { formatLock }] = await Promise.all([
      this.loadBundle(args.bundle),
      import("../jobs/plan.js"),
      import("../plan/plan.js"),
      import("../plan/lock.js"),
    ]);
    const phases = selection.platforms.map((platform) => ({
      phase: "plan" as const,
      subject: formatPlatform(platform),
    }));
    const { result, lock, plan } = await this.withProgress(phases, (onEvent) =>
      planJob(definition, selection, this.jobOptions(flags, onEvent)),
    );
    for (const platform of result.platforms) this.#show(platform);
    for (const { component, platform, required, reason, hint } of result.problems) {
      const what = required ? "Missing" : "Optional, missing";
      this.say(`${what}: ${component} for ${platform}: ${reason}.\n  → ${hint}`);
    }
    if (flags.lock !== undefined) {
      const { writeTextFile } = await import("../bundle/text-file.js");
      await writeTextFile(flags.lock, formatLock(lock));
      this.say(`Lock written to ${flags.lock}.`);
    }
    const failure = planFailure(plan);
    if (failure !== undefined) this.finishWith(failure.code);
    return result;
  }

  #show({ platform, components, extras = [], toBuild, totals, disk }: PlatformPlan): void {
    this.say(`\n${platform}`);
    const rows = components.map(({ name, required, method, reference, digest, size, reason }) => [
      required ? name : `${name} (optional)`,
      method,
      reference ?? "",
      digest === undefined ? "" : shortDigest(digest),
      size === undefined ? "" : formatBytes(size),
      reason,
    ]);
    this.say(
      formatTable(
        [
          { title: "component" },
          { title: "way" },
          { title: "image" },
          { title: "digest" },
          { title: "size", align: "right" },
          { title: "why", wrap: true },
        ],
        rows,
        this.width,
      ),
    );
    this.say(
      `Images ${formatBytes(totals.images)}, distinct blobs ${formatBytes(totals.distinct)}, still to fetch ${formatBytes(disk.download)}.`,
    );
    for (const { name, version, checksum } of extras) {
      this.say(`Carries ${name} ${version} (${checksum}); its size is not counted.`);
    }
    if (toBuild > 0) {
      this.say(
        `Not counted: ${toBuild === 1 ? "an image that is" : `${toBuild} images that are`} still to be built.`,
      );
    }
    this.say(
      `Disk: about ${formatBytes(disk.here)} here, about ${formatBytes(disk.site)} on the site.`,
    );
  }
}
