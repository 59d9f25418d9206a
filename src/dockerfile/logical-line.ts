import { redact } from "../core/errors.js";
import type { Position } from "../core/position.js";
import { fail } from "./fault.js";
import { LINE_MAX, type PhysicalLine, type PhysicalLines } from "./physical-lines.js";

export type EscapeCharacter = "\\" | "`";

/** A piece of an instruction that stands on one line of the file. */
interface Segment {
  /** Where it begins in the joined text. */
  readonly start: number;
  /** Where it begins in the file. */
  readonly offset: number;
  readonly line: number;
  /** From 1. */
  readonly column: number;
  readonly text: string;
}

/** An instruction with its continuation lines joined, which knows where each character of it stands in the file. */
export class LogicalLine {
  readonly file: string;
  /** As BuildKit sees it: comments and line breaks taken out, spaces before continuations kept. */
  readonly text: string;
  readonly #segments: readonly [Segment, ...Segment[]];
  #shown: string | undefined;

  constructor(file: string, segments: readonly [Segment, ...Segment[]]) {
    this.file = file;
    this.text = segments.map(({ text }) => text).join("");
    this.#segments = segments;
  }

  get line(): number {
    return this.#segments[0].line;
  }

  /** One line for messages: continuation lines joined by a single space, credentials blanked out. */
  get shown(): string {
    this.#shown ??= redact(
      this.#segments
        .map(({ text }) => text.trim())
        .filter((text) => text !== "")
        .join(" "),
    );
    return this.#shown;
  }

  positionAt(offset: number): Position {
    const segment = this.#segmentAt(offset);
    return {
      file: this.file,
      line: segment.line,
      column: segment.column + offset - segment.start,
    };
  }

  /** The runs of the file that a part of the text is made of, in order; never none. */
  runs(start: number, end: number): readonly { readonly start: number; readonly end: number }[] {
    const runs = [];
    for (let index = this.#indexAt(start); index < this.#segments.length; index += 1) {
      const segment = this.#segments[index];
      if (segment === undefined || segment.start >= end) break;
      const from = Math.max(start, segment.start) - segment.start;
      const to = Math.min(end - segment.start, segment.text.length);
      if (to > from) runs.push({ start: segment.offset + from, end: segment.offset + to });
    }
    return runs;
  }

  #segmentAt(offset: number): Segment {
    return this.#segments[this.#indexAt(offset)] ?? this.#segments[0];
  }

  /** The last segment that begins at or before an offset: empty ones hold no character. */
  #indexAt(offset: number): number {
    let low = 0;
    let high = this.#segments.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((this.#segments[middle]?.start ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

/**
 * Reads the next instruction's lines. Comments and blank lines before it, and between its
 * continuation lines, are passed over (Dockerfile reference, "Format" and "escape").
 * Undefined at the end of the file.
 */
export function readLogicalLine(
  file: string,
  lines: PhysicalLines,
  escape: EscapeCharacter,
): LogicalLine | undefined {
  for (let line = lines.next(); line !== undefined; line = lines.next()) {
    checkLength(file, line);
    if (isComment(line.text)) continue;
    const indent = line.text.length - line.text.trimStart().length;
    let { text, continues } = withoutContinuation(line.text.slice(indent), escape);
    if (!continues && text === "") continue;
    const segments: [Segment, ...Segment[]] = [
      { start: 0, offset: line.offset + indent, line: line.number, column: indent + 1, text },
    ];
    let start = text.length;
    while (continues) {
      const next = lines.next();
      if (next === undefined) break;
      checkLength(file, next);
      if (isComment(next.text) || next.text.trimStart() === "") continue;
      ({ text, continues } = withoutContinuation(next.text, escape));
      segments.push({ start, offset: next.offset, line: next.number, column: 1, text });
      start += text.length;
    }
    return new LogicalLine(file, segments);
  }
  return undefined;
}

export function checkLength(file: string, line: PhysicalLine): void {
  if (line.text.length < LINE_MAX) return;
  fail(
    { file, line: line.number, column: LINE_MAX },
    `the line has ${line.text.length} characters, but no builder reads more than ${LINE_MAX}`,
    "Break it into several lines.",
  );
}

function isComment(text: string): boolean {
  return text.trimStart().startsWith("#");
}

/**
 * An escape character at the end of a line, blanks after it allowed, joins it with the next one;
 * after another escape character it does not.
 */
function withoutContinuation(
  text: string,
  escape: EscapeCharacter,
): { text: string; continues: boolean } {
  let end = text.length;
  while (text[end - 1] === " " || text[end - 1] === "\t") end -= 1;
  if (text[end - 1] !== escape || text[end - 2] === escape) return { text, continues: false };
  return { text: text.slice(0, end - 1), continues: true };
}
