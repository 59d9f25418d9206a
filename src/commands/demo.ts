import path from "node:path";
import { Flags } from "@oclif/core";
import { BaseCommand } from "../cli/base-command.js";
import { formatBytes } from "../core/bytes.js";
import { formatPlatform, parsePlatform } from "../core/platform.js";
import type { BundleInspection } from "../inspect/inspect-bundle.js";
import type { DemoResult } from "../jobs/demo.js";
import type { VerifyReport } from "../verify/report.js";
import { describeCreated } from "../ui/describe-created.js";
import { describeInspection } from "../ui/describe-inspection.js";
import { describeReport } from "../ui/describe-report.js";

export interface DemoCommandResult extends DemoResult {
  readonly verified: VerifyReport;
  readonly inspected: BundleInspection;
}

export default class Demo extends BaseCommand {
  static override summary =
    "Make, verify and inspect a bundle without internet, from an embedded registry of sample images.";
  static override description =
    "The same `create` as for real, over HTTP, against a registry inside this process. Its images are small samples under OpenIM's names: they say hello from their architecture and serve nothing. There are samples of all components for linux/amd64 and linux/arm64. An archive of an earlier demo is replaced.";
  static override examples = [
    "<%= config.bin %> <%= command.id %>",
    "<%= config.bin %> <%= command.id %> --platform linux/amd64 --output /tmp/demo",
  ];
  static override flags = {
    platform: Flags.string({
      char: "p",
      default: "linux/arm64",
      helpValue: "OS/ARCH",
      summary: "Target platform.",
    }),
    output: Flags.string({
      char: "o",
      default: "demo",
      helpValue: "DIR",
      summary: "Folder for the archive.",
    }),
  };

  async run(): Promise<DemoCommandResult> {
    const { flags } = await this.parse(Demo);
    const platform = parsePlatform(flags.platform);
    const subject = formatPlatform(platform);
    const [definition, { demoJob }, { verifyBundle }, { inspectBundle }] = await Promise.all([
      this.loadBundle("openim-2.3.9"),
      import("../jobs/demo.js"),
      import("../verify/verify.js"),
      import("../inspect/inspect-bundle.js"),
    ]);
    this.say(
      `${definition.name} ${definition.version} for ${subject}, from an embedded registry. All images are samples.\n`,
    );

    const phases = (["plan", "build", "fetch", "pack"] as const).map((phase) => ({
      phase,
      subject,
    }));
    const result = await this.withProgress(phases, (onEvent) =>
      demoJob(definition, {
        platform,
        output: path.resolve(flags.output),
        force: true,
        // No proxy and no login of this machine has to do with a registry inside the process.
        network: { ...this.network({}), env: {} },
        buildEnv: process.env,
        recipesDir: this.recipesDir,
        ...this.packaging,
        signal: this.signal,
        onEvent,
      }),
    );
    for (const line of describeCreated(result.created)) this.say(line);
    const { requests, bytes } = result.registry;
    this.say(`  the sample registries answered ${requests} requests with ${formatBytes(bytes)}`);

    const [archive] = result.created.archives;
    const file = path.relative(process.cwd(), archive?.path ?? "");
    this.say(`\n$ openim-bundler verify ${file}`);
    const verified = await verifyBundle(file, { signal: this.signal });
    for (const line of describeReport(verified)) this.say(line);
    if (!verified.ok) this.finishWith("VERIFY");

    this.say(`\n$ openim-bundler inspect ${file}`);
    const inspected = await inspectBundle(file);
    for (const line of describeInspection(inspected, this.width)) this.say(line);

    const bundle = `${definition.name}-${definition.version}`;
    this.say("\nThese images are samples. With the real ones, from the internet:");
    this.say(`  openim-bundler plan ${bundle} --platform ${subject}`);
    this.say(`  openim-bundler create ${bundle} --platform ${subject}`);
    for (const name of result.built) {
      this.say(
        `${name} was really built by docker buildx, from samples of its base and its source.`,
      );
    }
    for (const { name, reason } of result.archived) {
      this.say(
        `No registry has ${name} for ${subject} and it was not built here, as ${reason}: a ready-made sample stood in.`,
      );
    }
    return { ...result, verified, inspected };
  }
}
