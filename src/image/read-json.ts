import { BundlerError } from "../core/errors.js";

/** More levels than any document of an image has; Go stops at 10,000. */
const MAX_DEPTH = 512;

/**
 * Fields whose value is a map of names that somebody chose, where `Maintainer` and `maintainer` are
 * two names: everywhere else a name is a field's, which Go finds whatever its case.
 */
const MAPS = new Set(["LABELS", "ANNOTATIONS", "VOLUMES", "EXPOSEDPORTS"]);

/**
 * A number that no whole number of Go's can be read from: `1.0`, `1e3`. No shape takes a symbol for one of
 * its fields, while an object would do where all fields may be missing.
 */
const NO_INTEGER = Symbol("no integer");

/**
 * Reads JSON (RFC 8259) as Go's encoding/json does where that is one reading, and refuses what two
 * programs could read as two documents: a name that comes twice in one object, be it in another case
 * (Go folds field names, `ſ` and the Kelvin sign among them, and takes the last), a byte order mark,
 * bytes that are not UTF-8. Numbers with a fraction or an exponent come out as a symbol, since Go
 * takes none of them for an integer.
 * @throws BundlerError INTEGRITY; its details have `ambiguous`, the path of a name, where one comes twice.
 */
export function readJson(what: string, bytes: Uint8Array): unknown {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new BundlerError("INTEGRITY", `${what} is not JSON: it is not UTF-8.`, { cause });
  }
  return new JsonReader(what, text).document();
}

/** How Go compares the names of fields (encoding/json, `foldName`), as far as ASCII names can equal others. */
export function foldName(name: string): string {
  return name.replace(/[a-z\u017f\u212a]/g, (letter) =>
    letter === "\u017f" ? "S" : letter === "\u212a" ? "K" : letter.toUpperCase(),
  );
}

const NUMBER = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y;
const SPACE = /[ \t\r\n]*/y;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

class JsonReader {
  readonly #what: string;
  readonly #text: string;
  /** Names and positions from the document's top to where the reader is. */
  readonly #path: (string | number)[] = [];
  #at = 0;

  constructor(what: string, text: string) {
    this.#what = what;
    this.#text = text;
  }

  document(): unknown {
    const value = this.#value(false);
    this.#space();
    if (this.#at < this.#text.length) throw this.#wrong();
    return value;
  }

  #value(map: boolean): unknown {
    this.#space();
    switch (this.#text[this.#at]) {
      case "{":
        return this.#object(map);
      case "[":
        return this.#array();
      case '"':
        return this.#string();
      case "t":
        return this.#word("true", true);
      case "f":
        return this.#word("false", false);
      case "n":
        return this.#word("null", null);
      default:
        return this.#number();
    }
  }

  #object(map: boolean): unknown {
    const entries: [string, unknown][] = [];
    const names = new Map<string, string>();
    this.#at += 1;
    if (this.#next("}")) return {};
    do {
      this.#space();
      const name = this.#string();
      const key = map ? name : foldName(name);
      const known = names.get(key);
      this.#enter(name);
      if (known !== undefined) throw this.#twice(known, name);
      names.set(key, name);
      if (!this.#next(":")) throw this.#wrong();
      entries.push([name, this.#value(MAPS.has(foldName(name)))]);
      this.#path.pop();
    } while (this.#next(","));
    if (!this.#next("}")) throw this.#wrong();
    // Makes own properties, whatever they are called.
    return Object.fromEntries(entries);
  }

  #array(): unknown[] {
    const items: unknown[] = [];
    this.#at += 1;
    if (this.#next("]")) return items;
    do {
      this.#enter(items.length);
      items.push(this.#value(false));
      this.#path.pop();
    } while (this.#next(","));
    if (!this.#next("]")) throw this.#wrong();
    return items;
  }

  #string(): string {
    const text = this.#text;
    const start = this.#at;
    if (text.charCodeAt(start) !== QUOTE) throw this.#wrong();
    let escaped = false;
    for (this.#at += 1; ;) {
      const code = text.charCodeAt(this.#at);
      if (code === QUOTE) break;
      if (code === BACKSLASH) {
        ESCAPE.lastIndex = this.#at;
        if (!ESCAPE.test(text)) throw this.#wrong();
        this.#at = ESCAPE.lastIndex;
        escaped = true;
        continue;
      }
      // Neither a control character nor the text's end, where there is no code.
      if (!(code >= 0x20)) throw this.#wrong();
      this.#at += 1;
    }
    this.#at += 1;
    if (!escaped) return text.slice(start + 1, this.#at - 1);
    // Go makes half a surrogate pair the replacement character.
    return (JSON.parse(text.slice(start, this.#at)) as string).replace(
      /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g,
      "\ufffd",
    );
  }

  #number(): unknown {
    NUMBER.lastIndex = this.#at;
    const found = NUMBER.exec(this.#text);
    if (found === null) throw this.#wrong();
    this.#at += found[0].length;
    // Zero has no sign in Go.
    return found[1] === undefined && found[2] === undefined ? Number(found[0]) + 0 : NO_INTEGER;
  }

  #word<T>(word: string, value: T): T {
    if (!this.#text.startsWith(word, this.#at)) throw this.#wrong();
    this.#at += word.length;
    return value;
  }

  #space(): void {
    SPACE.lastIndex = this.#at;
    SPACE.exec(this.#text);
    this.#at = SPACE.lastIndex;
  }

  /** Whether the next character but spaces is this one; it is passed then. */
  #next(character: string): boolean {
    this.#space();
    if (this.#text[this.#at] !== character) return false;
    this.#at += 1;
    return true;
  }

  #enter(step: string | number): void {
    this.#path.push(step);
    if (this.#path.length <= MAX_DEPTH) return;
    throw new BundlerError("INTEGRITY", `${this.#what} is nested more than ${MAX_DEPTH} deep.`);
  }

  #twice(first: string, second: string): BundlerError {
    const path = this.#path.join(".").slice(0, 200);
    const where =
      this.#path.length < 2 ? "" : ` in ${this.#path.slice(0, -1).join(".").slice(0, 200)}`;
    const names =
      first === second
        ? `has ${quoted(first)} twice${where}`
        : `has both ${quoted(first)} and ${quoted(second)}${where}, one field to an engine`;
    return new BundlerError("INTEGRITY", `${this.#what} ${names}.`, {
      hint: "Programs differ in which of the two they take, so nobody can say what would run. Have the image built anew.",
      details: { ambiguous: path },
    });
  }

  #wrong(): BundlerError {
    const at = this.#at >= this.#text.length ? "it is cut short" : `byte ${this.#bytesBefore()}`;
    return new BundlerError("INTEGRITY", `${this.#what} is not JSON (${at}).`);
  }

  #bytesBefore(): number {
    return Buffer.byteLength(this.#text.slice(0, this.#at));
  }
}

function quoted(name: string): string {
  return JSON.stringify(name.slice(0, 100));
}
