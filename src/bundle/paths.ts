import type { ExtraName } from "../definition/types.js";
import { type Platform, parsePlatform, platformSlug } from "../core/platform.js";

export const MANIFEST_FILE = "bundle.json";
export const SUMS_FILE = "SHA256SUMS";
export const COMPOSE_FILE = "compose.yaml";

/** Without these an archive cannot be checked, read or installed. */
export const REQUIRED_FILES = [
  MANIFEST_FILE,
  SUMS_FILE,
  "README.md",
  "README.zh-CN.md",
  "install.sh",
  COMPOSE_FILE,
] as const;

/** What stands where in an archive: what is read first comes first, the large images last. */
const ORDER = [
  /^bundle\.json$/,
  /^SHA256SUMS$/,
  /^README\.md$/,
  /^README\.zh-CN\.md$/,
  /^install\.sh$/,
  /^lib\//,
  /^compose\.yaml$/,
  /^site\//,
  /^files\//,
  /^extras\//,
  /^sbom\//,
];

/** `openim-2.3.9-linux-arm64`: the archive's top folder, and with `.tar` its name. */
export function bundleRoot(name: string, version: string, platform: string | Platform): string {
  const target = typeof platform === "string" ? parsePlatform(platform) : platform;
  return `${name}-${version}-${platformSlug(target)}`;
}

/** `images/redis.tar`, or for the images of several components `images/redis+3.tar`. */
export function tarballPath(components: readonly string[]): string {
  const [first = "", ...others] = components;
  return `images/${first}${others.length === 0 ? "" : `+${others.length}`}.tar`;
}

/** `extras/docker.tgz` */
export function extraPath(name: ExtraName): string {
  return name === "docker" ? "extras/docker.tgz" : "extras/docker-compose";
}

/** Where an archive's SBOMs lie. */
export const SBOM_FOLDER = "sbom/";

/** For sorting an archive's files, images aside; within a group by the bytes of the path. */
export function comparePlaces(a: string, b: string): number {
  const rank = (path: string): number => {
    const at = ORDER.findIndex((pattern) => pattern.test(path));
    return at < 0 ? ORDER.length : at;
  };
  return rank(a) - rank(b) || comparePaths(a, b);
}

/** The order of `LC_ALL=C sort`. */
export function comparePaths(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
