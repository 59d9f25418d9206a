import { linesOf } from "./control-file.js";
import { type Findings, type FoundPackage, collect, plainText } from "./found.js";
import { packageUrl } from "./purl.js";
import { type ZipEntry, zipContent, zipEntries } from "./zip-directory.js";

/** Caps on what is unpacked, in bytes: a pom.properties or a manifest, and a jar in a jar. */
const MAX_TEXT = 256 * 1024;
const MAX_JAR = 64 * 1024 * 1024;

/**
 * How many times its own size may be unpacked of one jar, beside a little for small ones: texts
 * compress well, jars hardly, and no more time goes into an archive than it has bytes for.
 */
const TEXT_RATIO = 64;
const JAR_RATIO = 3;
const LITTLE = 64 * 1024;

/** Java's archives: libraries, web applications, enterprise applications. */
export const JAR = /\.(?:jar|war|ear)$/;

const POM = /^META-INF\/maven\/[^/]+\/[^/]+\/pom\.properties$/;
const MANIFEST = "META-INF/MANIFEST.MF";

/**
 * The libraries in a jar, and in jars that lie directly in it: each by the pom.properties that Maven
 * leaves, else by its manifest and its file's name. Only the central directory is read, and the few
 * files that tell.
 * @param fileName the jar's own, without folders
 */
export function findJarPackages(fileName: string, jar: Buffer): Findings {
  return collect(packagesIn(fileName, jar));
}

function* packagesIn(fileName: string, jar: Buffer): Generator<FoundPackage, void, void> {
  const inner: ZipEntry[] = [];
  yield* ownPackages(fileName, jar, (entry) => inner.push(entry));
  let room = JAR_RATIO * jar.length + LITTLE;
  for (const entry of inner) {
    if (workFor(entry) > room) continue;
    room -= workFor(entry);
    const bytes = zipContent(jar, entry, MAX_JAR);
    if (bytes === undefined) continue;
    // A damaged jar among others says nothing of the others.
    const { packages } = collect(ownPackages(lastName(entry.name), bytes));
    const inside = `!/${entry.name}`;
    if (plainText(inside) === undefined) continue;
    for (const one of packages) yield { ...one, inside };
  }
}

function* ownPackages(
  fileName: string,
  jar: Buffer,
  onJar: (entry: ZipEntry) => void = () => undefined,
): Generator<FoundPackage, void, void> {
  const poms: ZipEntry[] = [];
  let manifest: ZipEntry | undefined;
  for (const entry of zipEntries(jar)) {
    if (POM.test(entry.name)) poms.push(entry);
    else if (entry.name === MANIFEST) manifest = entry;
    else if (JAR.test(entry.name)) onJar(entry);
  }
  let room = TEXT_RATIO * jar.length + LITTLE;
  let named = false;
  const seen = new Set<string>();
  for (const entry of poms) {
    if (workFor(entry) > room) continue;
    room -= workFor(entry);
    const bytes = zipContent(jar, entry, MAX_TEXT);
    const one = bytes && packageOfPom(bytes);
    if (one === undefined || seen.has(one.purl)) continue;
    seen.add(one.purl);
    named = true;
    yield one;
  }
  if (named) return;
  const bytes = manifest && zipContent(jar, manifest, MAX_TEXT);
  const one = packageOfManifest(fileName, bytes ?? Buffer.alloc(0));
  if (one !== undefined) yield one;
}

/**
 * Bytes that unpacking an entry reads and writes at most, whether it succeeds or not: any number of
 * entries may be the same bytes of the file.
 */
function workFor({ packed, unpacked }: ZipEntry): number {
  return packed + unpacked;
}

function packageOfPom(bytes: Buffer): FoundPackage | undefined {
  const values = new Map<string, string>();
  for (const line of linesOf(bytes)) {
    const equals = line.indexOf("=");
    if (equals > 0 && !line.startsWith("#")) {
      values.set(line.slice(0, equals).trim(), line.slice(equals + 1).trim());
    }
  }
  return library(values.get("groupId"), values.get("artifactId"), values.get("version"));
}

/**
 * What a manifest and a file name tell (JAR File Specification, "Main Attributes"; OSGi Core, 3.2.1).
 * A name alone, as applications have it, is no library that anybody could look up.
 */
function packageOfManifest(fileName: string, bytes: Buffer): FoundPackage | undefined {
  const attributes = mainAttributes(bytes);
  const stem = fileName.replace(JAR, "");
  const [, fromName, versionFromName] = /^([^/]*?[^-/.])-(\d[^/]*)$/.exec(stem) ?? [];
  const artifact = fromName ?? stem;
  const bundle = plainText(attributes.get("bundle-symbolicname")?.split(";", 1)[0]);
  const version =
    versionFromName ??
    attributes.get("implementation-version") ??
    attributes.get("bundle-version") ??
    attributes.get("specification-version");
  const vendor = plainText(attributes.get("implementation-vendor-id"));
  return library(groupOf(vendor, bundle, artifact) ?? artifact, artifact, version);
}

/** A group as Maven has it, `org.slf4j`: of a bundle's name `org.slf4j.api` without its last part. */
function groupOf(
  vendor: string | undefined,
  bundle: string | undefined,
  artifact: string,
): string | undefined {
  if (vendor !== undefined && GROUP.test(vendor)) return vendor;
  if (bundle === undefined || !GROUP.test(bundle)) return undefined;
  const last = bundle.slice(bundle.lastIndexOf(".") + 1);
  return bundle !== last && artifact.includes(last) ? bundle.slice(0, -last.length - 1) : bundle;
}

const GROUP = /^[A-Za-z][\w-]*(?:\.[\w-]+)+$/;

function mainAttributes(bytes: Buffer): ReadonlyMap<string, string> {
  const attributes = new Map<string, string>();
  let name: string | undefined;
  for (const line of linesOf(bytes)) {
    if (line === "") break;
    if (line.startsWith(" ")) {
      // A line has 72 bytes at most; the rest of a value stands on the next one.
      if (name !== undefined) attributes.set(name, `${attributes.get(name) ?? ""}${line.slice(1)}`);
      continue;
    }
    const colon = line.indexOf(": ");
    name = colon < 1 ? undefined : line.slice(0, colon).toLowerCase();
    if (name !== undefined) attributes.set(name, line.slice(colon + 2));
  }
  return attributes;
}

function library(
  group: string | undefined,
  artifact: string | undefined,
  version: string | undefined,
): FoundPackage | undefined {
  const [namespace, name, known] = [plainText(group), plainText(artifact), plainText(version)];
  if (namespace === undefined || name === undefined || known === undefined) return undefined;
  // What a build should have filled in and did not.
  if (`${namespace}${name}${known}`.includes("${")) return undefined;
  return {
    type: "maven",
    name: `${namespace}:${name}`,
    version: known,
    purl: packageUrl({ type: "maven", namespace, name, version: known }),
  };
}

function lastName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
