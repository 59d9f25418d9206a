import path from "node:path";
import { Flags } from "@oclif/core";
import { BaseCommand } from "../cli/base-command.js";
import { whoAgrees } from "../cli/confirm.js";
import {
  bundleArg,
  buildFlags,
  readMirrors,
  readSelection,
  networkFlags,
} from "../cli/selection-flags.js";
import type { PlannedRepair } from "../doctor/repair.js";
import type { DoctorResult } from "../jobs/doctor.js";
import { describeDoctor, describeRepairs } from "../ui/describe-doctor.js";

export default class Doctor extends BaseCommand {
  static override summary =
    "Check whether this machine can pull and build what a bundle needs, and how to mend what it lacks.";
  static override description = `Asks Docker, buildx, its builder, the kernel's emulators, every registry and source that the definition names, and this machine, all at once; nothing is waited for longer than some seconds. Changes nothing without --fix.

What matters depends on the bundle: without any engine, pulls still work, and a missing engine is an error only where the bundle needs a build.

The exit code is 11 when nothing can be stored, else 5 when a registry that is needed does not answer, else 15 when a build that is needed cannot run, else 0.`;
  static override examples = [
    "<%= config.bin %> <%= command.id %> openim-2.3.9 --platform linux/arm64",
    "<%= config.bin %> <%= command.id %> ./my-app -p linux/arm64 --mirror docker.io=https://mirror.example --json",
    "<%= config.bin %> <%= command.id %> openim-2.3.9 -p linux/arm64 --fix --binfmt-image mirror.example/tonistiigi/binfmt",
  ];
  static override args = { bundle: bundleArg };
  static override flags = {
    platform: Flags.string({
      char: "p",
      multiple: true,
      multipleNonGreedy: true,
      helpValue: "OS/ARCH",
      summary: "Target platform; repeat it for more. [default: those that the definition is for]",
    }),
    builder: buildFlags.builder,
    mirror: networkFlags.mirror,
    insecure: networkFlags.insecure,
    ca: networkFlags.ca,
    store: networkFlags.store,
    fix: Flags.boolean({
      summary: "Install emulators and make the builder where they are missing, asking first.",
    }),
    yes: Flags.boolean({ char: "y", dependsOn: ["fix"], summary: "Do not ask before --fix." }),
    "binfmt-image": Flags.string({
      default: "tonistiigi/binfmt",
      helpValue: "IMAGE",
      summary: "The image that installs emulators, for a mirror of it.",
    }),
  };

  async run(): Promise<DoctorResult> {
    const { args, flags } = await this.parse(Doctor);
    const [definition, { doctorJob }] = await Promise.all([
      this.loadBundle(args.bundle),
      import("../jobs/doctor.js"),
    ]);
    const ask = whoAgrees({ yes: flags.yes, silent: this.jsonEnabled(), signal: this.signal });
    const agree =
      ask && (({ what, command }: PlannedRepair) => ask(`${what}\n  ${command}\nDo it?`));
    let verdict = "";
    const { result, failure } = await doctorJob(definition, {
      platforms: readSelection({ platform: flags.platform ?? [] }, {}).platforms,
      storeDir: this.storeDir(flags.store),
      recipesDir: this.recipesDir,
      configDir: this.config.configDir,
      mirrors: readMirrors(flags.mirror),
      network: this.network({ ...flags, ca: flags.ca?.map((file) => path.resolve(file)) }),
      env: process.env,
      nodeWanted: this.#nodeWanted,
      binfmtImage: flags["binfmt-image"],
      signal: this.signal,
      ...(flags.builder === undefined ? {} : { builder: flags.builder }),
      ...(flags.fix ? { fix: agree === undefined ? {} : { agree } } : {}),
      onReport: (report) => {
        for (const line of describeDoctor(report, this.width)) this.say(line);
        ({ verdict } = report);
      },
      onRepairs: (repairs) => {
        for (const line of describeRepairs(repairs)) this.say(line);
        // Where nothing has changed nothing is looked at again.
        if (!repairs.some(({ outcome }) => outcome === "done")) this.say(`\n${verdict}`);
      },
    });
    if (failure !== undefined) this.finishWith(failure);
    return result;
  }

  /** As package.json says it. */
  get #nodeWanted(): string {
    const { engines } = this.config.pjson as { readonly engines?: { readonly node?: string } };
    return engines?.node ?? "*";
  }
}
