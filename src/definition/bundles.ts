import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import semver from "semver";
import { BundlerError, messageOf, systemCode } from "../core/errors.js";
import { nearest } from "../core/nearest.js";

/** A bundle definition that comes with the tool. */
export interface ShippedBundle {
  readonly name: string;
  readonly version: string;
  readonly dir: string;
}

const DEFAULT_NAME = "openim";

/** `<name>-<version>`: the version begins at the first dash before a digit. */
const FOLDER = /^(?<name>[a-z][a-z0-9._-]*?)-(?<version>\d[0-9A-Za-z._-]*)$/;

/**
 * The definitions in a folder of `<name>-<version>` folders: by name, the newest version first.
 * @throws BundlerError FILE when the folder cannot be read.
 */
export async function listBundles(bundlesDir: string): Promise<readonly ShippedBundle[]> {
  let names: readonly string[];
  try {
    names = await readdir(bundlesDir);
  } catch (error) {
    throw new BundlerError(
      "FILE",
      `Cannot list the bundles in ${bundlesDir}: ${messageOf(error)}`,
      {
        cause: error,
        details: { path: bundlesDir },
      },
    );
  }
  const found = names.flatMap((folder) => {
    const { name, version } = FOLDER.exec(folder)?.groups ?? {};
    return name === undefined || version === undefined
      ? []
      : [{ name, version, dir: join(bundlesDir, folder) }];
  });
  return found.sort((a, b) =>
    a.name === b.name ? compareVersions(b.version, a.version) : a.name < b.name ? -1 : 1,
  );
}

/**
 * The folder that a BUNDLE argument means: `openim-2.3.9` or `openim@2.3.9`, `openim` for its newest
 * version (also when there is no argument), or a path. What looks like a path (it has a separator or
 * begins with a dot) is one; a shipped name goes before a folder of the same name.
 * @throws BundlerError USAGE when it is neither, DEFINITION when the folder holds no definition.
 */
export async function resolveBundle(
  argument: string | undefined,
  bundlesDir: string,
): Promise<string> {
  const wanted = argument ?? DEFAULT_NAME;
  if (/[/\\]|^\./.test(wanted)) return definitionFolder(wanted);

  const shipped = await listBundles(bundlesDir);
  const match =
    shipped.find(({ name }) => name === wanted) ??
    shipped.find(
      ({ name, version }) => wanted === `${name}-${version}` || wanted === `${name}@${version}`,
    );
  if (match !== undefined) return match.dir;

  if (await isFolder(wanted)) return definitionFolder(wanted);
  const names = shipped.map(({ name, version }) => `${name}-${version}`);
  const near = nearest(wanted.replace("@", "-"), [...names, ...shipped.map(({ name }) => name)]);
  throw new BundlerError("USAGE", `There is no bundle ${JSON.stringify(wanted)}.`, {
    hint: [
      ...(near === undefined ? [] : [`Did you mean ${near}?`]),
      names.length === 0
        ? "Give the folder of a bundle definition."
        : `Give one of ${names.join(", ")}, or the folder of a bundle definition.`,
    ].join(" "),
    details: { bundle: wanted, shipped: names },
  });
}

async function definitionFolder(path: string): Promise<string> {
  if (!(await isFolder(path))) {
    throw new BundlerError("USAGE", `There is no folder ${path}.`, {
      hint: "Give a shipped bundle's name or the folder of a bundle definition.",
      details: { path },
    });
  }
  try {
    await stat(join(path, "components.yaml"));
  } catch (error) {
    if (systemCode(error) !== "ENOENT") throw error;
    throw new BundlerError(
      "DEFINITION",
      `${path} is no bundle definition: it has no components.yaml.`,
      {
        hint: "A definition is a folder with components.yaml, compose.yaml and site.yaml.",
        details: { path },
      },
    );
  }
  return path;
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    return false;
  }
}

/**
 * Older before newer. Semantic versioning puts everything after a dash before the release, but
 * OpenIM's `3.8.3-patch.1` comes after `3.8.3`.
 */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [parseVersion(a), parseVersion(b)];
  const steps = [
    left.compareMain(right),
    standing(left) - standing(right),
    left.comparePre(right),
    a < b ? -1 : Number(a > b),
  ];
  return steps.find((step) => step !== 0) ?? 0;
}

function parseVersion(text: string): semver.SemVer {
  const [main = "", ...suffix] = text.split("-");
  // `2.3` and `10` are versions too.
  const padded = [...main.split("."), "0", "0"]
    .slice(0, Math.max(3, main.split(".").length))
    .join(".");
  return (
    semver.parse([padded, ...suffix].join("-"), { loose: true }) ??
    semver.coerce(text) ??
    new semver.SemVer("0.0.0")
  );
}

function standing({ prerelease: [first] }: semver.SemVer): number {
  if (first === undefined) return 0;
  return typeof first === "string" && /^(?:patch|hotfix|sp|post|p)\d*$/i.test(first) ? 1 : -1;
}
