import { BundlerError } from "../core/errors.js";
import { type Platform, formatPlatform } from "../core/platform.js";
import { expandWord } from "./expand.js";
import { fail } from "./fault.js";
import type { Dockerfile, VariablesInstruction, Word } from "./syntax.js";
import type { BuildInputs } from "./types.js";

/** Variables and their values at one place of a Dockerfile. */
export class Scope {
  readonly #dockerfile: Dockerfile;
  readonly #values: Map<string, string | BundlerError>;

  constructor(dockerfile: Dockerfile, values: Iterable<readonly [string, string | BundlerError]>) {
    this.#dockerfile = dockerfile;
    this.#values = new Map(values);
  }

  copy(): Scope {
    return new Scope(this.#dockerfile, this.#values);
  }

  /** @throws BundlerError DEFINITION when it has a value that could not be worked out. */
  get(name: string): string | undefined {
    const value = this.#values.get(name);
    if (value instanceof BundlerError) throw value;
    return value;
  }

  /** The value, or why there is none. */
  peek(name: string): string | BundlerError | undefined {
    return this.#values.get(name);
  }

  set(name: string, value: string | BundlerError | undefined): void {
    if (value !== undefined) this.#values.set(name, value);
  }

  /**
   * A word's value, or what is wrong with it: thrown only when someone asks for the variable that
   * gets it, since most are for the shell of a RUN, which nobody needs to understand here.
   */
  tryExpand(word: Word, instruction: Pick<VariablesInstruction, "source">): string | BundlerError {
    try {
      return this.expand(word, instruction);
    } catch (error) {
      if (error instanceof BundlerError) return error;
      throw error;
    }
  }

  /** @throws BundlerError DEFINITION */
  expand(word: Word, { source }: Pick<VariablesInstruction, "source">): string {
    return expandWord(word.text, {
      escape: this.#dockerfile.escape,
      lookup: (name) => this.get(name),
      fail: (message, offset, hint) => fail(source.positionAt(word.start + offset), message, hint),
    });
  }
}

/**
 * What `FROM` and `--platform` can refer to: the platforms that BuildKit sets by itself, then the
 * ARGs before the first FROM, each overridden by a build argument of its name.
 */
export function globalScope(dockerfile: Dockerfile, options: BuildInputs): Scope {
  const { args } = options;
  const scope = new Scope(
    dockerfile,
    automaticArgs(dockerfile, options).map(([name, value]) => [name, given(args, name) ?? value]),
  );
  for (const instruction of dockerfile.globalArgs) {
    for (const { name, value } of instruction.variables) {
      scope.set(name, given(args, name) ?? tryWord(scope, value, instruction));
    }
  }
  return scope;
}

/** What an ARG or ENV inside a stage does to the stage's variables. LABEL does nothing to them. */
export function applyVariables(
  scope: Scope,
  instruction: VariablesInstruction,
  context: { readonly global: Scope; readonly args: Readonly<Record<string, string>> },
): void {
  if (instruction.keyword === "LABEL") return;
  const { keyword, variables } = instruction;
  if (keyword === "ENV") {
    // The values of one ENV see the variables as they were before it.
    const values = variables.map(({ value }) => tryWord(scope, value, instruction));
    for (const [index, { name }] of variables.entries()) scope.set(name, values[index]);
    return;
  }
  for (const { name, value } of variables) {
    const own = tryWord(scope, value, instruction) ?? context.global.peek(name);
    scope.set(name, given(context.args, name) ?? own);
  }
}

function tryWord(scope: Scope, word: Word | undefined, instruction: VariablesInstruction) {
  return word === undefined ? undefined : scope.tryExpand(word, instruction);
}

/** A build argument's value; names such as `constructor` are no arguments. */
function given(args: Readonly<Record<string, string>>, name: string): string | undefined {
  return Object.hasOwn(args, name) ? args[name] : undefined;
}

function automaticArgs(
  { stages }: Dockerfile,
  { buildPlatform, targetPlatform, target }: BuildInputs,
): readonly (readonly [string, string])[] {
  const of = (prefix: string, platform: Platform): readonly (readonly [string, string])[] => [
    [`${prefix}PLATFORM`, formatPlatform(platform)],
    [`${prefix}OS`, platform.os],
    [`${prefix}ARCH`, platform.architecture],
    [`${prefix}VARIANT`, platform.variant ?? ""],
  ];
  return [
    ...(buildPlatform === undefined ? [] : of("BUILD", buildPlatform)),
    ...of("TARGET", targetPlatform),
    ["TARGETSTAGE", target ?? stages.at(-1)?.name ?? "default"],
  ];
}
