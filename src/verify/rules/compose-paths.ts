import { posix } from "node:path";
import type { BundleManifest } from "../../bundle/types.js";
import { type Mapping, isMapping } from "../../definition/mapping.js";
import type { ArchiveFacts } from "../archive.js";
import {
  type ComposeFacts,
  type ComposeServiceFacts,
  listOf,
  placeOf,
  scalarText,
} from "../compose-facts.js";
import { type Finding, waived } from "../report.js";
import { declareRules } from "../rule.js";

export const PATHS = declareRules("compose", {
  error: {
    "compose/host-path":
      "A path of the host is neither in the bundle's folder nor in a path setting such as DATA_DIR.",
    "compose/file-missing": "A file or folder of the bundle that is mounted or read is not there.",
  },
});

/** A path of the host that the compose file reads or mounts. */
interface HostPath {
  readonly source: string;
  /** Where it stands: `.volumes[0]`. */
  readonly below: string;
  readonly readOnly: boolean;
  /** Nothing works without it, other than a folder that the engine makes. */
  readonly needed: boolean;
}

/** The site's own file of settings, which install.sh writes. */
const SETTINGS_FILE = ".env";

/** `${NAME}` or `$NAME` at the beginning, whatever operator is in the braces. */
const LEADING_VARIABLE = /^\$(?:\{([A-Za-z_][A-Za-z0-9_]*)[^}/]*\}|([A-Za-z_][A-Za-z0-9_]*))/;

/**
 * Everything that is mounted or read comes from the bundle's own folder, where it is, or lies under a
 * setting of type path, such as DATA_DIR.
 */
export function checkComposePaths(
  { root, services }: ComposeFacts,
  archive: ArchiveFacts,
  { settings }: BundleManifest,
): Finding[] {
  const shipped = pathsIn(archive);
  const folders = new Set(settings.filter(({ type }) => type === "path").map(({ name }) => name));
  const check = (
    place: { readonly subject: string; readonly component?: string },
    { source, readOnly, needed }: HostPath,
    allow: readonly AllowedMount[] = [],
  ): Finding[] => {
    const inside = pathInBundle(source);
    if (inside !== undefined) {
      const there = inside === SETTINGS_FILE || source.includes("$") || shipped.has(inside);
      if (there || !(needed || inside.startsWith("files/"))) return [];
      const message = "Is not in the archive.";
      return [PATHS.finding("compose/file-missing", { ...place, message, found: source })];
    }
    if (isBelowSetting(source, folders)) return [];
    const outside = PATHS.finding("compose/host-path", {
      ...place,
      message: `Takes something of the host that is neither the bundle's nor in ${named(folders)}.`,
      found: readOnly ? `${source}, read-only` : source,
      path: source,
      hint: "Mount a file of files/, or a folder below a setting of type path.",
    });
    const allowed = readOnly ? allow.find(({ mount }) => mount === source) : undefined;
    return [allowed === undefined ? outside : waived(outside, allowed.reason, "definition")];
  };
  return [
    ...services.flatMap((service) =>
      pathsOf(service.value).flatMap((path) =>
        check(placeOf(service, path.below), path, mountsOf(service)),
      ),
    ),
    ...topPaths(root).flatMap((path) => check({ subject: path.below }, path)),
  ];
}

interface AllowedMount {
  readonly mount: string;
  readonly reason: string;
}

function mountsOf({ component }: ComposeServiceFacts): readonly AllowedMount[] {
  return (component?.allow ?? []).flatMap((entry) => ("mount" in entry ? [entry] : []));
}

function named(folders: ReadonlySet<string>): string {
  return folders.size === 0 ? "a setting of type path" : [...folders].join(" or ");
}

/** Every file of the archive, and every folder that has one. */
function pathsIn({ files }: ArchiveFacts): ReadonlySet<string> {
  const paths = new Set([""]);
  for (const file of files.keys()) {
    for (let at = file.indexOf("/"); at >= 0; at = file.indexOf("/", at + 1)) {
      paths.add(file.slice(0, at));
    }
    paths.add(file);
  }
  return paths;
}

