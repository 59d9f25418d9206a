/** A line of the file without its line end. */
export interface PhysicalLine {
  /** From 1. */
  readonly number: number;
  /** Of its first character in the file. */
  readonly offset: number;
  readonly text: string;
}

/**
 * BuildKit's scanner gives up on a longer line; refusing it here says where it is before a builder
 * does. In characters, line end included.
 */
export const LINE_MAX = 65_535;

const BOM = "\uFEFF";

/** Reads a text line by line; `\n` and `\r\n` end lines, and a byte order mark at the start is no part of it. */
export class PhysicalLines {
  readonly #text: string;
  #offset: number;
  #number = 0;
  #lastOf: ReadonlyMap<string, number> | undefined;

  constructor(text: string) {
    this.#text = text;
    this.#offset = text.startsWith(BOM) ? BOM.length : 0;
  }

  /** The number of the line that was read last; 0 before the first. */
  get number(): number {
    return this.#number;
  }

  peek(): PhysicalLine | undefined {
    if (this.#offset >= this.#text.length) return undefined;
    return { number: this.#number + 1, offset: this.#offset, text: this.#textFrom(this.#offset) };
  }

  next(): PhysicalLine | undefined {
    const line = this.peek();
    if (line === undefined) return undefined;
    this.#number = line.number;
    this.#offset = this.#endFrom(line.offset) + 1;
    return line;
  }

  /** Whether a line that still comes is this text, but for tabs before it. */
  comes(text: string): boolean {
    this.#lastOf ??= this.#index();
    return (this.#lastOf.get(text) ?? 0) > this.#number;
  }

  #index(): ReadonlyMap<string, number> {
    const rest = new PhysicalLines(this.#text);
    const lastOf = new Map<string, number>();
    for (let line = rest.next(); line !== undefined; line = rest.next()) {
      lastOf.set(withoutTabs(line.text), line.number);
    }
    return lastOf;
  }

  #endFrom(offset: number): number {
    const end = this.#text.indexOf("\n", offset);
    return end === -1 ? this.#text.length : end;
  }

  #textFrom(offset: number): string {
    let end = this.#endFrom(offset);
    while (end > offset && this.#text[end - 1] === "\r") end -= 1;
    return this.#text.slice(offset, end);
  }
}

/** Without the tabs that `<<-` lets stand before a heredoc's lines. */
export function withoutTabs(text: string): string {
  let start = 0;
  while (text[start] === "\t") start += 1;
  return text.slice(start);
}
