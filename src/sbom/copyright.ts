import { paragraphsOf } from "./control-file.js";
import { plainText } from "./found.js";

const FIELDS = new Set(["format", "license"]);

/** As many licences as are told of one package. */
const MAX_LICENSES = 64;

/**
 * The licences that a Debian copyright file names, in the machine-readable format 1.0 alone (DEP-5,
 * "License field"); of free text, none. What has the same meaning in SPDX is given as SPDX writes it.
 */
export function readCopyright(bytes: Buffer): readonly string[] {
  const licenses = new Set<string>();
  let first = true;
  for (const fields of paragraphsOf(bytes, FIELDS)) {
    if (first && !/\/copyright-format\/1\.0\/?$/.test(fields.get("format") ?? "")) return [];
    first = false;
    // The first line names the licence, the others are its text.
    const named = plainText(fields.get("license")?.split("\n", 1)[0]);
    if (named !== undefined && licenses.size < MAX_LICENSES) licenses.add(spdxOf(named));
  }
  return [...licenses].sort();
}

/** Short names of DEP-5 whose SPDX identifiers differ from them, in lower case. */
const SHORT_NAMES: ReadonlyMap<string, string> = new Map([
  ["expat", "MIT"],
  ["bsd-2-clause", "BSD-2-Clause"],
  ["bsd-3-clause", "BSD-3-Clause"],
  ["bsd-4-clause", "BSD-4-Clause"],
  ["isc", "ISC"],
  ["zlib", "Zlib"],
  ["apache-2.0", "Apache-2.0"],
  ["artistic-2.0", "Artistic-2.0"],
  ["cc0-1.0", "CC0-1.0"],
  ["mpl-2.0", "MPL-2.0"],
]);

/** The GNU licences: `GPL-2+`, `LGPL-2.1`, `GFDL-1.3+`. */
const GNU = /^(GPL|LGPL|AGPL|GFDL)-(\d)(?:\.(\d))?(\+?)$/i;

function spdxOf(named: string): string {
  const words = named.split(/\s+/);
  // Two operators have an order of precedence here that SPDX does not share.
  const operators = new Set(words.filter((word) => /^(and|or)$/i.test(word)));
  if (words.length === 1) return shortName(named);
  if (operators.size !== 1 || words.length % 2 === 0 || named.includes(",")) return named;
  const spaced = words.map((word, at) => (at % 2 === 0 ? shortName(word) : word.toUpperCase()));
  return spaced.every((word, at) => at % 2 === 0 || word === "AND" || word === "OR")
    ? spaced.join(" ")
    : named;
}

function shortName(name: string): string {
  const known = SHORT_NAMES.get(name.toLowerCase());
  if (known !== undefined) return known;
  const [, family, major, minor = "0", plus] = GNU.exec(name) ?? [];
  if (family === undefined || major === undefined) return name;
  return `${family.toUpperCase()}-${major}.${minor}-${plus === "+" ? "or-later" : "only"}`;
}
