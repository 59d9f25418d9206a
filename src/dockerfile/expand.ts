import type { EscapeCharacter } from "./logical-line.js";

export interface Expansion {
  readonly escape: EscapeCharacter;
  /** A variable's value; undefined when it is not set. */
  lookup(name: string): string | undefined;
  /** Throws an error about the character at `offset` of the word. */
  fail(message: string, offset: number, hint?: string): never;
}

/** In characters: arguments that double one another reach gigabytes in thirty lines. */
const VALUE_MAX = 8 * 1024;
const DEPTH_MAX = 100;

/** Characters that are a variable's whole name: the positional and special parameters of a shell. */
const SPECIAL = /[0-9@*#?\-$!]/;
const NAME_START = /[\p{L}_]/u;
const NAME_PART = /[\p{L}\p{Nd}_]/u;

/**
 * Replaces variables and takes quotes out of a word, as BuildKit does where the Dockerfile
 * reference promises "environment replacement": `$X`, `${X}`, and `:-`, `-`, `:+`, `+`, `:?`, `?`
 * with a word behind. The patterns that newer BuildKit knows (`#`, `%`, `/`) are refused.
 * @throws whatever `fail` throws.
 */
export function expandWord(word: string, expansion: Expansion): string {
  return new WordReader(word, expansion).readUntil(undefined);
}

class WordReader {
  readonly #word: string;
  readonly #expansion: Expansion;
  #at = 0;
  #depth = 0;

  constructor(word: string, expansion: Expansion) {
    this.#word = word;
    this.#expansion = expansion;
  }

  /** Up to a closing character, which is passed over, or to the end. */
  readUntil(stop: "}" | undefined): string {
    const start = this.#at;
    const value = new Value(this.#expansion, start);
    for (;;) {
      const character = this.#word[this.#at];
      if (character === undefined) break;
      if (character === stop) {
        this.#at += 1;
        return value.text();
      }
      if (character === "'") value.add(this.#singleQuoted());
      else if (character === '"') value.add(this.#doubleQuoted());
      else if (character === "$") value.add(this.#variable());
      else {
        this.#at += 1;
        if (character !== this.#expansion.escape) value.add(character);
        else {
          value.add(this.#word[this.#at] ?? "");
          this.#at += 1;
        }
      }
    }
    if (stop !== undefined) this.#fail("a ${ is not closed", start);
    return value.text();
  }

  #singleQuoted(): string {
    const end = this.#word.indexOf("'", this.#at + 1);
    if (end < 0) this.#fail("a single quote is not closed", this.#at);
    const text = this.#word.slice(this.#at + 1, end);
    this.#at = end + 1;
    return text;
  }

  #doubleQuoted(): string {
    const start = this.#at;
    const { escape } = this.#expansion;
    const value = new Value(this.#expansion, start);
    this.#at += 1;
    for (;;) {
      const character = this.#word[this.#at];
      if (character === undefined) this.#fail("a double quote is not closed", start);
      if (character === "$") {
        value.add(this.#variable());
        continue;
      }
      this.#at += 1;
      if (character === '"') return value.text();
      const next = this.#word[this.#at];
      if (character === escape && (next === '"' || next === "$" || next === escape)) {
        value.add(next);
        this.#at += 1;
      } else value.add(character);
    }
  }

  #variable(): string {
    const start = this.#at;
    this.#at += 1;
    if (this.#word[this.#at] !== "{") {
      const name = this.#name();
      return name === "" ? "$" : (this.#expansion.lookup(name) ?? "");
    }
    this.#at += 1;
    const name = this.#name();
    if (name === "") this.#fail("a variable's name is missing after ${", start);
    const colon = this.#word[this.#at] === ":";
    if (colon) this.#at += 1;
    const operator = this.#word[this.#at];
    this.#at += 1;
    if (operator === undefined) this.#fail("a ${ is not closed", start);
    if (operator === "}" && !colon) return this.#expansion.lookup(name) ?? "";
    if (operator !== "-" && operator !== "+" && operator !== "?") {
      this.#fail(
        `\${${name}${colon ? ":" : ""}${operator}…} is not a substitution that every BuildKit knows`,
        start,
        "Use ${NAME}, ${NAME:-default} or ${NAME:+value}.",
      );
    }
    return this.#substituted(name, operator, colon, start);
  }

  #substituted(name: string, operator: "-" | "+" | "?", colon: boolean, start: number): string {
    this.#depth += 1;
    if (this.#depth > DEPTH_MAX) this.#fail(`\${…} stands deeper than ${DEPTH_MAX} levels`, start);
    const word = this.readUntil("}");
    this.#depth -= 1;
    const value = this.#expansion.lookup(name);
    const missing = value === undefined || (colon && value === "");
    if (operator === "+") return missing ? "" : word;
    if (!missing) return value;
    if (operator === "-") return word;
    return this.#fail(
      `${name} ${word === "" ? `is not allowed to be ${colon ? "empty" : "unset"}` : `is missing: ${word.slice(0, 200)}`}`,
      start,
    );
  }

  #name(): string {
    const first = this.#word[this.#at] ?? "";
    const start = this.#at;
    if (SPECIAL.test(first)) {
      this.#at += 1;
      if (/[0-9]/.test(first)) while (/[0-9]/.test(this.#word[this.#at] ?? "")) this.#at += 1;
      return this.#word.slice(start, this.#at);
    }
    if (!NAME_START.test(first)) return "";
    while (NAME_PART.test(this.#word[this.#at] ?? "")) this.#at += 1;
    return this.#word.slice(start, this.#at);
  }

  #fail(message: string, offset: number, hint?: string): never {
    return this.#expansion.fail(message, offset, hint);
  }
}

/** A text that grows up to {@link VALUE_MAX}. */
class Value {
  readonly #expansion: Expansion;
  readonly #start: number;
  #text = "";

  constructor(expansion: Expansion, start: number) {
    this.#expansion = expansion;
    this.#start = start;
  }

  add(text: string): void {
    this.#text += text;
    if (this.#text.length > VALUE_MAX) {
      this.#expansion.fail(`it expands to more than ${VALUE_MAX} characters`, this.#start);
    }
  }

  text(): string {
    return this.#text;
  }
}
