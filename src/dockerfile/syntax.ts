import type { Directive } from "./directives.js";
import type { EscapeCharacter, LogicalLine } from "./logical-line.js";

/** A parsed Dockerfile. Nothing in it is expanded: that takes arguments and platforms. */
export interface Dockerfile {
  /** As messages call it. */
  readonly name: string;
  readonly text: string;
  readonly escape: EscapeCharacter;
  readonly directives: readonly Directive[];
  /** Before the first FROM. */
  readonly globalArgs: readonly VariablesInstruction[];
  /** In the order of the file; never none. */
  readonly stages: readonly [Stage, ...Stage[]];
}

export interface Stage {
  /** From 0, as `COPY --from=0` counts. */
  readonly index: number;
  /** Lower case, as stages are looked up. */
  readonly name?: string;
  readonly from: FromInstruction;
  /** Without the FROM. */
  readonly instructions: readonly Instruction[];
}

/** A run of an instruction's text; `start` and `end` count in the joined text of its logical line. */
export interface Word {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** `--name` or `--name=value` before an instruction's arguments. */
export interface Flag {
  readonly name: string;
  /** Quotes and backslashes taken out; absent where there is no `=`. */
  readonly value?: string;
  /** With the dashes. */
  readonly start: number;
  /** Where each character of the value stands, and where the last one ends. */
  readonly valueAt: readonly number[];
}

/** A file written into the Dockerfile itself. */
export interface Heredoc {
  readonly name: string;
  /** Whether variables inside are expanded: the name is not quoted. */
  readonly expand: boolean;
  /** `<<-`: tabs before each line do not count. */
  readonly chomp: boolean;
  /** Of its first line, from 1. */
  readonly line: number;
  /** Each with its line end as `\n`. */
  readonly content: string;
}

interface Common {
  /** Of the keyword, from 1. */
  readonly line: number;
  /** The last line, heredocs included. */
  readonly endLine: number;
  readonly source: LogicalLine;
  readonly flags: readonly Flag[];
}

export interface FromInstruction extends Common {
  readonly keyword: "FROM";
  readonly image: Word;
}

export interface CommandInstruction extends Common {
  readonly keyword: "RUN" | "CMD" | "ENTRYPOINT" | "SHELL" | "HEALTHCHECK";
  /** Present for the JSON form. */
  readonly exec?: readonly string[];
  /** As written; for HEALTHCHECK what follows CMD, empty after NONE. */
  readonly command: Word;
  readonly heredocs: readonly Heredoc[];
}

export interface TransferInstruction extends Common {
  readonly keyword: "COPY" | "ADD";
  readonly exec: boolean;
  /** Files, URLs and `<<NAME`. */
  readonly sources: readonly Word[];
  readonly destination: string;
  readonly heredocs: readonly Heredoc[];
}

export interface Variable {
  readonly name: string;
  /** As written, with its quotes; absent for an ARG without a default. */
  readonly value?: Word;
}

export interface VariablesInstruction extends Common {
  readonly keyword: "ARG" | "ENV" | "LABEL";
  readonly variables: readonly Variable[];
}

export interface OnbuildInstruction extends Common {
  readonly keyword: "ONBUILD";
  readonly trigger: Exclude<Instruction, OnbuildInstruction>;
}

interface PlainInstruction extends Common {
  readonly keyword: "EXPOSE" | "MAINTAINER" | "STOPSIGNAL" | "USER" | "VOLUME" | "WORKDIR";
  readonly words: readonly string[];
}

/** What a stage is made of. */
export type Instruction =
  | CommandInstruction
  | TransferInstruction
  | VariablesInstruction
  | OnbuildInstruction
  | PlainInstruction;
