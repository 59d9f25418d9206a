import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { findApkPackages } from "../../../src/sbom/apk.js";
import { readCopyright } from "../../../src/sbom/copyright.js";
import { readDistro } from "../../../src/sbom/distro.js";
import { findDpkgPackages } from "../../../src/sbom/dpkg.js";
import { NPM_PACKAGE, findNpmPackage } from "../../../src/sbom/npm.js";

const debian = { id: "debian", version: "12" };
const bytes = (text: string): Buffer => Buffer.from(text);

describe("an os-release file", () => {
  it("says what the image is made of, quoted as a shell would", () => {
    expect(
      readDistro(
        bytes('# comment\nID="rhel"\nVERSION_ID=\'9.3\'\nPRETTY_NAME="The \\"best\\" \\$one"\n'),
      ),
    ).toEqual({ id: "rhel", version: "9.3", name: 'The "best" $one' });
    expect(readDistro(bytes("ID=arch\n"))).toEqual({ id: "arch" });
    expect(readDistro(bytes("NAME=nobody\n"))).toBeUndefined();
  });
});

describe("dpkg's database", () => {
  const status = `Package: libc6
Status: install ok installed
Architecture: arm64
Multi-Arch: same
Source: glibc
Version: 2.36-9+deb12u4
Description: GNU C Library
 Package: not-a-package
Conffiles:
 /etc/ld.so.conf.d/x 0123

Package: gone
Status: deinstall ok config-files
Version: 1.0

Package: libgcc-s1
Status: hold ok installed
Architecture: arm64
Source: gcc-12 (12.2.0-14)
Version: 1:12.2.0-14
`;

  it("tells packages that are there, with epoch, architecture and source", () => {
    const { packages, skipped } = findDpkgPackages(bytes(status), debian, (name) =>
      name === "libc6" ? ["LGPL-2.1-or-later"] : [],
    );
    expect(skipped).toBeUndefined();
    expect(packages).toEqual([
      {
        type: "deb",
        name: "libc6",
        version: "2.36-9+deb12u4",
        purl: "pkg:deb/debian/libc6@2.36-9%2Bdeb12u4?arch=arm64&distro=debian-12&upstream=glibc",
        licenses: ["LGPL-2.1-or-later"],
        source: "glibc",
        architecture: "arm64",
      },
      {
        type: "deb",
        name: "libgcc-s1",
        version: "1:12.2.0-14",
        purl: "pkg:deb/debian/libgcc-s1@1:12.2.0-14?arch=arm64&distro=debian-12&upstream=gcc-12%4012.2.0-14",
        source: "gcc-12 12.2.0-14",
        architecture: "arm64",
      },
    ]);
  });

  it("reads the files of status.d, which have no states", () => {
    const { packages } = findDpkgPackages(bytes("Package: tzdata\nVersion: 2024a-0\n"), undefined);
    expect(packages).toMatchObject([{ purl: "pkg:deb/debian/tzdata@2024a-0" }]);
  });

  it.skipIf(!existsSync("/var/lib/dpkg/status"))("tells what dpkg-query tells of it", () => {
    const listed = execFileSync(
      "dpkg-query",
      ["-W", "-f", "${db:Status-Status} ${Package} ${Version} ${Architecture}\n"],
      { encoding: "utf8", maxBuffer: 64 * 1024 * 1024 },
    )
      .split("\n")
      .filter((line) => line.startsWith("installed "));
    const { packages } = findDpkgPackages(readFileSync("/var/lib/dpkg/status"), debian);
    const found = packages.map(
      ({ name, version, architecture = "" }) => `installed ${name} ${version} ${architecture}`,
    );
    expect(found.sort()).toEqual(listed.sort());
    expect(found.length).toBeGreaterThan(50);
  });
});

describe("a Debian copyright file", () => {
  const dep5 = (licenses: readonly string[]): Buffer =>
    bytes(
      `Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nUpstream-Name: x\n\n${licenses
        .map((license) => `Files: *\nCopyright: me\nLicense: ${license}\n The text.\n .\n`)
        .join("\n")}`,
    );

  it("names its licences as SPDX does, where that means the same", () => {
    expect(
      readCopyright(dep5(["GPL-2+", "Expat", "LGPL-2.1", "BSD-3-clause or GPL-2", "GPL-2+"])),
    ).toEqual(["BSD-3-Clause OR GPL-2.0-only", "GPL-2.0-or-later", "LGPL-2.1-only", "MIT"]);
  });

  it("keeps as it is what SPDX has no word for, or groups otherwise", () => {
    expect(
      readCopyright(dep5(["public-domain", "GPL-2 and MIT or ISC", "GPL-1+ or Artistic, and X"])),
    ).toEqual(["GPL-1+ or Artistic, and X", "GPL-2 and MIT or ISC", "public-domain"]);
  });

  it("says nothing in free text", () => {
    expect(readCopyright(bytes("This is free software.\nLicense: GPL-2\n"))).toEqual([]);
  });
});

