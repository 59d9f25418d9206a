import { BundlerError } from "../core/errors.js";
import { type Platform, formatPlatform, parsePlatform } from "../core/platform.js";
import { fail, quoted } from "./fault.js";
import { type Scope, globalScope } from "./scope.js";
import type { LinkedStage } from "./stage-graph.js";
import type { Dockerfile, Flag, Stage } from "./syntax.js";
import type { InspectOptions, StagePlatform } from "./types.js";

/** A platform that nobody builds for, to see which values depend on a platform. */
const PROBE: Platform = { os: "plan9", architecture: "mips" };

/** The global variables, and what they would be on another builder and for another target. */
interface Scopes {
  readonly real: Scope;
  readonly otherBuild: Scope;
  readonly otherTarget: Scope;
}

/**
 * Every stage's platform, in the order of the file. A stage has that of the stage it starts from;
 * one that starts from nothing is the target's, as BuildKit has it.
 * @throws BundlerError DEFINITION for a `--platform` that is none.
 */
export function stagePlatforms(
  dockerfile: Dockerfile,
  stages: readonly LinkedStage[],
  options: InspectOptions,
): readonly StagePlatform[] {
  const scopes: Scopes = {
    real: globalScope(dockerfile, options),
    otherBuild: globalScope(dockerfile, { ...options, buildPlatform: PROBE }),
    otherTarget: globalScope(dockerfile, { ...options, targetPlatform: PROBE }),
  };
  const platforms: StagePlatform[] = [];
  for (const { stage, base } of stages) {
    const inherited = base.kind === "stage" ? platforms[base.index] : undefined;
    const own = platformOf(stage, scopes, options);
    platforms.push(inherited ?? (base.kind === "scratch" ? "target" : own));
  }
  return platforms;
}

/** The stage's own `--platform`, and whether it follows the builder, the target, or neither. */
function platformOf({ from }: Stage, scopes: Scopes, options: InspectOptions): StagePlatform {
  const flag = from.flags.find(({ name }) => name === "platform");
  if (flag?.value === undefined) return "target";
  const { value } = flag;
  const text = expandFlag(flag, value, scopes.real, from);
  const found = readPlatform(text, value, from, flag);
  const follows = (scope: Scope, platform: Platform): boolean =>
    formatPlatform(found) === formatPlatform(platform) &&
    expandFlag(flag, value, scope, from) !== text;
  if (follows(scopes.otherBuild, options.buildPlatform)) return "build";
  return follows(scopes.otherTarget, options.targetPlatform) ? "target" : found;
}

function expandFlag(flag: Flag, value: string, scope: Scope, from: Stage["from"]): string {
  const start = flag.valueAt[0] ?? flag.start;
  return scope.expand({ text: value, start, end: start + value.length }, from);
}

function readPlatform(text: string, written: string, from: Stage["from"], flag: Flag): Platform {
  try {
    return parsePlatform(text);
  } catch (error) {
    if (!(error instanceof BundlerError)) throw error;
    return fail(
      from.source.positionAt(flag.start),
      `expected a platform in --platform=${written.slice(0, 100)}, found ${quoted(text)}`,
      error.hint,
    );
  }
}

/** What the programs of a stage are for. */
export function machineOf(
  platform: StagePlatform,
  { buildPlatform, targetPlatform }: InspectOptions,
): Platform {
  if (platform === "build") return buildPlatform;
  return platform === "target" ? targetPlatform : platform;
}
