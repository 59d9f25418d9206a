import { machine } from "node:os";
import { BundlerError } from "../core/errors.js";
import {
  type Platform,
  formatPlatform,
  normalizePlatform,
  parsePlatform,
  platformMatches,
} from "../core/platform.js";
import type { Builder, BuilderNode } from "../builder/types.js";
import type { DockerfileHazard, DockerfileLine } from "../dockerfile/types.js";
import type { Strategy } from "../plan/build-types.js";

export interface StrategyQuestion {
  readonly component: string;
  readonly target: Platform;
  /** The steps that run on the target's platform. */
  readonly runs: readonly DockerfileLine[];
  /** Those of Java are steps that the builder would emulate. */
  readonly hazards: readonly DockerfileHazard[];
  /** The Dockerfile, for messages. */
  readonly file: string;
  readonly builder: Pick<Builder, "name" | "nodes">;
  /** `--strategy component=…`. */
  readonly asked?: Strategy;
  /** Java may run under emulation. */
  readonly forced: boolean;
}

export interface ChosenStrategy {
  readonly strategy: Strategy;
  /** Why, for the plan. */
  readonly reason: string;
  /** Java runs under emulation, and may never end. */
  readonly mayHang: boolean;
}

/**
 * How the steps of a build are run: cross where the target's stages run nothing, else on a node of
 * the target's architecture, else under emulation.
 * @throws BundlerError USAGE for a strategy that was asked for and cannot be; BUILDER when no node
 *   runs the target's steps, or when they are Java's and would be emulated.
 */
export function chooseStrategy(question: StrategyQuestion): ChosenStrategy {
  const { component, runs, hazards, builder, asked, file, forced } = question;
  const target = normalizePlatform(question.target);
  const platform = formatPlatform(target);
  const nodes = working(builder);
  const native = nodes.find((node) => runsItself(node, target));
  const emulator = native === undefined ? nodes.find(lists(target)) : undefined;
  const [run] = runs;
  const because = (strategy: Strategy): string =>
    strategyReason(strategy, { file, runs, target, asked: asked !== undefined });
  const refuse = (why: string, hint: string): BundlerError =>
    new BundlerError("USAGE", `--strategy ${component}=${asked}: ${why}.`, {
      hint,
      details: { component, platform, strategy: asked },
    });

  if (run === undefined && (asked ?? "cross") === "cross") {
    return { strategy: "cross", reason: because("cross"), mayHang: false };
  }
  if (asked === "cross") {
    throw refuse(
      `${describeRuns(file, runs)} on ${platform}`,
      "Let that stage run on the builder's platform (FROM --platform=$BUILDPLATFORM), or use native or emulate.",
    );
  }
  const what = run === undefined ? "the target's stage runs nothing" : describeRuns(file, runs);
  if (asked === "native" || (asked === undefined && native !== undefined)) {
    if (native === undefined) {
      throw refuse(`the builder ${builder.name} has no node of ${platform}`, nodeHint(platform));
    }
    return { strategy: "native", reason: because("native"), mayHang: false };
  }
  if (emulator === undefined) {
    if (asked === "emulate" && native !== undefined) {
      throw refuse(
        `the node ${native.name} of the builder ${builder.name} runs ${platform} itself`,
        "Leave the strategy to choose itself, or give another builder with --builder.",
      );
    }
    throw new BundlerError(
      "BUILDER",
      `${what} on ${platform}, which the builder ${builder.name} can neither run nor emulate.`,
      {
        hint: `Install emulation (\`openim-bundler doctor --platform ${platform} --fix\`), or ${lowerFirst(nodeHint(platform))}`,
        details: { component, platform, builder: builder.name },
      },
    );
  }
  const java = hazards.find(({ kind }) => kind === "java");
  if (java !== undefined && !forced) {
    throw new BundlerError(
      "BUILDER",
      `${file}:${java.line} runs Java (${shortText(java)}) on ${platform}, which the builder ${builder.name} would emulate: a JVM under QEMU is known to hang.`,
      {
        hint: `${nodeHint(platform)} Or run that step on the builder's platform (FROM --platform=$BUILDPLATFORM). To try it all the same: --emulate-java ${component}.`,
        details: { component, platform, file, line: java.line },
      },
    );
  }
  return { strategy: "emulate", reason: because("emulate"), mayHang: java !== undefined };
}

/**
 * Why a build is made this way, for the plan and for the bundle: the same on every machine that builds
 * it so, with the name of none.
 */
export function strategyReason(
  strategy: Strategy,
  why: Pick<StrategyQuestion, "file" | "runs" | "target"> & { readonly asked: boolean },
): string {
  const platform = formatPlatform(normalizePlatform(why.target));
  const [run] = why.runs;
  const what =
    run === undefined ? "the target's stage runs nothing" : describeRuns(why.file, why.runs);
  const by = why.asked ? ", as asked with --strategy" : "";
  switch (strategy) {
    case "cross":
      return `built: cross, ${what}${by}`;
    case "native":
      return `built: native, ${what} and the builder has a node of ${platform}${by}`;
    case "emulate":
      return `built: emulate, ${what} on ${platform} and the builder has no node of it${by}`;
  }
}

/** The platform that a builder's own steps run on when it builds for a target. */
export function buildPlatformOf(builder: Pick<Builder, "nodes">, target: Platform): Platform {
  const nodes = working(builder);
  const node =
    nodes.find((one) => runsItself(one, target)) ?? nodes.find(lists(target)) ?? nodes[0];
  if (node?.native !== undefined) return node.native;
  const claimed = node?.claimed.some((one) => platformMatches(one, target)) === true;
  return claimed ? target : machinePlatform();
}

/** What this machine's own processor runs. */
export function machinePlatform(): Platform {
  return parsePlatform(machine());
}

function working({ nodes }: Pick<Builder, "nodes">): readonly BuilderNode[] {
  return nodes.filter(({ error }) => error === undefined);
}

/** Without QEMU: its own architecture, what it was claimed for, and 32-bit programs on an x86 processor. */
function runsItself(node: BuilderNode, target: Platform): boolean {
  if (node.claimed.some((one) => platformMatches(one, target))) return true;
  const { native } = node;
  if (native === undefined) return false;
  if (platformMatches(native, target)) return true;
  const family = native.architecture === "amd64" ? ["amd64", "386"] : [native.architecture];
  return native.os === target.os && family.includes(target.architecture) && lists(target)(node);
}

function lists(target: Platform): (node: Pick<BuilderNode, "platforms">) => boolean {
  return ({ platforms }) => platforms.some((one) => platformMatches(one, target));
}

function describeRuns(file: string, runs: readonly DockerfileLine[]): string {
  const [first] = runs;
  if (first === undefined) return "the target's stage runs nothing";
  const more = runs.length > 1 ? ` (and ${runs.length - 1} more)` : "";
  return `${file}:${first.line} ${shortText(first)}${more} runs`;
}

function shortText({ text }: DockerfileLine): string {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length > 60 ? `${line.slice(0, 60)}…` : line;
}

function nodeHint(platform: string): string {
  return `Give the builder a node of it: openim-bundler builder setup --node ssh://HOST=${platform}.`;
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
