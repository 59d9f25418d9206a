import { BundlerError } from "../core/errors.js";
import type { Platform } from "../core/platform.js";
import type { Builder } from "../builder/types.js";
import { inspectDockerfile } from "../dockerfile/inspect.js";
import { parseDockerfile } from "../dockerfile/parse.js";
import type {
  DockerfileHazard,
  DockerfileLine,
  DockerfileReport,
  InspectOptions,
} from "../dockerfile/types.js";
import type { LockedBuild } from "../plan/build-types.js";
import type { OpenContext } from "./context.js";
import { buildPlatformOf, machinePlatform } from "./strategy.js";
import type { BuildContext } from "./types.js";

/** The builder, or why there is none. */
type FoundBuilder =
  | { readonly builder: Builder; readonly missing?: undefined }
  | { readonly builder?: undefined; readonly missing: BundlerError };

/** @throws whatever is not about the builder: INTERRUPTED. */
export async function findBuilder({ host, signal }: BuildContext): Promise<FoundBuilder> {
  try {
    return { builder: await host.builder(signal) };
  } catch (error) {
    if (error instanceof BundlerError && error.code === "BUILDER") return { missing: error };
    throw error;
  }
}

/** What a Dockerfile means for a target on a builder. */
export interface Inspection {
  readonly report: DockerfileReport;
  /** The steps that run on the target's platform, whether or not the builder is of it. */
  readonly runs: readonly DockerfileLine[];
  /** `buildPlatform` is this machine's where there is no builder. */
  readonly inputs: InspectOptions;
}

/** @throws BundlerError DEFINITION for a Dockerfile that cannot be read. */
export function inspectBuild(
  { dockerfile }: Pick<OpenContext, "dockerfile">,
  { target, args }: Pick<LockedBuild, "target" | "args">,
  { platform, builder }: { readonly platform: Platform; readonly builder: Builder | undefined },
): Inspection {
  const inputs = {
    ...(target === undefined ? {} : { target }),
    args,
    targetPlatform: platform,
    buildPlatform: builder === undefined ? machinePlatform() : buildPlatformOf(builder, platform),
  };
  const parsed = parseDockerfile(dockerfile.shown, dockerfile.text);
  const report = inspectDockerfile(parsed, inputs);
  const stranger = { ...inputs, buildPlatform: strangerTo(platform) };
  const runs = hasOwnPlatform(inputs)
    ? inspectDockerfile(parsed, stranger).targetRuns
    : report.targetRuns;
  return { report, runs, inputs };
}

/** A builder of the target's platform runs all of its steps, so its report has none. */
function hasOwnPlatform({ targetPlatform, buildPlatform }: InspectOptions): boolean {
  const pair = [buildPlatform.architecture, targetPlatform.architecture].join(" ");
  return pair === "amd64 386" || buildPlatform.architecture === targetPlatform.architecture;
}

/** A platform that runs nothing for the other. */
function strangerTo({ architecture }: Platform): Platform {
  return { os: "linux", architecture: architecture === "s390x" ? "ppc64le" : "s390x" };
}

/** `hello/Dockerfile:7: …`, for notices and errors. */
export function describeHazard(
  { dockerfile }: Pick<OpenContext, "dockerfile">,
  { line, message, instead }: DockerfileHazard,
): string {
  const better = instead === undefined ? "" : ` Likely right: ${instead}`;
  return `${dockerfile.shown}:${line}: ${message}${better}`;
}
