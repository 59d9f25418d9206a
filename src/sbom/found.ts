import type { Package } from "./types.js";

/** A package as a finder tells it: whoever called it knows the file and the layer. */
export type FoundPackage = Omit<Package, "path" | "layer"> & {
  /** What stands behind the file's own path, for a file inside it: `!/lib/inner.jar`. */
  readonly inside?: string;
};

/** What a file told, and why not more. Finders never throw, whatever the file holds. */
export interface Findings {
  readonly packages: readonly FoundPackage[];
  /** A sentence without a subject: `has no SQLite header`. */
  readonly skipped?: string;
}

/** The most packages that one file may tell of: a whole distribution has fewer. */
export const MAX_PACKAGES = 100_000;

/** What names, versions and the like may have, in characters; more is nobody's name. */
const MAX_TEXT = 512;

/** A name or version as it may be passed on: one line, not empty, of bearable length; undefined otherwise. */
export function plainText(value: string | undefined): string | undefined {
  const text = value?.trim();
  if (text === undefined || text === "" || text.length > MAX_TEXT) return undefined;
  return /\p{Cc}/u.test(text) ? undefined : text;
}

/** Damage in a file that a finder reads; its message is a sentence without a subject. */
export class Damage extends Error {}

/** Collects what a reader yields until it ends, finds damage, or there is more than can be true. */
export function collect(packages: Iterable<FoundPackage>): Findings {
  const found: FoundPackage[] = [];
  try {
    for (const one of packages) {
      if (found.length === MAX_PACKAGES) return { packages: found, skipped: "tells of too much" };
      found.push(one);
    }
  } catch (error) {
    if (!(error instanceof Damage)) throw error;
    return { packages: found, skipped: error.message };
  }
  return { packages: found };
}

/** The properties that have a value. */
export function given<T extends object>(properties: {
  readonly [K in keyof T]: T[K] | undefined;
}): T {
  return Object.fromEntries(
    Object.entries(properties).filter(([, value]) => value !== undefined),
  ) as T;
}
