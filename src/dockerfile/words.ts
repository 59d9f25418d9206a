import type { EscapeCharacter } from "./logical-line.js";
import type { Flag, Word } from "./syntax.js";

const SPACE = /\s/;

function isSpace(character: string | undefined): boolean {
  return character !== undefined && SPACE.test(character);
}

/** The part of a text from `start` on, spaces around it cut off. */
export function trimmed(text: string, start: number): Word {
  let from = start;
  while (isSpace(text[from])) from += 1;
  const rest = text.slice(from).trimEnd();
  return { text: rest, start: from, end: from + rest.length };
}

/** Splits at white space, whatever the quotes, as BuildKit splits FROM, COPY and their like. */
export function splitWords({ text, start }: Word): readonly Word[] {
  return Array.from(text.matchAll(/\S+/g), (match) => ({
    text: match[0],
    start: start + match.index,
    end: start + match.index + match[0].length,
  }));
}

/** Splits at white space outside quotes; quotes and escapes stay in the words (`name="a value"`). */
export function splitQuoted({ text, start }: Word, escape: EscapeCharacter): readonly Word[] {
  const words: Word[] = [];
  let from = -1;
  let quote = "";
  for (let at = 0; at <= text.length; at += 1) {
    const character = text[at];
    if (character === undefined || (quote === "" && isSpace(character))) {
      if (from >= 0)
        words.push({ text: text.slice(from, at), start: start + from, end: start + at });
      from = -1;
      continue;
    }
    if (from < 0) from = at;
    if (character === escape && quote !== "'") at = Math.min(at + 1, text.length - 1);
    else if (character === quote) quote = "";
    else if (quote === "" && (character === "'" || character === '"')) quote = character;
  }
  return words;
}

/**
 * Reads the flags that stand before an instruction's arguments. Quotes and backslashes, whatever
 * the escape directive says, work as in a shell. A `--` alone ends them.
 */
export function splitFlags({ text, start }: Word): {
  readonly flags: readonly Flag[];
  readonly rest: Word;
} {
  const flags: Flag[] = [];
  let at = 0;
  for (;;) {
    while (isSpace(text[at])) at += 1;
    if (!text.startsWith("--", at)) break;
    const flag = readFlag(text, at);
    at = flag.end;
    if (flag.text === "--") break;
    flags.push(toFlag(flag.text, flag.offsets, start));
  }
  const rest = trimmed(text, at);
  return { flags, rest: { ...rest, start: start + rest.start, end: start + rest.end } };
}

/** One shell word, unquoted; `offsets` has one entry more than the text has characters. */
function readFlag(
  text: string,
  from: number,
): { readonly text: string; readonly offsets: readonly number[]; readonly end: number } {
  const characters: string[] = [];
  const offsets: number[] = [];
  let quote = "";
  let at = from;
  for (; at < text.length; at += 1) {
    let character = text[at] ?? "";
    if (quote === "" && isSpace(character)) break;
    if (character === quote) {
      quote = "";
      continue;
    }
    if (quote === "" && (character === "'" || character === '"')) {
      quote = character;
      continue;
    }
    if (character === "\\") {
      at += 1;
      if (at >= text.length) break;
      character = text[at] ?? "";
    }
    characters.push(character);
    offsets.push(at);
  }
  const last = offsets.at(-1);
  return {
    text: characters.join(""),
    offsets: [...offsets, last === undefined ? from : last + 1],
    end: Math.min(at, text.length),
  };
}

function toFlag(word: string, offsets: readonly number[], start: number): Flag {
  const equals = word.indexOf("=");
  const place = (from: number): readonly number[] =>
    offsets.slice(from).map((offset) => start + offset);
  const at = start + (offsets[0] ?? 0);
  if (equals < 0) return { name: word.slice(2), start: at, valueAt: place(word.length) };
  return {
    name: word.slice(2, equals),
    value: word.slice(equals + 1),
    start: at,
    valueAt: place(equals + 1),
  };
}
