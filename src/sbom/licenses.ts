import parse from "spdx-expression-parse";

/** A licence as CycloneDX has it (CycloneDX 1.6, "licenseChoice"). */
export type LicenseChoice =
  | { readonly license: { readonly id: string } | { readonly name: string } }
  | { readonly expression: string };

/** Longer ones are not tried: reading one takes a function call per parenthesis. */
const MAX_EXPRESSION = 256;

/**
 * Licences as CycloneDX has them: identifiers and expressions of SPDX where they are valid, names of
 * all else. CycloneDX allows one expression alone, so beside others it is a name.
 */
export function licenseChoices(licenses: readonly string[]): readonly LicenseChoice[] {
  const distinct = [...new Set(licenses)].sort();
  return distinct.map((license) => {
    const kind = spdxKind(license);
    if (kind === "id") return { license: { id: license } };
    return kind === "expression" && distinct.length === 1
      ? { expression: license }
      : { license: { name: license } };
  });
}

function spdxKind(text: string): "id" | "expression" | undefined {
  // The parser passes over spaces around an expression, schemas do not.
  if (text.length > MAX_EXPRESSION || text.trim() !== text) return undefined;
  try {
    const info = parse(text);
    return "license" in info && info.license === text && !REFERENCE.test(text)
      ? "id"
      : "expression";
  } catch {
    return undefined;
  }
}

/** What stands for a licence that SPDX does not list. */
const REFERENCE = /^(?:DocumentRef|LicenseRef)-/;
