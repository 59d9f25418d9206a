import { paragraphsOf } from "./control-file.js";
import { distroQualifier } from "./distro.js";
import { type Findings, type FoundPackage, collect, given, plainText } from "./found.js";
import { packageUrl } from "./purl.js";
import type { Distro } from "./types.js";

const FIELDS = new Set(["package", "status", "version", "architecture", "source"]);

/**
 * States in which a package's files are there (dpkg(1), "Package states"); in the others nothing, or
 * configuration alone, is left of it.
 */
const PRESENT = new Set([
  "installed",
  "unpacked",
  "half-configured",
  "half-installed",
  "triggers-awaited",
  "triggers-pending",
]);

/**
 * Packages of dpkg's status file, or of one file of `status.d/`, which has no states. The licences
 * of a package are asked for by its name.
 */
export function findDpkgPackages(
  status: Buffer,
  distro: Distro | undefined,
  licensesOf: (name: string) => readonly string[] = () => [],
): Findings {
  return collect(packagesIn(status, distro, licensesOf));
}

function* packagesIn(
  status: Buffer,
  distro: Distro | undefined,
  licensesOf: (name: string) => readonly string[],
): Generator<FoundPackage, void, void> {
  for (const fields of paragraphsOf(status, FIELDS)) {
    const name = plainText(fields.get("package"));
    const version = plainText(fields.get("version"));
    const state = fields.get("status")?.split(/\s+/).at(-1);
    if (name === undefined || version === undefined) continue;
    if (state !== undefined && !PRESENT.has(state)) continue;
    const architecture = plainText(fields.get("architecture"));
    const source = sourceOf(plainText(fields.get("source")), version);
    const licenses = licensesOf(name);
    yield given<FoundPackage>({
      type: "deb",
      name,
      version,
      purl: packageUrl({
        type: "deb",
        namespace: distro?.id ?? "debian",
        name,
        version,
        qualifiers: {
          arch: architecture,
          distro: distro && distroQualifier(distro),
          upstream: source && (source.version ? `${source.name}@${source.version}` : source.name),
        },
      }),
      licenses: licenses.length === 0 ? undefined : licenses,
      source: source && (source.version ? `${source.name} ${source.version}` : source.name),
      architecture,
    });
  }
}

/** `gcc-12 (12.2.0-14)`: the source package, with its version where the binary's is another. */
function sourceOf(
  field: string | undefined,
  version: string,
): { readonly name: string; readonly version?: string } | undefined {
  const [name, told] = field?.split(/[\s()]+/) ?? [];
  if (name === undefined || name === "") return undefined;
  return told === undefined || told === "" || told === version ? { name } : { name, version: told };
}