/** A relative path as the archive has it, unless it leads out of the bundle's folder. */
function pathInBundle(source: string): string | undefined {
  if (!/^[^/~$]/.test(source)) return undefined;
  const path = posix.normalize(source).replace(/\/$/, "");
  if (path === ".." || path.startsWith("../")) return undefined;
  return path === "." ? "" : path;
}

function isBelowSetting(source: string, folders: ReadonlySet<string>): boolean {
  const match = LEADING_VARIABLE.exec(source);
  const name = match?.[1] ?? match?.[2];
  if (match === null || name === undefined || !folders.has(name)) return false;
  const rest = source.slice(match[0].length);
  return rest === "" || (rest.startsWith("/") && !rest.split("/").includes(".."));
}

function pathsOf(service: Mapping): HostPath[] {
  const { volumes, env_file, extends: base, devices } = service;
  return [
    ...listOf(volumes).flatMap((entry, index) => volumePath(entry, `.volumes[${index}]`)),
    ...listOf(env_file).flatMap((entry) => filePath(entry, ".env_file", "path")),
    ...filePath(isMapping(base) ? base : undefined, ".extends", "file"),
    ...listOf(devices).flatMap((entry, index) => {
      const source = isMapping(entry) ? scalarText(entry["source"]) : firstPart(scalarText(entry));
      // What is no path is a name of the Container Device Interface.
      return source.startsWith("/")
        ? [{ source, below: `.devices[${index}]`, readOnly: false, needed: true }]
        : [];
    }),
  ];
}

/** What stands outside the services: included files, configs, secrets, and volumes that are folders. */
function topPaths(root: Mapping): HostPath[] {
  const named = (section: string): [string, Mapping][] => {
    const value = root[section];
    return isMapping(value)
      ? Object.entries(value).flatMap(([name, one]) => (isMapping(one) ? [[name, one]] : []))
      : [];
  };
  return [
    ...listOf(root["include"]).flatMap((entry) =>
      listOf(isMapping(entry) ? entry["path"] : entry).flatMap((one) =>
        filePath(one, "include", "path"),
      ),
    ),
    ...["configs", "secrets"].flatMap((section) =>
      named(section).flatMap(([name, one]) => filePath(one, `${section}.${name}`, "file")),
    ),
    ...named("volumes").flatMap(([name, { driver_opts: options }]) => {
      if (!isMapping(options)) return [];
      const words = scalarText(options["o"]).split(",");
      const source = scalarText(options["device"]);
      if (source === "" || !words.some((word) => word === "bind" || word === "rbind")) return [];
      const readOnly = words.includes("ro");
      return [{ source, below: `volumes.${name}`, readOnly, needed: false }];
    }),
  ];
}

/** A volume's source, in its short or long form, when it is a path and no volume's name. */
function volumePath(entry: unknown, below: string): HostPath[] {
  if (isMapping(entry)) {
    const source = scalarText(entry["source"]);
    if (entry["type"] !== "bind" || source === "") return [];
    return [{ source, below, readOnly: entry["read_only"] === true, needed: false }];
  }
  const text = scalarText(entry);
  const source = firstPart(text);
  if (source === text || !/^[./~$]/.test(source)) return [];
  const mode = text.slice(text.lastIndexOf(":") + 1).split(",");
  return [{ source, below, readOnly: mode.includes("ro"), needed: false }];
}

function filePath(entry: unknown, below: string, key: string): HostPath[] {
  const source = isMapping(entry) ? scalarText(entry[key]) : scalarText(entry);
  if (source === "" || (isMapping(entry) && entry["required"] === false)) return [];
  return [{ source, below, readOnly: true, needed: true }];
}

/** Up to the first colon that is not in the braces of a variable. */
function firstPart(text: string): string {
  let open = 0;
  for (let at = 0; at < text.length; at += 1) {
    if (text[at] === "{" && text[at - 1] === "$") open += 1;
    else if (text[at] === "}" && open > 0) open -= 1;
    else if (text[at] === ":" && open === 0) return text.slice(0, at);
  }
  return text;
}
