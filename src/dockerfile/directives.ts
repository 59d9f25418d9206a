import { fail, quoted } from "./fault.js";
import type { EscapeCharacter } from "./logical-line.js";
import type { PhysicalLines } from "./physical-lines.js";

/** A comment at the top of the file that the builder obeys (Dockerfile reference, "Parser directives"). */
export interface Directive {
  readonly name: "syntax" | "escape" | "check";
  readonly value: string;
  readonly line: number;
}

const FORM = /^\s*#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(\S[^]*)$/;

/** Reads the parser directives, and leaves the reader behind them. */
export function readDirectives(file: string, lines: PhysicalLines): readonly Directive[] {
  const directives: Directive[] = [];
  // BuildKit passes over a shebang when it looks for a syntax, although its parser takes it for a
  // comment, which ends the directives: behind one, only `syntax` counts.
  const shebang = lines.peek()?.text.startsWith("#!") ?? false;
  if (shebang) lines.next();
  for (let line = lines.peek(); line !== undefined; line = lines.peek()) {
    const match = FORM.exec(line.text);
    const name = match?.[1]?.toLowerCase();
    if (name !== "syntax" && name !== "escape" && name !== "check") break;
    if (shebang && name !== "syntax") break;
    const value = match?.[2]?.trimEnd() ?? "";
    const at = { file, line: line.number, column: 1 };
    if (directives.some((directive) => directive.name === name)) {
      fail(at, `the directive ${name} stands here a second time`, "Keep one of them.");
    }
    if (name === "escape" && !isEscape(value)) {
      fail(at, `expected \\ or \` as the escape character, found ${quoted(value)}`);
    }
    directives.push({ name, value, line: line.number });
    lines.next();
  }
  return directives;
}

export function escapeOf(directives: readonly Directive[]): EscapeCharacter {
  const value = directives.find(({ name }) => name === "escape")?.value;
  return value !== undefined && isEscape(value) ? value : "\\";
}

function isEscape(value: string): value is EscapeCharacter {
  return value === "\\" || value === "`";
}
