import fc from "fast-check";
import type { Dockerfile, Instruction, Stage } from "../../../src/dockerfile/syntax.js";

/** What a generated instruction means, and its parts in the order in which they are written. */
interface Written {
  readonly keyword: string;
  readonly flags: readonly (readonly [name: string, value: string])[];
  /** Words that may have a line break between any two of them. */
  readonly words: readonly string[];
  readonly heredocs: readonly { readonly name: string; readonly lines: readonly string[] }[];
}

interface WrittenStage {
  readonly image: string;
  readonly platform?: string;
  readonly name?: string;
  readonly instructions: readonly Written[];
}

export interface WrittenFile {
  readonly globalArgs: readonly (readonly [name: string, value: string])[];
  readonly stages: readonly WrittenStage[];
}

/** How a file is laid out, which changes nothing of what it means. */
export interface Layout {
  readonly bom: boolean;
  readonly lineEnd: "\n" | "\r\n";
  readonly escape: "\\" | "`";
  /** Random choices, taken round and round. */
  readonly dice: readonly number[];
}

const word = fc
  .stringMatching(/^[a-z0-9/._+:=,@%-]{1,12}$/)
  .filter((text) => !/^-|^\d*</.test(text));
const image = fc.constantFrom(
  "golang:1.20.14-alpine3.19",
  "registry.example:5000/team/app:2",
  "debian",
  "scratch",
  `alpine@sha256:${"ab".repeat(32)}`,
);
const heredoc = fc.record({
  name: fc.constantFrom("EOF", "END_1", "a.txt"),
  lines: fc.array(
    fc.constantFrom("FROM nothing", "# no comment", "RUN echo \\", "", "  <<EOF", "ONBUILD"),
    { maxLength: 4 },
  ),
});
const none = { flags: [], heredocs: [] } as const;

const instruction: fc.Arbitrary<Written> = fc.oneof(
  fc.record({
    keyword: fc.constant("RUN"),
    flags: fc.constantFrom<Written["flags"]>(
      [],
      [["mount", "type=cache,target=/root/.cache"]],
      [
        ["mount", "type=bind,from=tools,source=/a b"],
        ["network", "none"],
      ],
    ),
    words: fc.array(word, { minLength: 1, maxLength: 6 }),
    heredocs: fc.array(heredoc, { maxLength: 2 }),
  }),
  fc.record({
    keyword: fc.constantFrom("COPY", "ADD"),
    flags: fc.constantFrom<Written["flags"]>([], [["chown", "1000:1000"]]),
    words: fc.array(word, { minLength: 2, maxLength: 4 }),
    heredocs: fc.array(heredoc, { maxLength: 1 }),
  }),
  fc
    .array(word, { minLength: 1, maxLength: 4 })
    .map((words) => ({ ...none, keyword: "CMD", words: [JSON.stringify(words)] })),
  word.map((value) => ({ ...none, keyword: "ENV", words: [`NAME="${value} and more"`] })),
  word.map((text) => ({ ...none, keyword: "WORKDIR", words: [`/${text}`] })),
);

const stage = fc.record(
  {
    image,
    platform: fc.constantFrom("$BUILDPLATFORM", "linux/arm64"),
    name: fc.stringMatching(/^[a-z][a-z0-9_.-]{0,8}$/),
    instructions: fc.array(instruction, { maxLength: 6 }),
  },
  { requiredKeys: ["image", "instructions"] },
);

export const writtenFile: fc.Arbitrary<WrittenFile> = fc.record({
  globalArgs: fc.array(fc.tuple(fc.constantFrom("A", "B", "C"), word), { maxLength: 3 }),
  stages: fc.array(stage, { minLength: 1, maxLength: 4 }),
});

export const layout: fc.Arbitrary<Layout> = fc.record({
  bom: fc.boolean(),
  lineEnd: fc.constantFrom("\n" as const, "\r\n" as const),
  escape: fc.constantFrom("\\" as const, "`" as const),
  dice: fc.array(fc.nat(99), { minLength: 5, maxLength: 40 }),
});

