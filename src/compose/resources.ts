import { isMap } from "yaml";
import { type ComposeDocument, keyOf, lookup, plainValue, resolve } from "./document.js";

/** Top-level sections of named things, each with the key under which services use them. */
const SECTIONS = ["volumes", "networks", "configs", "secrets"] as const;

/**
 * Named volumes, networks, configs and secrets that only services use which are left out. What no
 * service ever used stays as it is.
 */
export function unusedResources(
  doc: ComposeDocument,
  leftOut: ReadonlyMap<string, string>,
): ReadonlyMap<string, ReadonlySet<string>> {
  const unused = new Map<string, ReadonlySet<string>>();
  for (const section of SECTIONS) {
    const gone = new Set<string>();
    const kept = new Set<string>();
    for (const pair of doc.services.items) {
      const service = resolve(doc, pair.value);
      const node = isMap(service) ? lookup(doc, service, section) : undefined;
      const used = node ? namesIn(plainValue(doc, node)) : [];
      for (const name of used) (leftOut.has(keyOf(pair)) ? gone : kept).add(name);
    }
    unused.set(section, new Set([...gone].filter((name) => !kept.has(name))));
  }
  return unused;
}

/** Names that a service uses: keys of a mapping, `name:/path` or `name`, or `source: name`. */
function namesIn(value: unknown): readonly string[] {
  if (value instanceof Map) return [...value.keys()].map(String);
  if (!Array.isArray(value)) return [];
  return value.flatMap((item: unknown) => {
    const source: unknown = item instanceof Map ? item.get("source") : item;
    return typeof source === "string" ? [source.split(":")[0] ?? ""] : [];
  });
}
