import { fail, quoted } from "./fault.js";
import { type LogicalLine, checkLength } from "./logical-line.js";
import { type PhysicalLines, withoutTabs } from "./physical-lines.js";
import type { Heredoc } from "./syntax.js";

/** `<<EOF`, `<<-"EOF"`, `3<<EOF` as a word of its own. */
const WORD = /^\d*<<(-?)(\s*)([^<\s][^<]*)$/;

/** A heredoc announced by a line. */
interface Announced {
  readonly name: string;
  readonly expand: boolean;
  readonly chomp: boolean;
  /** `<< EOF`, which only newer BuildKit takes for a heredoc, and `$((1 << 2))` looks alike. */
  readonly spaced: boolean;
}

/**
 * Reads the files that follow an instruction which has `<<NAME` in it (Dockerfile reference,
 * "Here-documents"), in the order of their names.
 */
export function readHeredocs(lines: PhysicalLines, source: LogicalLine): readonly Heredoc[] {
  if (!source.text.includes("<<")) return [];
  const heredocs: Heredoc[] = [];
  for (const word of shellWords(source.text) ?? []) {
    const found = announced(word);
    if (found === undefined || (found.spaced && !lines.comes(found.name))) continue;
    heredocs.push(readHeredoc(lines, source, found));
  }
  return heredocs;
}

/** Whether a source of COPY or ADD is a heredoc's name. */
export function isHeredocName(word: string): boolean {
  return announced(word) !== undefined;
}

function readHeredoc(
  lines: PhysicalLines,
  source: LogicalLine,
  { name, expand, chomp }: Announced,
): Heredoc {
  const first = lines.number + 1;
  const content: string[] = [];
  for (let line = lines.next(); line !== undefined; line = lines.next()) {
    checkLength(source.file, line);
    if ((chomp ? withoutTabs(line.text) : line.text) === name) {
      return { name, expand, chomp, line: first, content: content.join("") };
    }
    content.push(line.text, "\n");
  }
  return fail(
    source.positionAt(0),
    `the heredoc ${quoted(name)} has no end`,
    `Close it with a line that is ${name} and nothing else.`,
  );
}

function announced(word: string): Announced | undefined {
  const match = WORD.exec(word);
  const [, dash, space, raw] = match ?? [];
  if (raw === undefined) return undefined;
  const name = unquoted(raw);
  if (name === undefined || name === "") return undefined;
  return {
    name,
    expand: !/['"]/.test(raw),
    chomp: dash === "-",
    spaced: space !== "",
  };
}

/**
 * Splits a whole line at white space outside quotes, quotes and backslashes kept; the blanks
 * between `<<` and a name do not split. Undefined where a quote has no end: BuildKit looks for no
 * heredocs there.
 */
function shellWords(text: string): readonly string[] | undefined {
  const words: string[] = [];
  let from = -1;
  let quote = "";
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at] ?? "";
    if (quote === "" && /\s/.test(character)) {
      if (from >= 0) words.push(text.slice(from, at));
      from = -1;
      continue;
    }
    if (from < 0) from = at;
    if (character === "\\" && quote !== "'") at += 1;
    else if (character === quote) quote = "";
    else if (quote === "" && (character === "'" || character === '"')) quote = character;
    else if (quote === "" && text.startsWith("<<", at)) {
      at += 1;
      while (/\s/.test(text[at + 1] ?? "")) at += 1;
    }
  }
  if (quote !== "") return undefined;
  if (from >= 0) words.push(text.slice(from));
  return words;
}

/** A heredoc's name without its quotes; undefined where it is more than one word. */
function unquoted(raw: string): string | undefined {
  const characters: string[] = [];
  let quote = "";
  for (let at = 0; at < raw.length; at += 1) {
    const character = raw[at] ?? "";
    if (quote === "" && /\s/.test(character)) return undefined;
    if (character === quote) quote = "";
    else if (quote === "" && (character === "'" || character === '"')) quote = character;
    else if (character === "\\" && quote === "") {
      at += 1;
      characters.push(raw[at] ?? "");
    } else characters.push(character);
  }
  return quote === "" ? characters.join("") : undefined;
}
