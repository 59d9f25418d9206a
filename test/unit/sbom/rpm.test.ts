import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readBdbHash } from "../../../src/sbom/rpm-bdb.js";
import { readRpmHeader } from "../../../src/sbom/rpm-header.js";
import { readSqliteTable } from "../../../src/sbom/rpm-sqlite.js";
import { readRpmDatabase, rpmPackages } from "../../../src/sbom/rpm.js";
import { writeNdb } from "./rpm/ndb.js";

/**
 * Three packages that rpmbuild 4.18 made, put into a database by `rpm -i --justdb`; and the same
 * headers in a hash that db5.3_load wrote, which rpm 4.18 lists as the same packages.
 */
const fixture = (name: string): Buffer =>
  gunzipSync(readFileSync(path.join(import.meta.dirname, "rpm", `${name}.gz`)));
const sqlite = fixture("rpmdb.sqlite");
const bdb = fixture("Packages");
const headers = [...readSqliteTable(sqlite, "Packages")].map(([, blob]) => blob as Buffer);
const ndb = writeNdb(headers);

const FORMS = [
  ["rpmdb.sqlite", sqlite],
  ["Packages.db", ndb],
  ["Packages", bdb],
] as const;

const hasSqlite = spawnSync("sqlite3", ["--version"]).status === 0;

describe("rpm's database", () => {
  it.each(FORMS)("as %s tells the packages that rpm itself lists", (name, file) => {
    const database = readRpmDatabase(name, file);
    expect(database.skipped).toBeUndefined();
    const { packages } = rpmPackages(database, { id: "rhel", version: "9.3" });
    expect(packages.toSorted((a, b) => (a.name < b.name ? -1 : 1))).toEqual([
      {
        type: "rpm",
        name: "greeting-data",
        version: "20240506-3.el9",
        purl: "pkg:rpm/rhel/greeting-data@20240506-3.el9?arch=noarch&distro=rhel-9.3&upstream=libgreeting-2.0~rc1-3.el9.src.rpm",
        licenses: ["Apache-2.0"],
        source: "libgreeting-2.0~rc1-3.el9.src.rpm",
        architecture: "noarch",
      },
      {
        type: "rpm",
        name: "libgreeting",
        version: "1:2.0~rc1-3.el9",
        purl: "pkg:rpm/rhel/libgreeting@2.0~rc1-3.el9?arch=x86_64&distro=rhel-9.3&epoch=1&upstream=libgreeting-2.0~rc1-3.el9.src.rpm",
        licenses: ["GPLv2+ and MIT"],
        source: "libgreeting-2.0~rc1-3.el9.src.rpm",
        architecture: "x86_64",
      },
      {
        type: "rpm",
        name: "libgreeting-devel+tools",
        version: "1:2.0~rc1-3.el9",
        purl: "pkg:rpm/rhel/libgreeting-devel%2Btools@2.0~rc1-3.el9?arch=x86_64&distro=rhel-9.3&epoch=1&upstream=libgreeting-2.0~rc1-3.el9.src.rpm",
        licenses: ["MIT OR Apache-2.0"],
        source: "libgreeting-2.0~rc1-3.el9.src.rpm",
        architecture: "x86_64",
      },
    ]);
  });

  it("leaves out the keys that lie in it as packages, and needs no distribution", () => {
    const keys = rpmPackages(
      {
        headers: [
          { name: "gpg-pubkey", version: "1" },
          { name: "a", version: "1" },
        ],
      },
      undefined,
    );
    expect(keys.packages).toEqual([{ type: "rpm", name: "a", version: "1", purl: "pkg:rpm/a@1" }]);
  });

  it.each(FORMS)("as %s cut anywhere tells what it can, and that it was cut", (name, file) => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: file.length - 4096 }), (length) => {
        const { headers: some, skipped } = readRpmDatabase(name, file.subarray(0, length));
        expect(some.length).toBeLessThanOrEqual(3);
        if (some.length < 3) expect(skipped).toMatch(/\w/);
      }),
      { numRuns: 60 },
    );
  });

  it.each(FORMS)(
    "as %s with any bytes changed neither throws nor goes on for ever",
    (name, file) => {
      const change = fc.tuple(
        // The first pages hold the structure, where changes hurt most.
        fc.oneof(fc.nat(file.length - 1), fc.nat(8191), fc.nat(127)),
        fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 255)),
      );
      fc.assert(
        fc.property(fc.array(change, { minLength: 1, maxLength: 24 }), (changes) => {
          const damaged = Buffer.from(file);
          for (const [at, value] of changes) damaged[at] = value;
          expect(readRpmDatabase(name, damaged).headers.length).toBeLessThan(100_000);
        }),
        { numRuns: 300 },
      );
    },
  );

  it("is not read a thousand times over because its slots say so", () => {
    const many = Buffer.from(ndb);
    const slot = ndb.subarray(48, 64);
    for (let at = 64; at < 4096; at += 16) slot.copy(many, at);
    const { headers: read, skipped } = readRpmDatabase("Packages.db", many);
    expect(skipped).toBe("has headers that overlap");
    expect(read.length).toBeLessThan(40);
  });

  it.each(FORMS)("as %s is not taken for one when it is junk", (name) => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 9000 }), (junk) => {
        expect(readRpmDatabase(name, Buffer.from(junk)).headers).toEqual([]);
      }),
    );
  });
});

