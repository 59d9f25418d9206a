import { type Findings, given, plainText } from "./found.js";
import type { FoundPackage } from "./found.js";
import { packageUrl } from "./purl.js";

/** The package.json of an installed package: right inside a folder of node_modules, or of a scope in it. */
export const NPM_PACKAGE = /(?:^|\/)node_modules\/(?:@[^/]+\/)?[^/@.][^/]*\/package\.json$/;

/**
 * The package that a package.json describes. Many have such a file in folders of theirs that name
 * nothing; that is no reason to say anything.
 */
export function findNpmPackage(bytes: Buffer): Findings {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString("utf8").replace(/^\uFEFF/, ""));
  } catch {
    return { packages: [], skipped: "is not JSON" };
  }
  const fullName = plainText(stringOf(own(value, "name")));
  const version = plainText(stringOf(own(value, "version")));
  if (fullName === undefined || version === undefined) return { packages: [] };
  const slash = fullName.startsWith("@") ? fullName.indexOf("/") : -1;
  const licenses = licensesOf(value);
  return {
    packages: [
      given<FoundPackage>({
        type: "npm",
        name: fullName,
        version,
        purl: packageUrl({
          type: "npm",
          ...(slash < 0 ? {} : { namespace: fullName.slice(0, slash) }),
          name: fullName.slice(slash + 1),
          version,
        }),
        licenses: licenses.length === 0 ? undefined : licenses,
      }),
    ],
  };
}

/** `license` as npm has it today, and the forms that it had before (npm, package.json, "license"). */
function licensesOf(value: unknown): readonly string[] {
  const old = own(value, "licenses");
  const all = [
    own(value, "license"),
    ...(Array.isArray(old) ? (old as unknown[]).slice(0, 16) : []),
  ];
  const names = all.flatMap((one) => plainText(stringOf(one) ?? stringOf(own(one, "type"))) ?? []);
  return [...new Set(names)];
}

function own(value: unknown, key: string): unknown {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
  return (value as Readonly<Record<string, unknown>>)[key];
}

function stringOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
