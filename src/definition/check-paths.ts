import { posix } from "node:path";
import { type ComposeFile, servicePath } from "./compose-file.js";
import { type Table, componentPath } from "./components.js";
import { expandVariables } from "./interpolation.js";
import { type Mapping, isMapping } from "./mapping.js";
import { nearest } from "../core/nearest.js";
import type { Report } from "./report.js";
import type { DefinitionFile } from "./types.js";
import type { YamlFile, YamlPath } from "./yaml-file.js";

interface PathChecks {
  readonly table: Table;
  readonly compose: ComposeFile;
  readonly files: readonly DefinitionFile[];
  /** A setting's default, for paths that begin with a variable. */
  readonly valueOf: (name: string) => string | undefined;
}

/** Every path that the compose file and the alternatives take from the bundle's own folder. */
export function checkPaths(context: PathChecks, report: Report): void {
  const { compose, table } = context;
  for (const { name, value } of compose.services) {
    checkServicePaths({ file: compose.file, path: servicePath(name), value }, context, report);
  }
  for (const { name, alternatives } of table.drafts) {
    for (const [position, { service }] of alternatives.entries()) {
      const path = componentPath(name, "alternatives", position, "service");
      checkServicePaths({ file: table.file, path, value: service }, context, report);
    }
  }
  for (const kind of ["configs", "secrets"]) {
    const entries = compose.data[kind];
    for (const [name, entry] of Object.entries(isMapping(entries) ? entries : {})) {
      const source = isMapping(entry) ? entry["file"] : undefined;
      if (typeof source !== "string") continue;
      checkLocal(
        { source, file: compose.file, path: [kind, name, "file"], shipped: true },
        context,
        report,
      );
    }
  }
}

function checkServicePaths(
  service: { readonly file: YamlFile; readonly path: YamlPath; readonly value: Mapping },
  context: PathChecks,
  report: Report,
): void {
  const { file, path, value } = service;
  const volumes: readonly unknown[] = Array.isArray(value["volumes"]) ? value["volumes"] : [];
  for (const [position, entry] of volumes.entries()) {
    const at = [...path, "volumes", position];
    const mount = readMount(entry, context.valueOf);
    if (mount?.kind === "bind") {
      checkLocal({ source: mount.source, file, path: at, shipped: false }, context, report);
    } else if (mount !== undefined) {
      checkNamedVolume(mount.source, { file, path: at }, context, report);
    }
  }
  const env = value["env_file"];
  const envFiles: readonly unknown[] = Array.isArray(env) ? env : env === undefined ? [] : [env];
  for (const [position, entry] of envFiles.entries()) {
    const source = isMapping(entry) ? entry["path"] : entry;
    if (typeof source !== "string" || posix.normalize(source) === ".env") continue;
    const at = Array.isArray(env) ? [...path, "env_file", position] : [...path, "env_file"];
    checkLocal({ source, file, path: at, shipped: true }, context, report);
  }
}

/** A volume's source (compose-spec, volumes: short and long syntax); undefined when it has none. */
function readMount(
  entry: unknown,
  valueOf: (name: string) => string | undefined,
): { readonly kind: "bind" | "volume"; readonly source: string } | undefined {
  // A value that only the site knows stands for an absolute path here.
  const expand = (text: string): string =>
    expandVariables(text, (name) => valueOf(name) ?? "/site");
  if (isMapping(entry)) {
    const { type, source } = entry;
    if (typeof source !== "string") return undefined;
    return { kind: type === "bind" ? "bind" : "volume", source: expand(source) };
  }
  if (typeof entry !== "string") return undefined;
  const [source, target] = expand(entry).split(":");
  if (source === undefined || target === undefined) return undefined;
  return { kind: /^[./~]/.test(source) ? "bind" : "volume", source };
}

function checkNamedVolume(
  name: string,
  where: { readonly file: YamlFile; readonly path: YamlPath },
  { compose }: PathChecks,
  report: Report,
): void {
  const declared = isMapping(compose.data["volumes"]) ? Object.keys(compose.data["volumes"]) : [];
  if (declared.includes(name)) return;
  const near = nearest(name, declared);
  report(
    where.file.at(where.path),
    `the volume ${name} is not declared in ${compose.file.file}`,
    near === undefined ? "A path in the bundle begins with ./" : `Did you mean "${near}"?`,
  );
}

function checkLocal(
  use: {
    readonly source: string;
    readonly file: YamlFile;
    readonly path: YamlPath;
    /** Whether it must come with the bundle; other paths come into being on the site. */
    readonly shipped: boolean;
  },
  { files }: PathChecks,
  report: Report,
): void {
  const at = use.file.at(use.path);
  if (use.source.startsWith("~")) {
    report(at, `${use.source} is another place for every user`, "Write a full path.");
    return;
  }
  if (use.source.startsWith("/")) {
    if (use.shipped) report(at, `${use.source} is not part of the bundle`, "Put it under files/.");
    return;
  }
  const path = posix.normalize(use.source.replaceAll("\\", "/")).replace(/\/$/, "");
  if (path === ".." || path.startsWith("../")) {
    report(at, `${use.source} leads out of the bundle's folder`);
    return;
  }
  const inside =
    path === "files" ? "" : path.startsWith("files/") ? path.slice("files/".length) : undefined;
  if (inside === undefined) {
    if (use.shipped) report(at, `${use.source} is not part of the bundle`, "Put it under files/.");
    return;
  }
  const exists = files.some(
    (file) => inside === "" || file.path === inside || file.path.startsWith(`${inside}/`),
  );
  if (exists) return;
  const near = nearest(
    inside,
    files.map((file) => file.path),
  );
  report(
    at,
    `${use.source} is not there`,
    near === undefined ? undefined : `Did you mean "./files/${near}"?`,
  );
}
