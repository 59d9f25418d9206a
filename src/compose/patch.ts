import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Node,
  Pair,
  Scalar,
  visit,
  YAMLMap,
  YAMLSeq,
} from "yaml";
import { BundlerError } from "../core/errors.js";
import { type ComposeDocument, fault, keyOf, mergedMaps, ownPair, resolve } from "./document.js";

/** Keys that compose takes as a list of `KEY=VALUE` or as a mapping. */
const ASSIGNMENTS = new Set(["environment", "labels", "annotations", "sysctls"]);

export type Patch = Readonly<Record<string, unknown>>;

export function isPatch(value: unknown): value is Patch {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * A value with a patch applied: mappings are merged key by key, null removes a key, anything else
 * replaces. List forms (`environment: [A=1]`, `depends_on: [a]`, `networks: [n]`) become mappings
 * where a mapping patches them. The node that is passed stays as it is.
 *
 * @param key the service's key that holds the value, which tells the meaning of a list.
 */
export function patched(
  doc: ComposeDocument,
  key: string,
  base: Node | undefined,
  patch: unknown,
): Node {
  if (!isPatch(patch)) return toNode(patch);
  const map = asMapping(doc, key, base) ?? new YAMLMap();
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) {
      map.items = map.items.filter((pair) => keyOf(pair) !== name);
      continue;
    }
    const own = ownPair(map, name);
    const next = patched(doc, "", own && resolve(doc, own.value), value);
    if (own) own.value = next;
    else map.add(new Pair(keyNode(name), next));
  }
  map.flow = false;
  return map;
}

/**
 * A copy that no alias elsewhere can see: an alias at the top is followed, merge keys at the top
 * are written out, anchors are gone.
 */
export function ownCopy(doc: ComposeDocument, node: Node): Node {
  const source = resolve(doc, node) ?? node;
  const copy = withoutAnchors(source.clone() as Node);
  if (isMap(source) && isMap(copy)) {
    copy.items = copy.items.filter((pair) => keyOf(pair) !== "<<");
    for (const merged of mergedMaps(doc, source)) {
      for (const pair of merged.items) {
        const key = keyOf(pair);
        if (key === "<<" || ownPair(copy, key)) continue;
        const value = resolve(doc, pair.value);
        copy.add(new Pair(keyNode(key), value ? withoutAnchors(value.clone() as Node) : null));
      }
    }
  }
  return copy;
}

function withoutAnchors(copy: Node): Node {
  visit(copy, {
    Node(_, inner) {
      if (!isAlias(inner)) delete inner.anchor;
    },
  });
  return copy;
}

function asMapping(doc: ComposeDocument, key: string, base: Node | undefined): YAMLMap | undefined {
  if (base === undefined) return undefined;
  const copy = ownCopy(doc, base);
  if (isMap(copy)) return copy;
  if (!isSeq(copy)) return undefined;
  const map = new YAMLMap();
  for (const item of copy.items) {
    const node = resolve(doc, item);
    const text = isScalar(node) && typeof node.value === "string" ? node.value : undefined;
    if (text === undefined) throw fault(doc, base, `The list under ${key} holds more than words`);
    const pair = listItem(key, text);
    if (!pair) return undefined;
    map.items = map.items.filter((other) => keyOf(other) !== keyOf(pair));
    map.add(pair);
  }
  return map;
}

/** What an item of a list form is in the mapping form; undefined where there is no mapping form. */
function listItem(key: string, text: string): Pair | undefined {
  if (key === "depends_on") {
    return new Pair(keyNode(text), toNode({ condition: "service_started" }));
  }
  if (key === "networks") return new Pair(keyNode(text), new Scalar(null));
  if (!ASSIGNMENTS.has(key)) return undefined;
  const equals = text.indexOf("=");
  return equals === -1
    ? new Pair(keyNode(text), new Scalar(null))
    : new Pair(keyNode(text.slice(0, equals)), toNode(text.slice(equals + 1)));
}

/** A node for a plain value; text is quoted, so that no YAML version takes it for something else. */
export function toNode(value: unknown): Node {
  if (value === null) return new Scalar(null);
  if (typeof value === "string") {
    const node = new Scalar(value);
    node.type = value.includes("\n") ? Scalar.BLOCK_LITERAL : Scalar.QUOTE_DOUBLE;
    return node;
  }
  if (typeof value === "boolean" || (typeof value === "number" && Number.isFinite(value))) {
    return new Scalar(String(value));
  }
  if (Array.isArray(value)) {
    const list = new YAMLSeq();
    for (const item of value) list.add(toNode(item));
    return list;
  }
  if (isPatch(value)) {
    const map = new YAMLMap();
    for (const [name, item] of Object.entries(value))
      map.add(new Pair(keyNode(name), toNode(item)));
    return map;
  }
  throw new BundlerError("INTERNAL", `A patch holds a ${typeof value}, which YAML cannot say.`);
}

function keyNode(name: string): Scalar {
  const node = new Scalar(name);
  if (!/^[A-Za-z_][\w.-]*$/.test(name) || /^(?:y|n|yes|no|on|off|true|false|null)$/i.test(name)) {
    node.type = Scalar.QUOTE_DOUBLE;
  }
  return node;
}
