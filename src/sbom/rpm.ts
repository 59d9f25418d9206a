import { distroQualifier } from "./distro.js";
import {
  Damage,
  type Findings,
  type FoundPackage,
  MAX_PACKAGES,
  given,
  plainText,
} from "./found.js";
import { packageUrl } from "./purl.js";
import { readBdbHash } from "./rpm-bdb.js";
import { type RpmHeader, readRpmHeader } from "./rpm-header.js";
import { readNdb } from "./rpm-ndb.js";
import { readSqliteTable } from "./rpm-sqlite.js";
import type { Distro } from "./types.js";

/** The forms that rpm's database has had, by the name of its file. */
const FORMS: ReadonlyMap<string, (file: Buffer) => Iterable<Buffer>> = new Map([
  ["rpmdb.sqlite", sqliteHeaders],
  ["Packages.db", readNdb],
  ["Packages", readBdbHash],
]);

/** The keys that packages are signed with lie in the database as if they were packages. */
const KEY = "gpg-pubkey";

/** What an rpm database holds, and why not more. */
export interface RpmDatabase {
  readonly headers: readonly RpmHeader[];
  readonly skipped?: string;
}

/**
 * Reads an rpm database: `rpmdb.sqlite`, `Packages.db` (ndb) or `Packages` (Berkeley DB), as its name
 * says. Never throws, whatever the file holds.
 */
export function readRpmDatabase(fileName: string, file: Buffer): RpmDatabase {
  const headers: RpmHeader[] = [];
  const blobs = FORMS.get(fileName);
  if (blobs === undefined) return { headers, skipped: "is no database of rpm" };
  let room = file.length;
  try {
    for (const blob of blobs(file)) {
      room -= blob.length;
      // As they overlap, they could be more work than any file is worth.
      if (room < 0) return { headers, skipped: "has headers that overlap" };
      if (headers.length === MAX_PACKAGES) return { headers, skipped: "tells of too much" };
      headers.push(readRpmHeader(blob));
    }
  } catch (error) {
    if (!(error instanceof Damage)) throw error;
    return { headers, skipped: error.message };
  }
  return { headers };
}

/** The packages of an rpm database. */
export function rpmPackages(
  { headers, skipped }: RpmDatabase,
  distro: Distro | undefined,
): Findings {
  const packages = headers.flatMap((header) => packageOf(header, distro) ?? []);
  return { packages, ...(skipped === undefined ? {} : { skipped }) };
}

function* sqliteHeaders(file: Buffer): Generator<Buffer, void, void> {
  for (const [, blob] of readSqliteTable(file, "Packages")) {
    if (!Buffer.isBuffer(blob)) throw new Damage("has a package that is no header");
    yield blob;
  }
}

function packageOf(header: RpmHeader, distro: Distro | undefined): FoundPackage | undefined {
  const name = plainText(header.name);
  const version = plainText(header.version);
  const release = plainText(header.release);
  if (name === undefined || version === undefined || name === KEY) return undefined;
  const full = release === undefined ? version : `${version}-${release}`;
  // An epoch of 0 is the same as none.
  const epoch = header.epoch === 0 ? undefined : header.epoch;
  const license = plainText(header.license);
  const source = plainText(header.sourceRpm);
  const architecture = plainText(header.architecture);
  return given<FoundPackage>({
    type: "rpm",
    name,
    version: epoch === undefined ? full : `${epoch}:${full}`,
    purl: packageUrl({
      type: "rpm",
      ...(distro === undefined ? {} : { namespace: distro.id }),
      name,
      version: full,
      qualifiers: {
        arch: architecture,
        epoch: epoch === undefined ? undefined : String(epoch),
        distro: distro && distroQualifier(distro),
        upstream: source,
        modularitylabel: plainText(header.modularityLabel),
      },
    }),
    licenses: license === undefined ? undefined : [license],
    source,
    architecture,
  });
}
