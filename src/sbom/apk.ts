import { linesOf } from "./control-file.js";
import { distroQualifier } from "./distro.js";
import { type Findings, type FoundPackage, collect, given, plainText } from "./found.js";
import { packageUrl } from "./purl.js";
import type { Distro } from "./types.js";

/** Fields of a paragraph: name, version, architecture, licence, origin (apk-package(5)). */
const FIELDS = new Set(["P", "V", "A", "L", "o"]);

/** Packages of apk's database of what is installed, `lib/apk/db/installed`. */
export function findApkPackages(installed: Buffer, distro: Distro | undefined): Findings {
  return collect(packagesIn(installed, distro));
}

function* packagesIn(
  installed: Buffer,
  distro: Distro | undefined,
): Generator<FoundPackage, void, void> {
  let fields = new Map<string, string>();
  for (const line of linesOf(installed)) {
    const key = line.charAt(0);
    // The files that follow in a paragraph have keys of their own, all of them others.
    if (line.charAt(1) === ":" && FIELDS.has(key)) fields.set(key, line.slice(2));
    if (line !== "") continue;
    yield* packageOf(fields, distro);
    fields = new Map();
  }
  yield* packageOf(fields, distro);
}

function* packageOf(
  fields: ReadonlyMap<string, string>,
  distro: Distro | undefined,
): Generator<FoundPackage, void, void> {
  const name = plainText(fields.get("P"));
  const version = plainText(fields.get("V"));
  if (name === undefined || version === undefined) return;
  const architecture = plainText(fields.get("A"));
  const license = plainText(fields.get("L"));
  const origin = plainText(fields.get("o"));
  const source = origin === name ? undefined : origin;
  yield given<FoundPackage>({
    type: "apk",
    name,
    version,
    purl: packageUrl({
      type: "apk",
      namespace: distro?.id ?? "alpine",
      name,
      version,
      qualifiers: {
        arch: architecture,
        distro: distro && distroQualifier(distro),
        upstream: source,
      },
    }),
    licenses: license === undefined ? undefined : [license],
    source,
    architecture,
  });
}
