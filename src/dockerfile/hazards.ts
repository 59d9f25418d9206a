import { type Platform, formatPlatform, platformMatches } from "../core/platform.js";
import { type StageMachines, choosesByArchitecture, foreignNames } from "./foreign-names.js";
import { javaIn, javaInText } from "./java.js";
import type { Scope } from "./scope.js";
import { withoutComments } from "./shell-text.js";
import { referenceIn } from "./stage-graph.js";
import type {
  CommandInstruction,
  Dockerfile,
  FromInstruction,
  Instruction,
  TransferInstruction,
} from "./syntax.js";
import type { BaseUse, DockerfileHazard, InspectOptions, StagePlatform } from "./types.js";

/** A text of an instruction, and the line that each character of it stands on. */
interface Placed {
  readonly text: string;
  lineAt(offset: number): number;
}

/** A `# syntax=` makes the builder fetch another frontend, and obey it. */
export function syntaxHazards({ directives, text }: Dockerfile): readonly DockerfileHazard[] {
  return directives
    .filter(({ name }) => name === "syntax")
    .map(({ value, line }) => ({
      kind: "syntax",
      line,
      text: text.split(/\r?\n/, line)[line - 1] ?? "",
      message: `The builder pulls the frontend ${value.split(/\s/, 1)[0]?.slice(0, 200)} from the network and lets it do the build; leave the line out unless the file needs it.`,
    }));
}

export function floatingHazard(use: BaseUse, instruction: Pick<Instruction, "source">) {
  const { tag, digest } = referenceIn(use.image, instruction);
  if (digest !== undefined || tag !== "latest") return [];
  const what = use.image.endsWith(":latest") ? "the tag latest" : "no tag";
  return [
    {
      kind: "floating",
      line: use.line,
      text: use.text,
      message: `${use.image} has ${what}: another day it is another image; name a version.`,
    },
  ] as const satisfies readonly DockerfileHazard[];
}

/**
 * The last stage decides what the image holds: it must not be for any other platform.
 * @param from the FROM that the last stage has its platform from.
 */
export function lastStageHazards(
  from: FromInstruction,
  { platform, machine }: { readonly platform: StagePlatform; readonly machine: Platform },
  { targetPlatform }: InspectOptions,
): readonly DockerfileHazard[] {
  if (platform === "target" || platformMatches(targetPlatform, machine)) return [];
  const { source, line } = from;
  const whose = platform === "build" ? "the builder's own platform, " : "";
  return [
    {
      kind: "foreign-architecture",
      line,
      text: source.shown,
      message: `The last stage is for ${whose}${formatPlatform(machine)}, but its image is to run on ${formatPlatform(targetPlatform)}; leave --platform out, or write $TARGETPLATFORM.`,
      instead: source.shown.replace(/\s--platform=\S+/i, ""),
    },
  ];
}

/** What is wrong with the name of an image for the platform that it is pulled for. */
export function imageNameHazards(use: BaseUse, machine: Platform): readonly DockerfileHazard[] {
  const machines = { machine, target: machine };
  return foreignHazards({ text: use.image, lineAt: () => use.line }, use.text, machines);
}

/** What may go wrong in one instruction of a stage, other than with the image it names. */
export function instructionHazards(
  instruction: Instruction,
  context: {
    readonly scope: Scope;
    readonly machines: StageMachines;
    /** Its RUNs are for another machine than the builder's. */
    readonly emulated: boolean;
  },
): readonly DockerfileHazard[] {
  const { scope, machines, emulated } = context;
  switch (instruction.keyword) {
    case "RUN":
      return [
        ...runHazards(instruction, machines),
        ...(emulated ? javaHazards(instruction, machines.machine) : []),
      ];
    case "COPY":
    case "ADD":
      return transferHazards(instruction, scope, machines);
    case "ARG":
    case "ENV": {
      const { source, line } = instruction;
      return instruction.variables.flatMap(({ name, value }) => {
        // What BuildKit sets by itself is right by definition.
        if (value === undefined && /^(?:BUILD|TARGET)[A-Z]+$/.test(name)) return [];
        const known = scope.peek(name);
        const at = value === undefined ? line : source.positionAt(value.start).line;
        const text = `${name}=${typeof known === "string" ? known : (value?.text ?? "")}`;
        return foreignHazards({ text, lineAt: () => at }, source.shown, machines);
      });
    }
    default:
      return [];
  }
}