describe("the reader of SQLite files", () => {
  it.skipIf(!hasSqlite)("finds every row of a table of many pages, small and large ones", () => {
    const dir = mkdtempSync(path.join(tmpdir(), "sqlite-"));
    try {
      for (const [page, rows] of [
        [512, 400],
        [4096, 3000],
        [65536, 200],
      ]) {
        const file = path.join(dir, `${page}.sqlite`);
        execFileSync("sqlite3", [
          file,
          `PRAGMA page_size=${page};
           CREATE TABLE other(x); CREATE TABLE t(id INTEGER PRIMARY KEY, n, r, s TEXT, b BLOB);
           WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM c WHERE i<${rows})
           INSERT INTO t SELECT i*7, i*i*1000003-5, i/4.0, 'name-'||i, zeroblob((i*i*31)%20000) FROM c;
           INSERT INTO other SELECT id FROM t;`,
        ]);
        const found = [...readSqliteTable(readFileSync(file), "t")];
        expect(found.length).toBe(rows);
        for (const [index, [id, n, r, s, b]] of found.entries()) {
          const i = index + 1;
          expect([id, n, r, s]).toEqual([null, i * i * 1000003 - 5, i / 4, `name-${i}`]);
          expect((b as Buffer).equals(Buffer.alloc((i * i * 31) % 20000))).toBe(true);
        }
      }
    } finally {
      rmSync(dir, { recursive: true });
    }
  });

  it("says when the table is not there", () => {
    expect(() => [...readSqliteTable(sqlite, "Nothing")]).toThrow("has no table Nothing");
  });
});

describe("the reader of Berkeley DB hashes", () => {
  it("reads files of both byte orders", () => {
    // Only the numbers that it looks at are turned round; headers are big-endian in either.
    const big = swapped(bdb);
    expect([...readBdbHash(big)]).toEqual([...readBdbHash(bdb)]);
    expect([...readBdbHash(bdb)].map((blob) => readRpmHeader(blob).name)).toContain("libgreeting");
  });
});

function swapped(file: Buffer): Buffer {
  const out = Buffer.from(file);
  const u32 = (at: number): unknown => out.subarray(at, at + 4).swap32();
  const u16 = (at: number): unknown => out.subarray(at, at + 2).swap16();
  for (const at of [12, 20, 32]) u32(at);
  for (let page = 4096; page < file.length; page += 4096) {
    const type = file.readUInt8(page + 25);
    const items = file.readUInt16LE(page + 20);
    for (const at of [20, 22]) u16(page + at);
    u32(page + 16);
    if (type !== 13 && type !== 2) continue;
    for (let item = 0; item < items; item += 1) {
      const offset = page + file.readUInt16LE(page + 26 + 2 * item);
      u16(page + 26 + 2 * item);
      if (file.readUInt8(offset) === 3) [4, 8].forEach((at) => u32(offset + at));
      else u32(offset + 1);
    }
  }
  return out;
}
