import { isMap, isScalar, isSeq, type Node, type YAMLMap, type YAMLSeq } from "yaml";
import {
  type ComposeDocument,
  fault,
  keyOf,
  lookup,
  mergedMaps,
  ownPair,
  resolve,
} from "./document.js";
import { isPatch, ownCopy, type Patch, patched, toNode } from "./patch.js";

/** The keys of a service that sealing itself decides. */
export const SEALED_KEYS: ReadonlySet<string> = new Set([
  "image",
  "platform",
  "pull_policy",
  "build",
]);

/** Keys that may tie a service to another one's container, in the form `service:NAME`. */
const SHARED_NAMESPACES = ["network_mode", "pid", "ipc"] as const;

/** New values of a service's keys; null takes a key away. */
export type Changes = ReadonlyMap<string, Node | null>;

/**
 * What a patch, and the absence of other services, changes in a service, beside the keys that
 * sealing always sets.
 *
 * @param map the service as written, or an empty mapping for one with nothing in it.
 * @throws BundlerError DEFINITION for what cannot be changed, with its place.
 */
export function serviceChanges(
  doc: ComposeDocument,
  map: YAMLMap,
  service: { readonly name: string; readonly patch?: Patch },
  leftOut: ReadonlyMap<string, string>,
): Changes {
  refuseTies(doc, map, service.name, leftOut);
  refuseInherited(doc, map, service.name, "build");
  const changes = new Map<string, Node | null>();
  for (const [key, value] of Object.entries(service.patch ?? {})) {
    if (SEALED_KEYS.has(key)) {
      throw fault(doc, map, `An alternative of ${service.name} may not change ${key}`);
    }
    if (value === null) refuseInherited(doc, map, service.name, key);
    const base = lookup(doc, map, key);
    if (value === null) changes.set(key, null);
    else changes.set(key, isPatch(value) ? patched(doc, key, base, value) : toNode(value));
  }
  for (const key of ["depends_on", "links"]) {
    const now = changes.has(key) ? changes.get(key) : lookup(doc, map, key);
    const kept = now && withoutServices(doc, now, leftOut);
    if (!kept) continue;
    // An empty one still has to hide what is merged in under the same key.
    const gone = kept.items.length === 0 && !inherits(doc, map, key);
    changes.set(key, gone ? null : kept);
  }
  return changes;
}

/** A list or mapping of services without those left out; undefined where nothing changes. */
function withoutServices(
  doc: ComposeDocument,
  node: Node,
  leftOut: ReadonlyMap<string, string>,
): YAMLMap | YAMLSeq | undefined {
  const copy = ownCopy(doc, node);
  if (isMap(copy)) {
    const count = copy.items.length;
    copy.items = copy.items.filter((pair) => !leftOut.has(keyOf(pair)));
    return copy.items.length === count ? undefined : copy;
  }
  if (!isSeq(copy)) return undefined;
  const count = copy.items.length;
  copy.items = copy.items.filter((item) => !leftOut.has(serviceOf(wordOf(doc, item))));
  return copy.items.length === count ? undefined : copy;
}

/** `mysql` of `mysql:db` or `mysql:ro`. */
function serviceOf(text: string): string {
  return text.split(":")[0] ?? "";
}

function wordOf(doc: ComposeDocument, value: unknown): string {
  const node = resolve(doc, value);
  return isScalar(node) && typeof node.value === "string" ? node.value : "";
}

function inherits(doc: ComposeDocument, map: YAMLMap, key: string): boolean {
  return (
    ownPair(map, "extends") !== undefined ||
    mergedMaps(doc, map).some((source) => ownPair(source, key) !== undefined)
  );
}

/** A key that comes through a merge key can be overridden, but not taken away. */
function refuseInherited(doc: ComposeDocument, map: YAMLMap, name: string, key: string): void {
  const source = mergedMaps(doc, map).find((merged) => ownPair(merged, key) !== undefined);
  if (!source) return;
  throw fault(
    doc,
    ownPair(source, key)?.key as Node,
    `The service ${name} takes ${key} through a merge key, and the bundle has to remove it`,
    `Write ${key} in the services that need it.`,
  );
}

/** What ties a service to one that is left out, or to a file that the bundle does not seal. */
function refuseTies(
  doc: ComposeDocument,
  map: YAMLMap,
  name: string,
  leftOut: ReadonlyMap<string, string>,
): void {
  const refuse = (at: Node, what: string, other: string): void => {
    if (!leftOut.has(other)) return;
    throw fault(
      doc,
      at,
      `The service ${name} ${what} ${other}, which this bundle leaves out`,
      `Leave ${name} out as well, or write it without ${other}.`,
    );
  };
  const parent = lookup(doc, map, "extends");
  if (isMap(parent) && lookup(doc, parent, "file")) {
    throw fault(
      doc,
      parent,
      `The service ${name} extends a service of another file`,
      "A bundle has one compose file: write the service in it.",
    );
  }
  if (parent) {
    refuse(parent, "extends", wordOf(doc, isMap(parent) ? lookup(doc, parent, "service") : parent));
  }
  for (const key of SHARED_NAMESPACES) {
    const node = lookup(doc, map, key);
    const text = wordOf(doc, node);
    if (node && text.startsWith("service:")) {
      refuse(node, `shares the ${key} of`, text.slice("service:".length));
    }
  }
  const volumes = lookup(doc, map, "volumes_from");
  for (const item of isSeq(volumes) ? volumes.items : []) {
    refuse(item as Node, "takes volumes from", serviceOf(wordOf(doc, item)));
  }
}
