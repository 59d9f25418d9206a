import { BundlerError } from "../core/errors.js";
import { shownText, shownValue, shownWords } from "./secrets.js";
import type { Change } from "./types.js";

/** A document as plain values. Mappings are Maps, so that no key means anything to JavaScript. */
export type Plain =
  | string
  | number
  | boolean
  | null
  | undefined
  | readonly Plain[]
  | ReadonlyMap<string, Plain>;

/** Nobody nests a compose file so deeply. */
const MAX_DEPTH = 100;

/** Lists whose order is their meaning: they are told whole. */
const ORDERED = new Set(["command", "entrypoint", "test"]);

/** What tells the entries of a list of mappings apart (compose-spec: volumes, ports, secrets …). */
const IDENTITIES = ["target", "name", "source", "id", "path"];

/**
 * Every value that differs, key by key, sorted by key. Undefined is the same as absent. Values of
 * secrets are masked.
 * @throws BundlerError DEFINITION for values nested without end.
 */
export function diffValues(old: Plain, next: Plain, key = ""): readonly Change[] {
  const changes: Change[] = [];
  compare({ key, name: key, depth: 0 }, old, next, changes);
  return changes.sort(byKey);
}

export function byKey(a: Change, b: Change): number {
  return order(a.key, b.key) || order(a.old ?? "", b.old ?? "") || order(a.new ?? "", b.new ?? "");
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** An object's own fields as a mapping, those below them too. */
export function plainOf(value: unknown): Plain {
  if (Array.isArray(value)) return value.map(plainOf);
  if (value instanceof Map) {
    return new Map(
      [...(value as ReadonlyMap<unknown, unknown>)].map(([key, one]) => [
        String(key),
        plainOf(one),
      ]),
    );
  }
  if (typeof value === "object" && value !== null) {
    return new Map(Object.entries(value).map(([key, one]) => [key, plainOf(one)]));
  }
  return typeof value === "string" ||
    typeof value === "number" ||
    typeof value === "boolean" ||
    value === null
    ? value
    : undefined;
}

interface Place {
  readonly key: string;
  /** The mapping's key that a secret would be known by. */
  readonly name: string;
  readonly depth: number;
}

function compare(at: Place, old: Plain, next: Plain, changes: Change[]): void {
  if (at.depth > MAX_DEPTH) {
    throw new BundlerError("DEFINITION", `${at.key.slice(0, 100)} … is nested too deeply.`);
  }
  const both = (is: (value: Plain) => boolean): boolean =>
    (is(old) || old === undefined) && (is(next) || next === undefined);
  const isBare = (old === undefined) !== (next === undefined) && isEmpty(old ?? next);
  if (isBare) changes.push(change(at.key, shown(at, old), shown(at, next)));
  else if (both(isMapping)) compareMappings(at, mapping(old), mapping(next), changes);
  else if (both(isList)) compareLists(at, list(old), list(next), changes);
  else if (old !== next) {
    const [before, after] = [shown(at, old), shown(at, next)];
    if (before !== undefined || after !== undefined) changes.push(change(at.key, before, after));
  }
}

function compareMappings(
  { key, depth }: Place,
  old: ReadonlyMap<string, Plain>,
  next: ReadonlyMap<string, Plain>,
  changes: Change[],
): void {
  for (const name of new Set([...old.keys(), ...next.keys()])) {
    compare(
      { key: joined(key, name), name, depth: depth + 1 },
      old.get(name),
      next.get(name),
      changes,
    );
  }
}

function compareLists(
  at: Place,
  old: readonly Plain[],
  next: readonly Plain[],
  changes: Change[],
): void {
  const items = [...old, ...next];
  if (!items.every(isScalar)) {
    const identity = IDENTITIES.find((one) => [old, next].every((side) => tellsApart(side, one)));
    if (identity === undefined) {
      for (let index = 0; index < Math.max(old.length, next.length); index += 1) {
        const place = { ...at, key: `${at.key}[${index}]`, depth: at.depth + 1 };
        compare(place, old[index], next[index], changes);
      }
      return;
    }
    const [before, after] = [old, next].map((side) => byIdentity(side, identity));
    for (const name of new Set([...(before?.keys() ?? []), ...(after?.keys() ?? [])])) {
      const place = { ...at, key: `${at.key}[${identity}=${name}]`, depth: at.depth + 1 };
      compare(place, before?.get(name), after?.get(name), changes);
    }
    return;
  }
  if (same(old, next)) return;
  const removed = without(old, next);
  const added = without(next, old);
  if (ORDERED.has(at.name) || (removed.length === 0 && added.length === 0)) {
    changes.push(
      change(
        at.key,
        old.length === 0 ? undefined : shown(at, old),
        next.length === 0 ? undefined : shown(at, next),
      ),
    );
    return;
  }
  for (const item of removed)
    changes.push(change(`${at.key}[]`, shown(at, item) ?? "null", undefined));
  for (const item of added)
    changes.push(change(`${at.key}[]`, undefined, shown(at, item) ?? "null"));
}

function change(key: string, old: string | undefined, next: string | undefined): Change {
  return {
    key,
    kind: old === undefined ? "added" : next === undefined ? "removed" : "changed",
    ...(old === undefined ? {} : { old }),
    ...(next === undefined ? {} : { new: next }),
  };
}

/** A value as text, secrets masked; undefined for none. */
function shown({ name }: Place, value: Plain): string | undefined {
  if (value === undefined) return undefined;
  if (isScalar(value)) return shownValue(name, String(value));
  if (isList(value) && value.every(isScalar)) {
    return JSON.stringify(shownWords(value.map(String)).map((word) => shownValue(name, word)));
  }
  return JSON.stringify(value, (key, one: unknown) => {
    if (one instanceof Map) return Object.fromEntries(one as ReadonlyMap<string, unknown>);
    if (isTexts(one)) return shownWords(one);
    return typeof one === "string" ? (key === "" ? shownText(one) : shownValue(key, one)) : one;
  });
}

/** What a list has more than another, each as often as it has it more. */
function without(items: readonly Plain[], others: readonly Plain[]): readonly Plain[] {
  const counts = new Map<Plain, number>();
  for (const other of others) counts.set(other, (counts.get(other) ?? 0) + 1);
  return items.filter((item) => {
    const left = counts.get(item) ?? 0;
    counts.set(item, left - 1);
    return left <= 0;
  });
}

function tellsApart(items: readonly Plain[], identity: string): boolean {
  const names = items.map((item) => (isMapping(item) ? item.get(identity) : undefined));
  return names.every((name) => typeof name === "string") && new Set(names).size === names.length;
}

function byIdentity(items: readonly Plain[], identity: string): ReadonlyMap<string, Plain> {
  return new Map(
    items.flatMap((item): [string, Plain][] => {
      const name = mapping(item).get(identity);
      return typeof name === "string" ? [[name, item]] : [];
    }),
  );
}

function same(a: readonly Plain[], b: readonly Plain[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index]);
}

function joined(key: string, name: string): string {
  if (!/^[\w/-]+$/.test(name)) return `${key}[${JSON.stringify(name)}]`;
  return key === "" ? name : `${key}.${name}`;
}

function isMapping(value: Plain): value is ReadonlyMap<string, Plain> {
  return value instanceof Map;
}

function isList(value: Plain): value is readonly Plain[] {
  return Array.isArray(value);
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

function isScalar(value: Plain): value is string | number | boolean | null | undefined {
  return !isMapping(value) && !isList(value);
}

function isEmpty(value: Plain): boolean {
  return isMapping(value) ? value.size === 0 : isList(value) && value.length === 0;
}

function mapping(value: Plain): ReadonlyMap<string, Plain> {
  return isMapping(value) ? value : new Map();
}

function list(value: Plain): readonly Plain[] {
  return isList(value) ? value : [];
}
