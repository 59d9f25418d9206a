import {
  Document,
  isAlias,
  isCollection,
  isMap,
  isScalar,
  type Node,
  type Pair,
  Scalar,
  YAMLMap,
} from "yaml";
import { BundlerError } from "../core/errors.js";
import { type ComposeDocument, fault, rangeOf, YAML_SCHEMA } from "./document.js";

interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/**
 * Changes to the pairs of block mappings, made in the source text itself, so that everything
 * that is not changed keeps its comments, quotes, indentation and blank lines.
 */
export class BlockEdits {
  readonly #edits: Edit[] = [];

  constructor(private readonly doc: ComposeDocument) {}

  /** Gives a pair another value; a comment at the end of its line stays. */
  replace(pair: Pair, value: Node): void {
    const indent = this.indentOf(pair);
    const start = rangeOf(pair.key as Node)[1];
    const end = this.#valueEnd(pair);
    const [first, ...rest] = renderPair("k", value, indent);
    const head = first.slice(indent.length + 1);
    const lineEnd = this.#lineEnd(end);
    const tail = this.doc.text.slice(end, lineEnd).trim();
    if (rest.length > 0 && tail.startsWith("#")) {
      this.#add(start, lineEnd, [`${head} ${tail}`, ...rest].join("\n"));
    } else {
      this.#add(start, end, [head, ...rest].join("\n"));
    }
  }

  /** Takes a pair out, together with the comment lines that stand directly above it. */
  remove(pair: Pair): void {
    const [start, end] = this.#lines(pair);
    this.#add(start, end, "");
  }

  /** Puts lines of text in a pair's place. */
  substitute(pair: Pair, lines: readonly string[]): void {
    this.indentOf(pair);
    const [keyStart] = rangeOf(pair.key as Node);
    this.#add(
      this.#lineStart(keyStart),
      this.#lines(pair)[1],
      lines.map((line) => `${line}\n`).join(""),
    );
  }

  insertBefore(pair: Pair, lines: readonly string[]): void {
    this.indentOf(pair);
    const at = this.#lineStart(rangeOf(pair.key as Node)[0]);
    this.#add(at, at, lines.map((line) => `${line}\n`).join(""));
  }

  insertAfter(pair: Pair, lines: readonly string[]): void {
    const at = this.#lineEnd(this.#valueEnd(pair));
    this.#add(at, at, lines.map((line) => `\n${line}`).join(""));
  }

  /**
   * The white space before a pair's key.
   * @throws BundlerError DEFINITION when the key does not begin its line.
   */
  indentOf(pair: Pair): string {
    const [start] = rangeOf(pair.key as Node);
    const before = this.doc.text.slice(this.#lineStart(start), start);
    if (/^ *$/.test(before)) return before;
    throw fault(
      this.doc,
      pair.key as Node,
      "This key has to be changed for the bundle, but does not stand at the beginning of a line",
      "Write it on a line of its own, without an anchor, a tag or `?` before it.",
    );
  }

  /** The text with all changes made. */
  apply(): string {
    const edits = [...this.#edits].sort((a, b) => a.start - b.start || a.end - b.end);
    let text = "";
    let at = 0;
    for (const edit of edits) {
      if (edit.start < at) {
        throw new BundlerError("INTERNAL", "Two changes to the compose file overlap.");
      }
      text += this.doc.text.slice(at, edit.start) + edit.text;
      at = edit.end;
    }
    return text + this.doc.text.slice(at);
  }

  #add(start: number, end: number, text: string): void {
    this.#edits.push({ start, end, text });
  }

  #lineStart(offset: number): number {
    return this.doc.text.lastIndexOf("\n", offset - 1) + 1;
  }

  /** Offset of the line's `\n`, or of the end of the text. */
  #lineEnd(offset: number): number {
    const end = this.doc.text.indexOf("\n", offset);
    return end === -1 ? this.doc.text.length : end;
  }

  /** Where a pair's value ends; comments that the parser counts to it are not part of it. */
  #valueEnd(pair: Pair): number {
    const node = pair.value;
    const own = contentEnd(node);
    if (own !== undefined) return this.#trimmed(own);
    const [, keyEnd] = rangeOf(pair.key as Node);
    const colon = this.doc.text.indexOf(":", keyEnd) + 1;
    const properties = /^(?:[ \t]*[&!][^\s#]*)*/.exec(
      this.doc.text.slice(colon, this.#lineEnd(colon)),
    );
    return colon + (properties?.[0].length ?? 0);
  }

  #trimmed(end: number): number {
    return this.doc.text.slice(0, end).trimEnd().length;
  }

  /** The lines of a pair: from its own comments to the last line of its value. */
  #lines(pair: Pair): readonly [start: number, end: number] {
    const { text } = this.doc;
    const indent = this.indentOf(pair);
    let start = this.#lineStart(rangeOf(pair.key as Node)[0]);
    while (start > 0) {
      const above = this.#lineStart(start - 1);
      const line = text.slice(above, start - 1);
      if (!line.startsWith(`${indent}#`)) break;
      start = above;
    }
    let end = Math.min(this.#lineEnd(this.#valueEnd(pair)) + 1, text.length);
    for (let at = end; at < text.length;) {
      const next = Math.min(this.#lineEnd(at) + 1, text.length);
      const line = text.slice(at, next).trimEnd();
      if (new RegExp(`^ {${indent.length + 1},}#`).test(line)) end = next;
      else if (line !== "") break;
      at = next;
    }
    const above = start === 0 ? "" : text.slice(this.#lineStart(start - 1), start - 1).trim();
    while (above === "" && end < text.length && text[end] === "\n") end += 1;
    return [start, end];
  }
}

/** Lines of a whole pair at an indentation. */
export function renderPair(key: string, value: Node, indent: string): [string, ...string[]] {
  const map = new YAMLMap();
  map.set(new Scalar(key), value);
  const rendered = new Document(map, YAML_SCHEMA)
    .toString({ lineWidth: 0, verifyAliasOrder: false })
    .trimEnd();
  const [head = "", ...rest] = rendered.split("\n");
  return [indent + head, ...rest.map((line) => (line === "" ? "" : indent + line))];
}

/** The offset behind the last character of a value; undefined where nothing is written. */
function contentEnd(node: unknown): number | undefined {
  if (isScalar(node))
    return node.source === "" && node.value === null ? undefined : node.range?.[1];
  if (isAlias(node)) return node.range?.[1];
  if (!isCollection(node)) return undefined;
  if (node.flow) return node.range?.[1];
  const last = node.items.at(-1);
  if (!isMap(node)) return contentEnd(last) ?? node.range?.[1];
  const pair = node.items.at(-1);
  return pair ? (contentEnd(pair.value) ?? contentEnd(pair.key)) : node.range?.[1];
}
