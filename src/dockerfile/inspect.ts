import { redact } from "../core/errors.js";
import { type Platform, platformMatches } from "../core/platform.js";
import {
  floatingHazard,
  imageNameHazards,
  instructionHazards,
  lastStageHazards,
  syntaxHazards,
} from "./hazards.js";
import { Scope, applyVariables, globalScope } from "./scope.js";
import { type LinkedStage, linkStages, neededStages, referenceIn } from "./stage-graph.js";
import { machineOf, stagePlatforms } from "./stage-platform.js";
import type { Dockerfile, Instruction } from "./syntax.js";
import type {
  BaseUse,
  DockerfileHazard,
  DockerfileLine,
  DockerfileReport,
  InspectOptions,
  StagePlatform,
} from "./types.js";

/** Nobody reads more, and a file of a mebibyte has room for a hundred thousand. */
const HAZARDS_MAX = 500;

/**
 * What building a Dockerfile means for a platform: the images that it pulls, the steps that run on
 * another machine than the builder's, and what may go wrong. Only stages that the target stage
 * needs count, as BuildKit skips the others.
 * @throws BundlerError DEFINITION for a stage that does not exist, images whose names cannot be
 *   worked out, unknown platforms, and stages that need each other.
 */
export function inspectDockerfile(
  dockerfile: Dockerfile,
  options: InspectOptions,
): DockerfileReport {
  const stages = linkStages(dockerfile, options);
  const platforms = stagePlatforms(dockerfile, stages, options);
  const { needed, last } = neededStages(dockerfile, stages, options.target);
  const platformOf = ({ stage }: LinkedStage): StagePlatform => platforms[stage.index] ?? "target";
  const machine = (stage: LinkedStage): Platform => machineOf(platformOf(stage), options);

  const uses = needed.flatMap((stage) => imagesOf(stage, platformOf(stage)));
  const hazards: DockerfileHazard[] = [
    ...syntaxHazards(dockerfile),
    ...uses.flatMap(({ use, by }) => [
      ...floatingHazard(use, by),
      ...imageNameHazards(use, machineOf(use.platform, options)),
    ]),
    ...lastStageHazards(
      rootOf(last, stages).stage.from,
      { platform: platformOf(last), machine: machine(last) },
      options,
    ),
  ];
  const targetRuns: DockerfileLine[] = [];
  const scopes = new StageScopes(dockerfile, options);
  for (const stage of needed) {
    const machines = { machine: machine(stage), target: options.targetPlatform };
    const emulated = !runsItself(options.buildPlatform, machines.machine);
    const scope = scopes.enter(stage);
    for (const instruction of stage.instructions) {
      scopes.apply(scope, instruction);
      hazards.push(...instructionHazards(instruction, { scope, machines, emulated }));
      if (instruction.keyword === "RUN" && emulated) targetRuns.push(lineOf(instruction));
    }
  }
  return {
    bases: distinct(
      uses.map(({ use }) => use),
      ({ image, platform }) => [image, platform],
    ),
    targetRuns: distinct(targetRuns, ({ line }) => line).sort(byLine),
    hazards: distinct(hazards, ({ kind, line, message }) => [kind, line, message])
      .sort(byLine)
      .slice(0, HAZARDS_MAX)
      .map(withoutCredentials),
  };
}

/** Whether a machine runs programs for a platform without emulation. */
function runsItself(machine: Platform, platform: Platform): boolean {
  if (platformMatches(machine, platform)) return true;
  const isPair = machine.architecture === "amd64" && platform.architecture === "386";
  return isPair && machine.os === platform.os;
}

/** The stage with which a chain of stages that start from one another begins. */
function rootOf(stage: LinkedStage, stages: readonly LinkedStage[]): LinkedStage {
  let root = stage;
  while (root.base.kind === "stage") {
    const parent = stages[root.base.index];
    if (parent === undefined) break;
    root = parent;
  }
  return root;
}

/** The images that a stage pulls: its base, and those that it copies from or mounts. */
function imagesOf(
  { stage, base, sources }: LinkedStage,
  platform: StagePlatform,
): readonly { readonly use: BaseUse; readonly by: Pick<Instruction, "source"> }[] {
  const images = [
    { origin: base, platform, by: stage.from },
    // BuildKit takes these for the target platform, on whatever stage they are named.
    ...sources.map(({ origin, instruction }) => ({
      origin,
      platform: "target" as const,
      by: instruction,
    })),
  ];
  return images.flatMap(({ origin, platform, by }) => {
    if (origin.kind !== "image") return [];
    referenceIn(origin.image, by);
    return [{ use: { ...lineOf(by), image: origin.image, platform }, by }];
  });
}

/** The variables of each stage, which those that start from it inherit. */
class StageScopes {
  readonly #dockerfile: Dockerfile;
  readonly #context: { readonly global: Scope; readonly args: InspectOptions["args"] };
  readonly #ends = new Map<number, Scope>();

  constructor(dockerfile: Dockerfile, options: InspectOptions) {
    this.#dockerfile = dockerfile;
    this.#context = { global: globalScope(dockerfile, options), args: options.args };
  }

  /** Stages must be entered in the order of the file. */
  enter({ stage, base }: LinkedStage): Scope {
    const parent = base.kind === "stage" ? this.#ends.get(base.index) : undefined;
    const scope = parent?.copy() ?? new Scope(this.#dockerfile, []);
    this.#ends.set(stage.index, scope);
    return scope;
  }

  apply(scope: Scope, instruction: Instruction): void {
    if (instruction.keyword === "ARG" || instruction.keyword === "ENV") {
      applyVariables(scope, instruction, this.#context);
    }
  }
}

function lineOf({ source }: Pick<Instruction, "source">): DockerfileLine {
  return { line: source.line, text: source.shown };
}

function withoutCredentials(hazard: DockerfileHazard): DockerfileHazard {
  const { message, instead } = hazard;
  return {
    ...hazard,
    message: redact(message),
    ...(instead === undefined ? {} : { instead: redact(instead) }),
  };
}

function byLine(a: DockerfileLine, b: DockerfileLine): number {
  return a.line - b.line;
}

function distinct<T>(items: readonly T[], key: (item: T) => unknown): T[] {
  const kept = new Map<string, T>();
  for (const item of items) {
    const name = JSON.stringify(key(item));
    if (!kept.has(name)) kept.set(name, item);
  }
  return [...kept.values()];
}
