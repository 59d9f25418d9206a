import { readFile, stat } from "node:fs/promises";
import path from "node:path";
import { createInterface } from "node:readline/promises";
import { Flags } from "@oclif/core";
import { BaseCommand } from "../cli/base-command.js";
import {
  bundleArg,
  buildFlags,
  readMirrors,
  readSelection,
  networkFlags,
} from "../cli/selection-flags.js";
import type { BuilderSettings } from "../builder/builder-settings.js";
import { BundlerError, messageOf, systemCode } from "../core/errors.js";
import { LIMITS } from "../core/limits.js";
import type { Definition } from "../definition/types.js";
import type { DoctorOptions } from "../doctor/doctor.js";
import type { ReadDockerfile } from "../doctor/needs.js";
import type { BuilderSetup, PlannedRepair, Repaired } from "../doctor/repair.js";
import type { DoctorReport } from "../doctor/types.js";
import { shellCommand } from "../core/shell-command.js";
import { parseReference } from "../image/reference.js";
import { printable } from "../core/invisible.js";
import { describeDoctor, describeRepairs } from "../ui/describe-doctor.js";

export interface DoctorResult extends DoctorReport {
  readonly platforms: readonly string[];
  /** What `--fix` did, or would have done. The findings are those after it. */
  readonly repairs?: readonly Repaired[];
}

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
    const [definition, { diagnose }, needing, { carryOut, planRepairs }, { failureCode }] =
      await Promise.all([
        this.loadBundle(args.bundle),
        import("../doctor/doctor.js"),
        import("../doctor/needs.js"),
        import("../doctor/repair.js"),
        import("../doctor/verdict.js"),
      ]);
    const asked = readSelection({ platform: flags.platform ?? [] }, {}).platforms;
    const platforms = asked.length > 0 ? asked : needing.servedPlatforms(definition);
    if (platforms.length === 0) {
      throw new BundlerError(
        "USAGE",
        `By its table, ${definition.name} has no platform that every required component has a way to.`,
        { hint: "Name the platform with --platform." },
      );
    }
    const needs = await needing.findNeeds(definition, platforms, this.#dockerfiles(definition));
    const options: DoctorOptions = {
      platforms,
      storeDir: this.storeDir(flags.store),
      mirrors: readMirrors(flags.mirror),
      network: this.network(flags),
      env: process.env,
      nodeWanted: this.#nodeWanted,
      binfmtImage: checkImage(flags["binfmt-image"]),
      signal: this.signal,
      ...(flags.builder === undefined ? {} : { builder: flags.builder }),
    };
    let diagnosis = await diagnose(needs, options);
    this.#show(diagnosis.report);
    let repairs: readonly Repaired[] | undefined;
    if (flags.fix) {
      const setup = await this.#builderSetup(options);
      const planned = planRepairs(diagnosis, platforms, { env: process.env, setup });
      repairs = await carryOut(planned, this.#agreement(flags.yes), this.signal);
      for (const line of describeRepairs(repairs)) this.say(line);
      if (repairs.some(({ outcome }) => outcome === "done")) {
        diagnosis = await diagnose(needs, options);
        this.#show(diagnosis.report);
      } else {
        this.say(`\n${diagnosis.report.verdict}`);
      }
    }
    const { report } = diagnosis;
    const code = failureCode(report);
    if (code !== undefined) this.finishWith(code);
    return {
      ...report,
      platforms: needs.platforms,
      ...(repairs === undefined ? {} : { repairs }),
    };
  }

  /** As package.json says it. */
  get #nodeWanted(): string {
    const { engines } = this.config.pjson as { readonly engines?: { readonly node?: string } };
    return engines?.node ?? "*";
  }

  #show(report: DoctorReport): void {
    for (const line of describeDoctor(report, this.width)) this.say(line);
  }

  /** Reads Dockerfiles of recipes and of the definition; one that lies in a source is not here yet. */
  #dockerfiles({ dir }: Definition): ReadDockerfile {
    return async ({ build }, platform) => {
      const { context, dockerfile, recipe } = build;
      const [{ insideDefinition }, { inspectBuild }] = await Promise.all([
        import("../build/context-folder.js"),
        import("../build/inspect.js"),
      ]);
      if (recipe === undefined && context === undefined) return undefined;
      const root = recipe === undefined ? dir : this.recipesDir;
      const shown = path.join(recipe ?? context ?? "", dockerfile);
      let text: string;
      try {
        const file = await insideDefinition(root, shown);
        const { size } = await stat(file);
        if (size > LIMITS.text) return undefined;
        text = await readFile(file, "utf8");
      } catch (error) {
        if (systemCode(error) === "ENOENT") return undefined;
        throw error;
      }
      const opened = { dockerfile: { path: dockerfile, shown, text } };
      const { report, runs } = inspectBuild(opened, build, { platform, builder: undefined });
      return {
        bases: report.bases.map(({ image }) => image),
        targetRuns: runs.length,
        java: report.hazards.some(({ kind }) => kind === "java"),
      };
    };
  }

  /** `builder setup` with the flags that both commands share. */
  async #builderSetup(options: DoctorOptions): Promise<BuilderSetup> {
    const { env, mirrors, network } = options;
    const { caFiles, insecure } = network;
    const [{ buildersRoot }, { OWN_BUILDER }, { setupBuilder }] = await Promise.all([
      import("../builder/builder-folder.js"),
      import("../builder/builder-names.js"),
      import("../builder/setup-builder.js"),
    ]);
    const name = wantedBuilder(options) ?? OWN_BUILDER;
    const command = [
      ...["openim-bundler", "builder", "setup"],
      ...(name === OWN_BUILDER ? [] : ["--name", name]),
      ...[...mirrors].flatMap(([registry, urls]) =>
        urls.flatMap((url) => ["--mirror", `${registry}=${url}`]),
      ),
      ...[...insecure].flatMap((host) => ["--insecure", host]),
      ...caFiles.flatMap((file) => ["--ca", file]),
    ];
    return {
      command: shellCommand(command),
      run: async (signal) => {
        const settings: BuilderSettings = {
          ...{ name, mirrors, caFiles, driver: "docker-container", insecure: [...insecure] },
          ...{ platforms: [], nodes: [], registries: [], driverOptions: [] },
        };
        const root = buildersRoot(this.config.configDir);
        await setupBuilder(settings, { env, root, signal });
      },
    };
  }

  /** Who says yes: nobody when there is no terminal to ask on. */
  #agreement(yes: boolean): ((repair: PlannedRepair) => Promise<boolean>) | undefined {
    if (yes) return () => Promise.resolve(true);
    if (!process.stdin.isTTY || !process.stderr.isTTY || this.jsonEnabled()) return undefined;
    return async ({ what, command }) => {
      const terminal = createInterface({ input: process.stdin, output: process.stderr });
      // While it reads, the terminal gives Ctrl-C and Ctrl-D to it.
      terminal.once("SIGINT", () => process.kill(process.pid, "SIGINT"));
      const closed = new Promise<string>((resolve) => terminal.once("close", () => resolve("")));
      try {
        const question = printable(`${what}\n  ${command}\nDo it? [y/N] `);
        const asked = terminal.question(question, { signal: this.signal });
        const answer = await Promise.race([asked, closed]);
        return /^y(es)?$/i.test(answer.trim());
      } finally {
        terminal.close();
      }
    };
  }
}

/** The builder that has to be used; without one, `builder setup` makes one that goes before the others. */
function wantedBuilder({ builder, env }: DoctorOptions): string | undefined {
  const named = env["BUILDX_BUILDER"];
  return builder ?? (named === "" ? undefined : named);
}

/** @throws BundlerError USAGE for what is no image's name; an option of docker's would not be one. */
function checkImage(text: string): string {
  try {
    parseReference(text);
    return text;
  } catch (cause) {
    throw new BundlerError("USAGE", `--binfmt-image: ${messageOf(cause)}`, { cause });
  }
}