describe("apk's database", () => {
  it("tells name, version, licence and origin, and passes over files", () => {
    const { packages } = findApkPackages(
      bytes(
        "C:Q1abc=\nP:libcrypto3\nV:3.1.4-r5\nA:aarch64\nL:Apache-2.0\no:openssl\nF:lib\nR:libcrypto.so.3\na:0:0:755\nZ:Q1x=\n\nP:musl\nV:1.2.4_git20230717-r4\nA:aarch64\nL:MIT\no:musl\n",
      ),
      { id: "alpine", version: "3.19.1" },
    );
    expect(packages).toEqual([
      {
        type: "apk",
        name: "libcrypto3",
        version: "3.1.4-r5",
        purl: "pkg:apk/alpine/libcrypto3@3.1.4-r5?arch=aarch64&distro=alpine-3.19.1&upstream=openssl",
        licenses: ["Apache-2.0"],
        source: "openssl",
        architecture: "aarch64",
      },
      {
        type: "apk",
        name: "musl",
        version: "1.2.4_git20230717-r4",
        purl: "pkg:apk/alpine/musl@1.2.4_git20230717-r4?arch=aarch64&distro=alpine-3.19.1",
        licenses: ["MIT"],
        architecture: "aarch64",
      },
    ]);
  });
});

describe("an installed npm package", () => {
  it("is looked for where npm installs it, and nowhere else", () => {
    const paths = [
      "app/node_modules/left-pad/package.json",
      "node_modules/@babel/core/package.json",
      "a/node_modules/b/node_modules/c/package.json",
      "app/package.json",
      "app/node_modules/left-pad/lib/package.json",
      "app/node_modules/@babel/package.json",
      "app/node_modules/.bin/package.json",
    ];
    expect(paths.filter((path) => NPM_PACKAGE.test(path))).toEqual(paths.slice(0, 3));
  });

  it("tells its name, version and licence in all forms that there were", () => {
    const purls = [
      { name: "@babel/core", version: "7.24.0", license: "MIT" },
      { name: "old", version: "0.1.0", licenses: [{ type: "BSD", url: "x" }, { type: "MIT" }] },
      { name: "older", version: "0.0.1", license: { type: "ISC" } },
      { name: "nameless" },
      { version: "1" },
    ].flatMap((value) => findNpmPackage(bytes(JSON.stringify(value))).packages);
    expect(purls).toEqual([
      {
        type: "npm",
        name: "@babel/core",
        version: "7.24.0",
        purl: "pkg:npm/%40babel/core@7.24.0",
        licenses: ["MIT"],
      },
      {
        type: "npm",
        name: "old",
        version: "0.1.0",
        purl: "pkg:npm/old@0.1.0",
        licenses: ["BSD", "MIT"],
      },
      {
        type: "npm",
        name: "older",
        version: "0.0.1",
        purl: "pkg:npm/older@0.0.1",
        licenses: ["ISC"],
      },
    ]);
  });

  it("takes nothing from a prototype", () => {
    expect(findNpmPackage(bytes('{"__proto__": {"name": "x", "version": "1"}}')).packages).toEqual(
      [],
    );
    expect(findNpmPackage(bytes("{")).skipped).toBe("is not JSON");
  });
});

describe("a database of junk", () => {
  const lines = fc
    .array(
      fc.oneof(
        fc.constantFrom(
          "Package: a",
          "Version: 1",
          "P:a",
          "V:1",
          "",
          " more",
          "ID=x",
          "License: y",
        ),
        fc.string({ unit: "binary" }),
      ),
    )
    .map((parts) => bytes(parts.join("\n")));

  it("never makes a finder throw, and gives clean names", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          lines,
          fc.uint8Array().map((junk) => Buffer.from(junk)),
        ),
        (junk) => {
          const found = [
            ...findDpkgPackages(junk, debian).packages,
            ...findApkPackages(junk, undefined).packages,
            ...findNpmPackage(junk).packages,
          ];
          readCopyright(junk);
          readDistro(junk);
          // oxlint-disable-next-line no-control-regex -- control characters are what this is about
          for (const { name } of found) expect(name).toMatch(/^[^\u0000-\u001f]{1,512}$/);
        },
      ),
    );
  });
});
