import { lookUp } from "../walk/look-up.js";
import type { FinalFile, WalkedImage } from "../walk/types.js";
import { findApkPackages } from "./apk.js";
import { sourceKind } from "./capture.js";
import { OS_RELEASE, readDistro } from "./distro.js";
import { findDpkgPackages } from "./dpkg.js";
import type { Findings } from "./found.js";
import { findGoModules } from "./go-build-info.js";
import { type RpmDatabase, rpmPackages } from "./rpm.js";
import type { ComponentPackages, Distro, Package } from "./types.js";

/** As many packages as are told of one image, and as many files that could not be read. */
const MAX_PACKAGES = 500_000;
const MAX_SKIPPED = 1000;

const TOO_MUCH: Findings = { packages: [], skipped: "is more than is kept of an archive to read" };
const LINKED: Findings = { packages: [], skipped: "is a hard link to a file that is not read" };

/** What is looked at of a walked image, whose captured files have been through {@link condense}. */
export type PackageSource = Pick<WalkedImage, "component" | "files" | "layers">;

/**
 * The packages of an image's final file system, from its package databases, the build info of its Go
 * programs, its jars and its installed npm packages. Pure: looks at nothing but what the walk kept.
 */
export function findPackages(image: PackageSource): ComponentPackages {
  const distro = distroOf(image);
  const truncated = image.layers.map((layer) => new Set(layer.truncated));
  const packages = new Map<string, Package>();
  const skipped: { path: string; reason: string }[] = [];
  const skip = (path: string, reason: string): void => {
    if (skipped.length < MAX_SKIPPED) skipped.push({ path, reason });
  };
  for (const { digest, trouble } of image.layers) {
    if (trouble !== undefined) skip(digest, trouble.message);
  }
  for (const file of image.files.values()) {
    const layer = image.layers[file.layer]?.digest;
    if (file.type !== "file" || layer === undefined) continue;
    const found = truncated[file.layer]?.has(file.path)
      ? TOO_MUCH
      : findingsIn(image, file, distro);
    if (found === undefined) continue;
    if (found.skipped !== undefined) skip(file.path, found.skipped);
    for (const { inside = "", ...one } of found.packages) {
      if (packages.size === MAX_PACKAGES) break;
      const path = file.path + inside;
      packages.set(`${one.purl}\n${path}`, { ...one, path, layer });
    }
  }
  return {
    component: image.component,
    ...(distro === undefined ? {} : { distro }),
    packages: [...packages.values()].sort(inOrder),
    skipped: skipped.sort((a, b) => compare(a.path, b.path)),
  };
}

function findingsIn(
  image: PackageSource,
  file: FinalFile,
  distro: Distro | undefined,
): Findings | undefined {
  const { path, program } = file;
  if (program?.format === "elf" && program.go !== undefined) return findGoModules(program.go);
  const kind = sourceKind(path);
  if (kind === undefined || kind === "os-release" || kind === "copyright") return undefined;
  if (kind === "rpm" && isSuperseded(image, path)) return undefined;
  const content = contentOf(image, file);
  if (content === undefined) return LINKED;
  switch (kind) {
    case "dpkg":
      return findDpkgPackages(content, distro, (name) => licensesOf(image, name));
    case "apk":
      return findApkPackages(content, distro);
    case "rpm":
      return rpmPackages(condensed(content) as RpmDatabase, distro);
    case "jar":
    case "npm":
      return condensed(content) as Findings;
  }
}

/** What {@link condense} has written: nothing of an archive can stand here in its place. */
function condensed(content: Buffer): unknown {
  return JSON.parse(content.toString("utf8"));
}

/** An rpm database beside a newer form of it was left over when rpm changed its form. */
function isSuperseded({ files }: PackageSource, path: string): boolean {
  const folder = path.slice(0, path.lastIndexOf("/") + 1);
  const forms = ["rpmdb.sqlite", "Packages.db", "Packages"];
  const newest = forms.find((form) => files.get(folder + form)?.type === "file");
  return newest !== undefined && path !== folder + newest;
}

function contentOf({ layers }: PackageSource, { path, layer }: FinalFile): Buffer | undefined {
  return layers[layer]?.captured.get(path);
}

function distroOf(image: PackageSource): Distro | undefined {
  for (const path of OS_RELEASE) {
    const file = lookUp(image.files, path);
    const content = file && contentOf(image, file);
    const distro = content && readDistro(content);
    if (distro !== undefined) return distro;
  }
  return undefined;
}

/** The licences of a Debian package, whose folder of documentation may be that of another one. */
function licensesOf(image: PackageSource, name: string): readonly string[] {
  const file = lookUp(image.files, `usr/share/doc/${name}/copyright`);
  // Behind a symlink may be any file, condensed or not.
  if (file === undefined || sourceKind(file.path) !== "copyright") return [];
  const content = contentOf(image, file);
  return content === undefined ? [] : (condensed(content) as readonly string[]);
}

function inOrder(a: Package, b: Package): number {
  return (
    compare(a.type, b.type) ||
    compare(a.name, b.name) ||
    compare(a.version, b.version) ||
    compare(a.path, b.path) ||
    compare(a.purl, b.purl)
  );
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
