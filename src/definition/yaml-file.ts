import { readFile, stat } from "node:fs/promises";
import {
  type Document,
  LineCounter,
  type Node,
  type Pair,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  parseDocument,
  visit,
} from "yaml";
import { formatBytes } from "../core/bytes.js";
import { messageOf, systemCode } from "../core/errors.js";
import { LIMITS } from "../core/limits.js";
import type { Position } from "../core/position.js";
import { ENDLESS_ALIAS, endlessAlias } from "./endless-alias.js";
import type { Report } from "./report.js";

/** Keys and list indexes from the top of a file down to a value. */
export type YamlPath = readonly (string | number)[];

/** Aliases that one file may expand to in all; a "billion laughs" file stops here. */
const MAX_ALIASES = 1000;

/** A YAML file as plain data, with the way back from each value to its place in the text. */
export interface YamlFile {
  /** As the user knows it. */
  readonly file: string;
  readonly text: string;
  /** Undefined when the file is not there or is no YAML. */
  readonly data: unknown;
  /** Where a value stands, or where its key does; the nearest parent's key when there is no such value. */
  at(path: YamlPath, part?: "key" | "value"): Position;
  /** Where a piece of text stands inside a value; the value's own place when it is not there literally. */
  atText(path: YamlPath, needle: string): Position;
  /** A scalar as it was written, without what YAML made of it: `3.10`, not 3.1. */
  written(path: YamlPath): string | undefined;
}

/** Reads and parses one file. Whatever is wrong with it is reported; nothing is thrown. */
export async function readYamlFile(file: string, report: Report): Promise<YamlFile> {
  const text = await readText(file, report);
  return text === undefined ? emptyFile(file) : parseYamlFile(file, text, report);
}

function emptyFile(file: string): YamlFile {
  const start = { file, line: 1, column: 1 };
  return {
    file,
    text: "",
    data: undefined,
    at: () => start,
    atText: () => start,
    written: () => undefined,
  };
}

async function readText(file: string, report: Report): Promise<string | undefined> {
  const start = { file, line: 1, column: 1 };
  try {
    const facts = await stat(file);
    if (!facts.isFile()) {
      report(start, "is not a regular file");
      return undefined;
    }
    if (facts.size > LIMITS.text) {
      report(
        start,
        `is ${formatBytes(facts.size)}, more than the ${formatBytes(LIMITS.text)} allowed`,
      );
      return undefined;
    }
    return new TextDecoder("utf-8", { fatal: true }).decode(await readFile(file));
  } catch (error) {
    const code = systemCode(error);
    if (code === "ENOENT") report(start, "is missing");
    else if (error instanceof TypeError) report(start, "is not UTF-8 text");
    else report(start, `cannot be read (${messageOf(error)})`);
    return undefined;
  }
}

export function parseYamlFile(file: string, text: string, report: Report): YamlFile {
  const lines = new LineCounter();
  const place = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(1, line), column: Math.max(1, col) };
  };
  let document: Document.Parsed;
  let data: unknown;
  try {
    document = parseDocument(text, { lineCounter: lines, prettyErrors: false, merge: true });
    const before = reportTroubles(document, { text, place }, report);
    if (before > 0) return { ...emptyFile(file), text };
    data = document.toJS({ maxAliasCount: MAX_ALIASES });
  } catch (error) {
    report({ file, line: 1, column: 1 }, `cannot be read as YAML (${messageOf(error)})`);
    return { ...emptyFile(file), text };
  }

  const at = (path: YamlPath, part: "key" | "value" = "value"): Position => {
    const found = locate(document, path);
    const node = (part === "value" ? found.value : undefined) ?? found.key ?? found.value;
    return place(node?.range?.[0] ?? 0);
  };
  return {
    file,
    text,
    data,
    at,
    atText(path, needle) {
      const { value, exact } = locate(document, path);
      const [from, to] = value?.range ?? [0, 0];
      const offset = exact ? text.slice(from, to).indexOf(needle) : -1;
      return offset < 0 ? at(path) : place(from + offset);
    },
    written(path) {
      const { value, exact } = locate(document, path);
      return exact && isScalar(value) ? value.source : undefined;
    },
  };
}

