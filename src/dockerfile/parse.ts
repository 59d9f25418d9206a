import { BundlerError } from "../core/errors.js";
import { escapeOf, readDirectives } from "./directives.js";
import { fail } from "./fault.js";
import { readInstruction, stageName } from "./instruction.js";
import { readLogicalLine } from "./logical-line.js";
import { PhysicalLines } from "./physical-lines.js";
import type {
  Dockerfile,
  FromInstruction,
  Instruction,
  Stage,
  VariablesInstruction,
} from "./syntax.js";

/** Far above what anyone writes, and low enough that nobody's memory fills. */
const MAX = { bytes: 1024 * 1024, instructions: 10_000, stages: 500 } as const;

/**
 * Reads a Dockerfile as BuildKit does (Dockerfile reference): parser directives, comments,
 * continuation lines, heredocs, flags, JSON and shell forms. `name` is what errors call it.
 * @throws BundlerError DEFINITION naming line and column, what was expected and what stands there.
 */
export function parseDockerfile(name: string, text: string): Dockerfile {
  if (text.length > MAX.bytes || Buffer.byteLength(text) > MAX.bytes) {
    throw new BundlerError("DEFINITION", `${name} is larger than ${MAX.bytes} bytes.`, {
      hint: "Name the Dockerfile itself, not an archive or a log.",
      details: { file: name },
    });
  }
  const lines = new PhysicalLines(text);
  const directives = readDirectives(name, lines);
  const escape = escapeOf(directives);
  const globalArgs: VariablesInstruction[] = [];
  const stages: { readonly from: FromInstruction; readonly instructions: Instruction[] }[] = [];
  let count = 0;
  for (;;) {
    const source = readLogicalLine(name, lines, escape);
    if (source === undefined) break;
    const instruction = readInstruction({ source, lines, escape });
    const at = source.positionAt(0);
    count += 1;
    if (count > MAX.instructions) fail(at, `there are more than ${MAX.instructions} instructions`);
    const stage = stages.at(-1);
    if (instruction.keyword === "FROM") stages.push({ from: instruction, instructions: [] });
    else if (stage !== undefined) stage.instructions.push(instruction);
    else if (instruction.keyword === "ARG") globalArgs.push(instruction);
    else {
      fail(
        at,
        `expected FROM before the first ${instruction.keyword}`,
        "Only ARG may stand before it.",
      );
    }
    if (stages.length > MAX.stages) fail(at, `there are more than ${MAX.stages} stages`);
  }
  const [first, ...others] = stages.map(({ from, instructions }, index): Stage => {
    const given = stageName(from);
    return { index, ...(given === undefined ? {} : { name: given }), from, instructions };
  });
  if (first === undefined) {
    return fail(
      { file: name, line: Math.max(1, lines.number), column: 1 },
      "expected FROM, found the end of the file",
      "A Dockerfile starts with FROM and the name of an image.",
    );
  }
  return { name, text, escape, directives, globalArgs, stages: [first, ...others] };
}
