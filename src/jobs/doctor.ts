import { readFile, stat } from "node:fs/promises";
import path from "node:path";
import { insideDefinition } from "../build/context-folder.js";
import { inspectBuild } from "../build/inspect.js";
import type { BuilderSettings } from "../builder/builder-settings.js";
import { buildersRoot } from "../builder/builder-folder.js";
import { OWN_BUILDER } from "../builder/builder-names.js";
import { setupBuilder } from "../builder/setup-builder.js";
import { BundlerError, type ErrorCode, messageOf, systemCode } from "../core/errors.js";
import { LIMITS } from "../core/limits.js";
import type { Platform } from "../core/platform.js";
import { shellCommand } from "../core/shell-command.js";
import type { Definition } from "../definition/types.js";
import {
  type Diagnosis,
  type DoctorOptions as DiagnoseOptions,
  diagnose,
} from "../doctor/doctor.js";
import { type ReadDockerfile, findNeeds, servedPlatforms } from "../doctor/needs.js";
import {
  type BuilderSetup,
  type PlannedRepair,
  type Repaired,
  carryOut,
  planRepairs,
} from "../doctor/repair.js";
import type { DoctorReport } from "../doctor/types.js";
import { failureCode } from "../doctor/verdict.js";
import { parseReference } from "../image/reference.js";

export interface DoctorResult extends DoctorReport {
  readonly platforms: readonly string[];
  /** What `--fix` did, or would have done. The findings are those after it. */
  readonly repairs?: readonly Repaired[];
}

export interface DoctorOptions extends DiagnoseOptions {
  /** The platforms to look at; none stands for those that the definition is for. */
  readonly platforms: readonly Platform[];
  /** The package's `templates/build`. */
  readonly recipesDir: string;
  /** The user's folder for configuration, where builders are noted. */
  readonly configDir: string;
  /** With it, what can be mended is, where `agree` says yes; without `agree` nobody can be asked. */
  readonly fix?: { readonly agree?: (repair: PlannedRepair) => Promise<boolean> };
  /** Told what was found, and once more after repairs. */
  readonly onReport: (report: DoctorReport) => void;
  readonly onRepairs: (repairs: readonly Repaired[]) => void;
}

/**
 * Finds what keeps this machine from pulling and building what a definition needs, and mends what it is
 * told to.
 * @returns the findings, and the code of the worst of them where there is one.
 * @throws BundlerError USAGE when no platform is left, or a name cannot be used; INTERRUPTED; as
 *   `diagnose` does.
 */
export async function doctorJob(
  definition: Definition,
  options: DoctorOptions,
): Promise<{ readonly result: DoctorResult; readonly failure: ErrorCode | undefined }> {
  const { env, fix, onReport, onRepairs, signal } = options;
  const asked = options.platforms;
  const platforms = asked.length > 0 ? asked : servedPlatforms(definition);
  if (platforms.length === 0) {
    throw new BundlerError(
      "USAGE",
      `By its table, ${definition.name} has no platform that every required component has a way to.`,
      { hint: "Name the platform with --platform." },
    );
  }
  checkImage(options.binfmtImage);
  const needs = await findNeeds(definition, platforms, dockerfiles(definition, options.recipesDir));
  const look = async (): Promise<Diagnosis> => {
    const diagnosis = await diagnose(needs, { ...options, platforms });
    onReport(diagnosis.report);
    return diagnosis;
  };
  let diagnosis = await look();
  let repairs: readonly Repaired[] | undefined;
  if (fix !== undefined) {
    const planned = planRepairs(diagnosis, platforms, { env, setup: builderSetup(options) });
    repairs = await carryOut(planned, fix.agree, signal);
    onRepairs(repairs);
    if (repairs.some(({ outcome }) => outcome === "done")) diagnosis = await look();
  }
  const { report } = diagnosis;
  return {
    result: {
      ...report,
      platforms: needs.platforms,
      ...(repairs === undefined ? {} : { repairs }),
    },
    failure: failureCode(report),
  };
}

/** Reads Dockerfiles of recipes and of the definition; one that lies in a source is not here yet. */
function dockerfiles({ dir }: Definition, recipesDir: string): ReadDockerfile {
  return async ({ build }, platform) => {
    const { context, dockerfile, recipe } = build;
    if (recipe === undefined && context === undefined) return undefined;
    const root = recipe === undefined ? dir : recipesDir;
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

/** `builder setup` with the options that both have. */
function builderSetup(options: DoctorOptions): BuilderSetup {
  const { configDir, env, mirrors, network } = options;
  const { caFiles, insecure } = network;
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
      await setupBuilder(settings, { env, root: buildersRoot(configDir), signal });
    },
  };
}

/** The builder that has to be used; without one, `builder setup` makes one that goes before the others. */
function wantedBuilder({ builder, env }: DoctorOptions): string | undefined {
  const named = env["BUILDX_BUILDER"];
  return builder ?? (named === "" ? undefined : named);
}

/** @throws BundlerError USAGE for what is no image's name; an option of docker's would not be one. */
function checkImage(text: string): void {
  try {
    parseReference(text);
  } catch (cause) {
    throw new BundlerError("USAGE", `--binfmt-image: ${messageOf(cause)}`, { cause });
  }
}
