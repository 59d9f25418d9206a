import type { Capture } from "../walk/types.js";
import { readCopyright } from "./copyright.js";
import { OS_RELEASE } from "./distro.js";
import { JAR, findJarPackages } from "./jar.js";
import { NPM_PACKAGE, findNpmPackage } from "./npm.js";
import { readRpmDatabase } from "./rpm.js";

/** What a captured file is, by its path. */
export type SourceKind = "os-release" | "dpkg" | "copyright" | "apk" | "rpm" | "jar" | "npm";

const SOURCES: readonly (readonly [SourceKind, RegExp])[] = [
  ["os-release", new RegExp(`^(?:${OS_RELEASE.join("|")})$`)],
  // Images without a shell have one file a package in status.d, and its sums beside it.
  ["dpkg", /^var\/lib\/dpkg\/(?:status|status\.d\/[^/]+(?<!\.md5sums))$/],
  ["copyright", /^usr\/share\/doc\/[^/]+\/copyright$/],
  ["apk", /^(?:usr\/)?lib\/apk\/db\/installed$/],
  [
    "rpm",
    /^(?:var\/lib\/rpm|usr\/lib\/sysimage\/rpm|usr\/share\/rpm)\/(?:rpmdb\.sqlite|Packages\.db|Packages)$/,
  ],
  ["jar", JAR],
  ["npm", NPM_PACKAGE],
];

/** Databases of whole distributions are 100 MiB; what is captured is made small at once. */
const MIB = 1024 * 1024;

/** What a walk has to keep for {@link findPackages}. */
export const packageCapture: Capture = {
  paths: SOURCES.map(([, pattern]) => pattern),
  maxFileBytes: 96 * MIB,
  maxTotalBytes: 128 * MIB,
};

/** What a path tells of packages; undefined for the others. */
export function sourceKind(path: string): SourceKind | undefined {
  return SOURCES.find(([, pattern]) => pattern.test(path))?.[0];
}

/**
 * What is kept of a captured file: of jars and databases, which are large, a JSON text of what they
 * tell, so that a walk's memory does not grow with them. What it makes of one is read by
 * {@link findPackages} alone.
 */
export function condense(path: string, content: Buffer): Buffer {
  const name = path.slice(path.lastIndexOf("/") + 1);
  const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
  switch (sourceKind(path)) {
    case "copyright":
      return json(readCopyright(content));
    case "rpm":
      return json(readRpmDatabase(name, content));
    case "jar":
      return json(findJarPackages(name, content));
    case "npm":
      return json(findNpmPackage(content));
    default:
      return content;
  }
}