/** Reports what is wrong with the YAML itself; returns the number of errors that leave it unreadable. */
function reportTroubles(
  document: Document.Parsed,
  source: { readonly text: string; readonly place: (offset: number) => Position },
  report: Report,
): number {
  let errors = 0;
  const kinds = new Set<string>();
  for (const trouble of document.errors) {
    errors += 1;
    const at = source.place(trouble.pos[0]);
    if (trouble.code === "DUPLICATE_KEY") {
      const key = /^(?:"[^"]*"|'[^']*'|[^:\s]+)/.exec(source.text.slice(trouble.pos[0]))?.[0] ?? "";
      report(at, `the key ${key} is there twice`, "Keep one of the two.");
    } else if (!kinds.has(trouble.code)) {
      // After one wrong indent the parser stumbles over every line that follows.
      kinds.add(trouble.code);
      report(at, sentence(trouble.message));
    }
  }
  for (const { pos, message } of document.warnings) report(source.place(pos[0]), sentence(message));
  if (errors > 0) return errors;
  visit(document, {
    Alias(_, node) {
      if (node.resolve(document) !== undefined) return;
      errors += 1;
      report(
        source.place(node.range?.[0] ?? 0),
        `there is no anchor &${node.source} before this alias`,
      );
    },
    Pair(_, { key }) {
      if (!isScalar(key) || key.value !== "__proto__") return;
      errors += 1;
      report(source.place(key.range?.[0] ?? 0), "a key may not be named __proto__");
    },
  });
  const endless = endlessAlias(document);
  if (endless !== undefined) {
    errors += 1;
    report(source.place(endless.range?.[0] ?? 0), ENDLESS_ALIAS);
  }
  return errors;
}

function sentence(message: string): string {
  return message.replace(/\.$/, "");
}

interface Found {
  /** The key's node; absent at the top and in lists. */
  readonly key?: Node | undefined;
  readonly value?: Node | undefined;
  /** False when the path ends at a parent of what was asked for. */
  readonly exact: boolean;
}

function locate(document: Document.Parsed, path: YamlPath): Found {
  let found: Found = { value: document.contents ?? undefined, exact: true };
  for (const segment of path) {
    const container = resolved(document, found.value);
    const next = isMap(container)
      ? inMap(document, container.items, String(segment))
      : isSeq(container) && typeof segment === "number"
        ? inList(container.items[segment], found)
        : undefined;
    // A missing key is best shown at the key of the mapping that lacks it.
    if (next === undefined) return { ...found, value: found.key ?? found.value, exact: false };
    found = next;
  }
  return found;
}

function inList(item: unknown, list: Found): Found | undefined {
  return isNode(item) ? { value: item, exact: true } : item === undefined ? undefined : list;
}

function inMap(document: Document.Parsed, pairs: readonly Pair[], key: string): Found | undefined {
  const own = pairs.find((pair) => isScalar(pair.key) && String(pair.key.value) === key);
  if (own !== undefined) {
    return {
      ...(isNode(own.key) ? { key: own.key } : {}),
      ...(isNode(own.value) ? { value: own.value } : {}),
      exact: true,
    };
  }
  for (const merged of pairs.filter(({ key: name }) => isScalar(name) && isMergeKey(name.value))) {
    const target = resolved(document, isNode(merged.value) ? merged.value : undefined);
    const sources = isSeq(target) ? target.items : [target];
    for (const source of sources) {
      const map = resolved(document, isNode(source) ? source : undefined);
      const found = isMap(map) ? inMap(document, map.items, key) : undefined;
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

/** The parser keeps a merge key as a symbol, so that a quoted "<<" stays an ordinary key. */
function isMergeKey(value: unknown): boolean {
  return typeof value === "symbol" && value.description === "<<";
}

function resolved(document: Document.Parsed, node: Node | undefined): Node | undefined {
  return isAlias(node) ? node.resolve(document) : node;
}
