import type { PackageType } from "./types.js";

/** The parts of a package-url (package-url specification, "Package-URL components"), not yet encoded. */
export interface PurlParts {
  readonly type: PackageType | "oci";
  /** Its segments parted by `/`. */
  readonly namespace?: string;
  readonly name: string;
  readonly version?: string;
  /** Keys in lower case; what is empty or undefined is left out. */
  readonly qualifiers?: Readonly<Record<string, string | undefined>>;
  readonly subpath?: string;
}

/** Types whose names are the same in every case, and written in lower case (package-url types). */
const LOWER: ReadonlySet<PurlParts["type"]> = new Set(["deb", "apk", "golang", "npm", "oci"]);
/** The names of rpm packages differ by case, their vendors do not. */
const LOWER_NAMESPACE: ReadonlySet<PurlParts["type"]> = new Set([...LOWER, "rpm"]);

/** A package-url in its canonical form (package-url specification, "How to build a PURL"). */
export function packageUrl(parts: PurlParts): string {
  const { type, namespace = "", name, version = "", qualifiers = {}, subpath = "" } = parts;
  const lower = (text: string, types: typeof LOWER): string =>
    types.has(type) ? text.toLowerCase() : text;
  const path = [
    type,
    ...segments(lower(namespace, LOWER_NAMESPACE)).map(encoded),
    encoded(lower(name, LOWER)),
  ].join("/");
  const asked = Object.entries(qualifiers)
    .flatMap(([key, value]) => (value ? [`${key}=${encoded(value)}`] : []))
    .sort()
    .join("&");
  const inside = segments(subpath)
    .filter((segment) => segment !== "." && segment !== "..")
    .map(encoded)
    .join("/");
  return [
    `pkg:${path}`,
    version === "" ? "" : `@${encoded(version)}`,
    asked === "" ? "" : `?${asked}`,
    inside === "" ? "" : `#${inside}`,
  ].join("");
}

function segments(path: string): string[] {
  return path.split("/").filter((segment) => segment !== "");
}

/** All but letters, digits, `.-_~` and the colon is percent-encoded UTF-8. */
function encoded(text: string): string {
  return encodeURIComponent(wellFormed(text))
    .replaceAll("%3A", ":")
    .replaceAll(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** Half a surrogate pair, as a JSON file may have it, cannot be encoded. */
function wellFormed(text: string): string {
  return Buffer.from(text).toString();
}