function runHazards(
  instruction: CommandInstruction,
  machines: StageMachines,
): readonly DockerfileHazard[] {
  const texts = textsOf(instruction);
  if (texts.some(({ text }) => choosesByArchitecture(text, machines))) return [];
  const { shown } = instruction.source;
  return texts.flatMap((placed) => foreignHazards(placed, shown, machines));
}

function transferHazards(
  instruction: TransferInstruction,
  scope: Scope,
  machines: StageMachines,
): readonly DockerfileHazard[] {
  const { source, keyword, flags } = instruction;
  const text = source.shown;
  const pinned = flags.some(({ name, value }) => name === "checksum" && value);
  return instruction.sources.flatMap((word): readonly DockerfileHazard[] => {
    const expanded = scope.tryExpand(word, instruction);
    const value = typeof expanded === "string" ? expanded : word.text;
    const { line } = source.positionAt(word.start);
    const hazards = foreignHazards({ text: value, lineAt: () => line }, text, machines);
    if (keyword !== "ADD" || !isRemote(value)) return hazards;
    const isSure = pinned || /#[0-9a-f]{40}(?:$|:)/.test(value);
    const why = isSure ? "" : ", and nothing says that it is the right thing";
    const message = `The builder fetches ${value.slice(0, 200)} from the network${why}; declare it under sources, with its checksum, and COPY it.`;
    return [...hazards, { kind: "remote-add", line, text, message }];
  });
}

/** A URL, or one of the ways to name a git repository (Dockerfile reference, "ADD"). */
function isRemote(source: string): boolean {
  return /^(?:https?|ftp|git|ssh):\/\/|^git@|^github\.com\//i.test(source);
}

function javaHazards(
  instruction: CommandInstruction,
  machine: Platform,
): readonly DockerfileHazard[] {
  const { exec, command, source, line } = instruction;
  const program =
    (exec === undefined ? javaInText(command.text) : javaIn(exec)) ??
    scriptsOf(instruction)
      .map(({ content }) => javaInText(content))
      .find((found) => found !== undefined);
  if (program === undefined) return [];
  const platform = formatPlatform(machine);
  return [
    {
      kind: "java",
      line,
      text: source.shown,
      message: `${program} runs on ${platform} here, and Java under emulation may hang for ever; do it in a stage FROM --platform=$BUILDPLATFORM and COPY what it makes.`,
    },
  ];
}

/** The heredocs of a RUN that a shell runs: all where it names no program, or a shell's input. */
function scriptsOf({ command, heredocs }: CommandInstruction) {
  const isShell = /^\d*<<|^(?:\S*\/)?(?:ba|da|a|k|z)?sh\s/.test(command.text);
  return heredocs.filter(({ content }) => {
    const interpreter = /^\s*#!\s*(.*)/.exec(content)?.[1];
    return isShell && (interpreter === undefined || /sh\s*$/.test(interpreter));
  });
}

/** All that a RUN says, comments blanked out. */
function textsOf({ exec, command, heredocs, source, line }: CommandInstruction): readonly Placed[] {
  const inCommand = (offset: number): number => source.positionAt(command.start + offset).line;
  const commands =
    exec?.map((text) => ({ text, lineAt: () => line })) ??
    ([{ text: withoutComments(command.text), lineAt: inCommand }] as const);
  return [
    ...commands,
    ...heredocs.map((heredoc) => {
      const text = withoutComments(heredoc.content);
      return { text, lineAt: lineCounter(text, heredoc.line) };
    }),
  ];
}

/** Offsets must be asked for in rising order: each line end is passed once. */
function lineCounter(text: string, first: number): (offset: number) => number {
  let line = first;
  let end = text.indexOf("\n");
  return (offset) => {
    while (end >= 0 && end < offset) {
      line += 1;
      end = text.indexOf("\n", end + 1);
    }
    return line;
  };
}

function foreignHazards(
  placed: Placed,
  text: string,
  machines: StageMachines,
): readonly DockerfileHazard[] {
  return foreignNames(placed.text, machines).map(({ start, message, instead }) => ({
    kind: "foreign-architecture",
    line: placed.lineAt(start),
    text,
    message,
    ...(instead === undefined ? {} : { instead }),
  }));
}