/** Writes a file out; the same choices give the same text. */
export function write(file: WrittenFile, { bom, lineEnd, escape, dice }: Layout): string {
  let thrown = 0;
  const chance = (percent: number): boolean => (dice[thrown++ % dice.length] ?? 0) < percent;
  const lines: string[] = [];
  const put = (parts: readonly string[]): void => {
    const [keyword = "", ...rest] = parts;
    let line = `${chance(20) ? "  " : ""}${chance(30) ? keyword.toLowerCase() : keyword}`;
    for (const part of rest) {
      line += " ";
      if (chance(25)) {
        lines.push(`${line}${escape}${chance(30) ? " \t" : ""}`);
        if (chance(30)) lines.push("   # a comment that ends in an escape \\");
        line = chance(50) ? "    " : "\t";
      }
      line += part;
    }
    lines.push(line);
  };
  const write = ({ keyword, flags, words, heredocs }: Written): void => {
    const marks = heredocs.map(({ name }) => (chance(50) ? `<<${name}` : `<<-"${name}"`));
    const all = keyword === "RUN" ? [...words, ...marks] : [...marks, ...words];
    put([keyword, ...flags.map(([name, value]) => flagOf(name, value)), ...all]);
    for (const [index, { name, lines: body }] of heredocs.entries()) {
      lines.push(...body, marks[index]?.startsWith("<<-") ? `\t${name}` : name);
    }
    if (chance(20)) lines.push("", "# between instructions");
  };
  if (escape === "`") lines.push("# escape=`");
  for (const [name, value] of file.globalArgs) put(["ARG", `${name}=${value}`]);
  for (const { image, platform, name, instructions } of file.stages) {
    const flags = platform === undefined ? [] : [`--platform=${platform}`];
    put(["FROM", ...flags, image, ...(name === undefined ? [] : ["AS", name])]);
    instructions.forEach(write);
  }
  return (bom ? "\uFEFF" : "") + lines.join(lineEnd) + (chance(50) ? lineEnd : "");
}

function flagOf(name: string, value: string): string {
  return value.includes(" ") ? `--${name}="${value}"` : `--${name}=${value}`;
}

/** The meaning of a parsed file, in the words of the one that was written. */
export function meaningOf(file: Dockerfile): WrittenFile {
  return {
    globalArgs: file.globalArgs.flatMap(({ variables }) =>
      variables.map(({ name, value }) => [name, value?.text ?? ""] as const),
    ),
    stages: file.stages.map(stageOf),
  };
}

function stageOf({ from, name, instructions }: Stage): WrittenStage {
  const platform = from.flags.find((flag) => flag.name === "platform")?.value;
  return {
    image: from.image.text,
    ...(platform === undefined ? {} : { platform }),
    ...(name === undefined ? {} : { name }),
    instructions: instructions.map(instructionOf),
  };
}

function instructionOf(instruction: Instruction): Written {
  const { keyword, flags } = instruction;
  const heredocs = "heredocs" in instruction ? instruction.heredocs : [];
  return {
    keyword,
    flags: flags.map(({ name, value }) => [name, value ?? ""] as const),
    words: wordsOf(instruction),
    heredocs: heredocs.map(({ name, content }) => ({
      name,
      lines: content === "" ? [] : content.slice(0, -1).split("\n"),
    })),
  };
}

function wordsOf(instruction: Instruction): readonly string[] {
  const withoutHeredocs = (words: readonly string[]): readonly string[] =>
    words.filter((text) => !text.startsWith("<<"));
  switch (instruction.keyword) {
    case "RUN":
      return withoutHeredocs(instruction.command.text.split(/\s+/));
    case "CMD":
      return [JSON.stringify(instruction.exec)];
    case "COPY":
    case "ADD":
      return withoutHeredocs([
        ...instruction.sources.map(({ text }) => text),
        instruction.destination,
      ]);
    case "ENV":
      return instruction.variables.map(({ name, value }) => `${name}=${value?.text ?? ""}`);
    case "WORKDIR":
      return instruction.words;
    default:
      return [];
  }
}
