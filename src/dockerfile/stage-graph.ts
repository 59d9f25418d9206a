import { BundlerError } from "../core/errors.js";
import { type Reference, familiarReference, parseReference } from "../image/reference.js";
import { fail, quoted } from "./fault.js";
import { mountSource } from "./mount.js";
import { type Scope, globalScope } from "./scope.js";
import type { Dockerfile, Flag, Instruction, Stage } from "./syntax.js";
import type { BuildInputs } from "./types.js";

/** Where a stage's files, or those of a COPY or a mount, come from. */
type Origin =
  | { readonly kind: "image"; readonly image: string }
  | { readonly kind: "stage"; readonly index: number }
  | { readonly kind: "scratch" }
  /** A build context given by name. */
  | { readonly kind: "context" };

/** A `COPY --from` or a mount's `from=`. */
interface SourceUse {
  readonly origin: Origin;
  readonly instruction: Instruction;
  /** The flag of it. */
  readonly flag: Flag;
}

/** A stage with what it is made from. */
export interface LinkedStage {
  readonly stage: Stage;
  readonly base: Origin;
  /** What is done, in this order: the ONBUILD triggers of the stage that it starts from come first. */
  readonly instructions: readonly Instruction[];
  readonly sources: readonly SourceUse[];
}

/**
 * Works out every stage's base and sources, in the order of the file.
 * @throws BundlerError DEFINITION for a base that comes out empty, a stage that does not exist, or
 *   stages that need each other.
 */
export function linkStages(dockerfile: Dockerfile, inputs: BuildInputs): readonly LinkedStage[] {
  const scope = globalScope(dockerfile, inputs);
  const known = new Map<string, number>();
  const based = dockerfile.stages.map((stage) => {
    const base = baseOf(stage, scope, known, inputs);
    if (stage.name !== undefined) known.set(stage.name, stage.index);
    const parent = base.kind === "stage" ? dockerfile.stages[base.index] : undefined;
    return { stage, base, instructions: [...triggersOf(parent), ...stage.instructions] };
  });
  const stages = based.map((stage) => ({
    ...stage,
    sources: sourcesOf(stage.instructions, known, dockerfile, inputs),
  }));
  checkCycles(stages);
  return stages;
}

/**
 * The stages that the target needs, in the order of the file, the target itself among them.
 * @throws BundlerError DEFINITION when there is no such stage.
 */
export function neededStages(
  dockerfile: Dockerfile,
  stages: readonly LinkedStage[],
  target: string | undefined,
): { readonly needed: readonly LinkedStage[]; readonly last: LinkedStage } {
  const last =
    target === undefined
      ? stages.at(-1)
      : stages.findLast(({ stage }) => stage.name === target.toLowerCase());
  if (last === undefined) {
    const names = stages.flatMap(({ stage }) => stage.name ?? []);
    throw new BundlerError(
      "DEFINITION",
      `${dockerfile.name} has no stage ${quoted(target ?? "")}, which the build is to end with.`,
      {
        hint:
          names.length === 0
            ? "None of its stages has a name: add one with FROM … AS name."
            : `Its stages are ${names.slice(0, 20).join(", ")}.`,
        details: { file: dockerfile.name, target },
      },
    );
  }
  const reached = new Set<number>();
  const queue = [last.stage.index];
  for (let index = queue.pop(); index !== undefined; index = queue.pop()) {
    if (reached.has(index)) continue;
    reached.add(index);
    queue.push(...stagesBehind(stages[index]));
  }
  return { needed: stages.filter(({ stage }) => reached.has(stage.index)), last };
}

/** @throws BundlerError DEFINITION with the place of the instruction. */
export function referenceIn(image: string, { source }: Pick<Instruction, "source">): Reference {
  try {
    return parseReference(image);
  } catch (error) {
    if (!(error instanceof BundlerError)) throw error;
    return fail(source.positionAt(0), error.message.replace(/\.$/, ""), error.hint);
  }
}

function baseOf(
  stage: Stage,
  scope: Scope,
  known: ReadonlyMap<string, number>,
  inputs: BuildInputs,
): Origin {
  const { from } = stage;
  if (stage.name !== undefined && inputs.contextNames?.has(stage.name)) return { kind: "context" };
  const image = scope.expand(from.image, from);
  if (image === "") {
    fail(
      from.source.positionAt(from.image.start),
      `the image ${quoted(from.image.text)} comes out empty`,
      "Give its variable a default by an ARG before the first FROM, or a value under args.",
    );
  }
  return originOf(image, known.get(image), inputs);
}

function originOf(image: string, stage: number | undefined, { contextNames }: BuildInputs): Origin {
  if (stage !== undefined) return { kind: "stage", index: stage };
  if (image === "scratch") return { kind: "scratch" };
  if (contextNames?.has(image) || contextNames?.has(contextName(image))) return { kind: "context" };
  return { kind: "image", image };
}

/** The name by which BuildKit looks for a context in an image's place. */
function contextName(image: string): string {
  try {
    return familiarReference(parseReference(image)).replace(/:latest$/, "");
  } catch {
    return image;
  }
}

function triggersOf(parent: Stage | undefined): readonly Instruction[] {
  if (parent === undefined) return [];
  return parent.instructions.flatMap((instruction) =>
    instruction.keyword === "ONBUILD" ? [instruction.trigger] : [],
  );
}

function sourcesOf(
  instructions: readonly Instruction[],
  known: ReadonlyMap<string, number>,
  dockerfile: Dockerfile,
  inputs: BuildInputs,
): readonly SourceUse[] {
  return instructions.flatMap((instruction) =>
    instruction.flags.flatMap((flag): readonly SourceUse[] => {
      if (instruction.keyword === "RUN" && flag.name === "mount") {
        const image = mountSource(flag)?.image;
        if (image === undefined) return [];
        const origin = originOf(image, known.get(image.toLowerCase()), inputs);
        return [{ origin, instruction, flag }];
      }
      if (instruction.keyword !== "COPY" || flag.name !== "from" || !flag.value) return [];
      const from = flag.value;
      if (!/^\d+$/.test(from)) {
        const origin = originOf(from, known.get(from.toLowerCase()), inputs);
        return [{ origin, instruction, flag }];
      }
      const index = Number(from);
      if (index >= dockerfile.stages.length) {
        fail(
          instruction.source.positionAt(flag.start),
          `there is no stage ${from.slice(0, 20)}`,
          `The last stage is ${dockerfile.stages.length - 1}; better give stages names.`,
        );
      }
      return [{ origin: { kind: "stage", index }, instruction, flag }];
    }),
  );
}

function stagesBehind(stage: LinkedStage | undefined): readonly number[] {
  const origins = [stage?.base, ...(stage?.sources.map(({ origin }) => origin) ?? [])];
  return origins.flatMap((origin) => (origin?.kind === "stage" ? [origin.index] : []));
}

function checkCycles(stages: readonly LinkedStage[]): void {
  const state = new Map<number, "open" | "done">();
  const visit = (index: number): void => {
    if (state.get(index) === "done") return;
    const stage = stages[index];
    if (stage === undefined) return;
    if (state.get(index) === "open") {
      fail(
        stage.stage.from.source.positionAt(0),
        `the stage ${quoted(stage.stage.name ?? String(index))} needs itself, by way of what it copies`,
        "Let stages copy from earlier ones only.",
      );
    }
    state.set(index, "open");
    stagesBehind(stage).forEach(visit);
    state.set(index, "done");
  };
  for (const index of stages.keys()) visit(index);
}
