import { parseCompose, plainValue } from "../compose/document.js";
import { type Plain, diffValues, plainOf } from "./values.js";
import type { BundleDiff } from "./types.js";

/** A compose file as far as it is compared; a service's image is told with its component. */
export interface ComposeFacts {
  readonly services: ReadonlyMap<string, Plain>;
  readonly rest: Plain;
}

/**
 * Reads a sealed compose file. What has a short form and a long one in compose-spec becomes the long
 * one, so that only what means something else differs.
 * @throws BundlerError DEFINITION with the position of what is wrong.
 */
export function readComposeFacts(file: string, text: string): ComposeFacts {
  const doc = parseCompose(file, text);
  const root = plainOf(plainValue(doc, doc.root));
  const rest = new Map(root instanceof Map ? (root as ReadonlyMap<string, Plain>) : []);
  const services = rest.get("services");
  rest.delete("services");
  return {
    services: new Map(
      [...(services instanceof Map ? (services as ReadonlyMap<string, Plain>) : [])].map(
        ([name, service]) => [name, normalized(service)],
      ),
    ),
    rest,
  };
}

export function diffCompose(
  old: ComposeFacts,
  next: ComposeFacts,
): NonNullable<BundleDiff["compose"]> {
  const [before, after] = [old, next].map(({ services }) => [...services.keys()].sort());
  const both = new Set((before ?? []).filter((name) => next.services.has(name)));
  const shared = ({ services }: ComposeFacts): Plain =>
    new Map([...services].filter(([name]) => both.has(name)));
  return {
    servicesAdded: (after ?? []).filter((name) => !both.has(name)),
    servicesRemoved: (before ?? []).filter((name) => !both.has(name)),
    changes: [
      ...diffValues(old.rest, next.rest),
      ...diffValues(shared(old), shared(next), "services"),
    ],
  };
}

/** What seal writes into each service, and components tell. */
const TOLD = ["image", "platform"];

/** Lists of `NAME=value` that may as well be mappings. */
const PAIRS = ["environment", "labels", "annotations", "sysctls"];

function normalized(service: Plain): Plain {
  if (!(service instanceof Map)) return service;
  const long = new Map(service as ReadonlyMap<string, Plain>);
  for (const key of TOLD) long.delete(key);
  for (const key of PAIRS) {
    const value = long.get(key);
    if (isTexts(value)) long.set(key, new Map(value.map(pairOf)));
  }
  const depends = long.get("depends_on");
  if (isTexts(depends)) {
    const started = new Map([["condition", "service_started"]]);
    long.set("depends_on", new Map(depends.map((name) => [name, started])));
  }
  return long;
}

function pairOf(text: string): readonly [string, Plain] {
  const equals = text.indexOf("=");
  // Without a value it comes from the environment of whoever runs Compose.
  return equals < 0 ? [text, null] : [text.slice(0, equals), text.slice(equals + 1)];
}

function isTexts(value: Plain): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}
