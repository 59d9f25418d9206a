import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  type YAMLMap,
} from "yaml";
import { BundlerError, messageOf } from "../core/errors.js";
import { LIMITS } from "../core/limits.js";
import { type Position, formatPosition } from "../core/position.js";
import { ENDLESS_ALIAS, endlessAlias } from "../definition/endless-alias.js";

/** Values of one anchor that may be expanded when a document becomes plain values. */
const MAX_ALIASES = 1000;

/** Every scalar but null is text, exactly as written: what it means is for compose to say. */
export const YAML_SCHEMA = {
  schema: "failsafe",
  customTags: ["null", "merge"] as ("null" | "merge")[],
} as const;

/** A compose file, parsed, with its source text and the means to point into it. */
export interface ComposeDocument {
  readonly file: string;
  /** With `\n` line ends and no byte order mark; every range of the tree counts in it. */
  readonly text: string;
  readonly tree: Document.Parsed;
  readonly root: YAMLMap;
  /** The value of the top-level key `services`. */
  readonly services: YAMLMap;
  readonly lines: LineCounter;
}

/**
 * Parses a compose file. Scalars keep the characters they are written with, so that `mode: 0440`
 * or `1_000` leave as they came; merge keys are known.
 *
 * @param file the name for error positions.
 * @throws BundlerError DEFINITION naming the position of what is wrong.
 */
export function parseCompose(file: string, source: string): ComposeDocument {
  if (source.length > LIMITS.text) {
    throw new BundlerError("DEFINITION", `${file} is larger than ${LIMITS.text} bytes.`);
  }
  const text = source.replace(/^\uFEFF/, "").replaceAll("\r\n", "\n");
  const lines = new LineCounter();
  const tree = parseText(file, text, lines);
  const error = tree.errors[0];
  if (error) throw fault({ file, lines }, error.pos[0], error.message);
  const endless = endlessAlias(tree);
  if (endless) throw fault({ file, lines }, endless, ENDLESS_ALIAS);
  const twice = repeatedKey(tree);
  if (twice) throw fault({ file, lines }, twice, "Map keys must be unique");
  const root = tree.contents;
  if (!isMap(root))
    throw fault({ file, lines }, root?.range[0] ?? 0, "A compose file is a mapping");
  const services = root.get("services", true);
  if (!isMap(services)) {
    const at = isNode(services) ? rangeOf(services)[0] : 0;
    throw fault({ file, lines }, at, "The key `services` must hold a mapping of services");
  }
  return { file, text, tree, root, services, lines };
}

function parseText(file: string, text: string, lines: LineCounter): Document.Parsed {
  try {
    return parseDocument(text, {
      ...YAML_SCHEMA,
      lineCounter: lines,
      prettyErrors: false,
      logLevel: "error",
      // The parser compares each key with all others of its mapping: see repeatedKey.
      uniqueKeys: false,
    });
  } catch (cause) {
    // The parser recurses: nesting without end exhausts the stack.
    throw new BundlerError("DEFINITION", `${file} is nested too deeply: ${messageOf(cause)}`, {
      cause,
    });
  }
}

/** A key that its mapping has already (YAML 1.2.2, 3.2.1.3), found in time linear to the text. */
function repeatedKey(tree: Document.Parsed): Node | undefined {
  const ahead: unknown[] = [tree.contents];
  while (ahead.length > 0) {
    const node = ahead.pop();
    if (isSeq(node)) for (const item of node.items) ahead.push(item);
    if (!isMap(node)) continue;
    const seen = new Set<unknown>();
    for (const { key, value } of node.items) {
      ahead.push(key, value);
      if (!isScalar(key)) continue;
      if (seen.has(key.value)) return key;
      seen.add(key.value);
    }
  }
  return undefined;
}

/** The error for something in a compose file, with its place. */
export function fault(
  where: { readonly file: string; readonly lines: LineCounter },
  at: number | Node | null | undefined,
  message: string,
  hint?: string,
): BundlerError {
  const offset = typeof at === "number" ? at : (at?.range?.[0] ?? 0);
  const { line, col } = where.lines.linePos(offset);
  const position: Position = {
    file: where.file,
    line: Math.max(line, 1),
    column: Math.max(col, 1),
  };
  return new BundlerError("DEFINITION", `${formatPosition(position)}: ${message}.`, {
    details: { ...position },
    ...(hint === undefined ? {} : { hint }),
  });
}

/** Start and end of a node that was parsed from text. */
export function rangeOf(node: Node): readonly [start: number, end: number] {
  if (!node.range) throw new BundlerError("INTERNAL", "A node of the compose file has no range.");
  return [node.range[0], node.range[1]];
}

/** A pair's key as text; `<<` for a merge key. */
export function keyOf(pair: Pair): string {
  const value: unknown = isScalar(pair.key) ? pair.key.value : undefined;
  if (typeof value === "symbol") return value.description ?? "";
  return typeof value === "string" ? value : "";
}

/** The pair that a mapping itself holds, not one it merges in. */
export function ownPair(map: YAMLMap, key: string): Pair | undefined {
  return map.items.find((pair) => keyOf(pair) === key);
}

/** Follows an alias to the node it stands for. */
export function resolve(doc: ComposeDocument, value: unknown): Node | undefined {
  if (isAlias(value)) {
    const target = value.resolve(doc.tree);
    if (!target) throw fault(doc, value, `The alias *${value.source} has no anchor before it`);
    return target;
  }
  return isNode(value) ? value : undefined;
}

/** What a mapping shows under a key, merge keys and aliases followed. */
export function lookup(doc: ComposeDocument, map: YAMLMap, key: string): Node | undefined {
  const own = ownPair(map, key);
  if (own) return resolve(doc, own.value);
  for (const source of mergedMaps(doc, map)) {
    const pair = ownPair(source, key);
    if (pair) return resolve(doc, pair.value);
  }
  return undefined;
}

/**
 * The mappings that a mapping merges in, nearest first, each once (YAML merge key: the first one
 * that has a key wins).
 */
export function mergedMaps(doc: ComposeDocument, map: YAMLMap): readonly YAMLMap[] {
  const found = new Set<YAMLMap>();
  const collect = (from: YAMLMap): void => {
    for (const pair of from.items) {
      if (keyOf(pair) !== "<<") continue;
      const value = resolve(doc, pair.value);
      for (const item of isSeq(value) ? value.items : [value]) {
        const source = resolve(doc, item);
        if (!isMap(source))
          throw fault(doc, value, "A merge key takes a mapping or a list of them");
        if (found.has(source)) continue;
        found.add(source);
        collect(source);
      }
    }
  };
  collect(map);
  return [...found];
}

/** A node as plain values: mappings as Map, every scalar but null as text. */
export function plainValue(doc: ComposeDocument, node: Node): unknown {
  try {
    return node.toJS(doc.tree, { mapAsMap: true, maxAliasCount: MAX_ALIASES });
  } catch (cause) {
    throw fault(doc, node, messageOf(cause));
  }
}
