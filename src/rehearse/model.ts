import { BundlerError } from "../core/errors.js";
import { type Mapping, isMapping } from "../definition/mapping.js";

/** A compose file as compose itself resolves it: merged, interpolated, in long syntax, absolute paths. */
export interface ComposeModel {
  readonly services: ReadonlyMap<string, Mapping>;
  /** The other sections: `networks`, `volumes`, `configs`, `secrets`. */
  readonly sections: Mapping;
}

/**
 * Reads what `docker compose config --format json` prints.
 * @throws BundlerError REHEARSAL when it is no compose file.
 */
export function parseModel(text: string): ComposeModel {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new BundlerError("REHEARSAL", "Compose did not print its file as JSON.", { cause });
  }
  const { services, ...sections } = isMapping(value) ? value : {};
  const entries = Object.entries(isMapping(services) ? services : {});
  return {
    services: new Map(entries.map(([name, service]) => [name, isMapping(service) ? service : {}])),
    sections,
  };
}

/** What a file says of a service's use of others: of each, whether it can do without. */
export function dependenciesOf(
  service: Mapping,
): ReadonlyMap<string, { readonly needed: boolean }> {
  const found = new Map<string, { readonly needed: boolean }>();
  for (const [name, terms] of Object.entries(mappingAt(service, "depends_on"))) {
    found.set(name, { needed: !isMapping(terms) || terms["required"] !== false });
  }
  const ties = [
    ...["network_mode", "pid", "ipc"]
      .map((key) => textAt(service, key))
      .filter((text) => text.startsWith("service:"))
      .map((text) => text.slice("service:".length)),
    ...textsAt(service, "volumes_from").filter((text) => !text.startsWith("container:")),
    ...textsAt(service, "links"),
  ];
  for (const tie of ties) found.set(tie.split(":")[0] ?? "", { needed: true });
  return found;
}

export function mappingAt(mapping: Mapping, key: string): Mapping {
  const value = mapping[key];
  return isMapping(value) ? value : {};
}

export function textAt(mapping: Mapping, key: string): string {
  const value = mapping[key];
  return typeof value === "string" || typeof value === "number" ? String(value) : "";
}

export function textsAt(mapping: Mapping, key: string): readonly string[] {
  const value: unknown = mapping[key];
  return Array.isArray(value)
    ? value.filter((item): item is string => typeof item === "string")
    : [];
}

export function mappingsAt(mapping: Mapping, key: string): readonly Mapping[] {
  const value: unknown = mapping[key];
  return Array.isArray(value) ? value.filter(isMapping) : [];
}
