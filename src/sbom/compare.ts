import type { SbomDocument } from "./documents.js";

/** How a document that lies in an archive differs from what its images hold. */
export interface SbomDifference {
  /** A sentence without a subject. */
  readonly message: string;
  readonly expected?: string;
  readonly found?: string;
}

/** As many packages are named as examples. */
const EXAMPLES = 3;

/**
 * Compares a document with the one that was made of what is there: the images it is about, and the
 * packages that it lists. A document of another version of openim-bundler may say them otherwise.
 */
export function compareSbom(bytes: Buffer, { text }: SbomDocument): SbomDifference | undefined {
  if (bytes.equals(Buffer.from(text))) return undefined;
  const listed = purlsOf(bytes.toString("utf8"));
  if (listed === undefined) return { message: "Is no CycloneDX document." };
  const there = purlsOf(text) ?? new Set();
  const missing = [...there].filter((purl) => !listed.has(purl)).sort();
  const extra = [...listed].filter((purl) => !there.has(purl)).sort();
  if (missing.length === 0 && extra.length === 0) return undefined;
  return {
    message: `Lists other packages or images than are there: ${missing.length} missing, ${extra.length} too many.`,
    ...(missing.length === 0 ? {} : { expected: examples(missing) }),
    ...(extra.length === 0 ? {} : { found: examples(extra) }),
  };
}

function examples(purls: readonly string[]): string {
  const more = purls.length - EXAMPLES;
  return [...purls.slice(0, EXAMPLES), ...(more > 0 ? [`and ${more} more`] : [])].join(", ");
}

/** The package-urls of a document's subject and components; undefined when it is no such document. */
function purlsOf(text: string): ReadonlySet<string> | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const { bomFormat, metadata, components } = properties(value);
  if (bomFormat !== "CycloneDX") return undefined;
  const all: unknown[] = [properties(metadata)["component"]];
  if (Array.isArray(components)) all.push(...(components as unknown[]));
  const purls = all.map((component) => properties(component)["purl"]);
  return new Set(purls.filter((purl) => typeof purl === "string"));
}

function properties(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}
