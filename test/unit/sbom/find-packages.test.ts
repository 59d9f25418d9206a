import { readFileSync } from "node:fs";
import path from "node:path";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { packageCapture } from "../../../src/sbom/capture.js";
import { findPackages } from "../../../src/sbom/find-packages.js";
import { walkedImage } from "./image.js";
import { writeZip } from "./zip.js";

const dpkg = "Package: libgcc-s1\nStatus: install ok installed\nVersion: 12\nArchitecture: arm64\n";
const copyright =
  "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\nFiles: *\nLicense: Expat\n";
const rpm = (name: string): Buffer =>
  gunzipSync(readFileSync(path.join(import.meta.dirname, "rpm", `${name}.gz`)));

describe("the packages of an image", () => {
  it("come from every database and every file that tells, in one order", () => {
    const { packages, skipped, distro } = findPackages(
      walkedImage("app", {
        "etc/os-release": { link: "../usr/lib/os-release" },
        "usr/lib/os-release": "ID=debian\nVERSION_ID=12\n",
        "var/lib/dpkg/status": dpkg,
        "usr/share/doc/gcc-12-base/copyright": copyright,
        "usr/share/doc/libgcc-s1": { link: "gcc-12-base" },
        "opt/app/lib/slf4j-api-2.0.9.jar": writeZip({
          "META-INF/maven/org.slf4j/slf4j-api/pom.properties":
            "groupId=org.slf4j\nartifactId=slf4j-api\nversion=2.0.9\n",
        }),
        "app/node_modules/left-pad/package.json": '{"name":"left-pad","version":"1.3.0"}',
        "app/package.json": '{"name":"the-app","version":"1.0.0"}',
        "lib/apk/db/installed": "P:musl\nV:1.2.4-r2\nA:aarch64\n",
      }),
    );
    expect(distro).toEqual({ id: "debian", version: "12" });
    expect(skipped).toEqual([]);
    expect(packages.map(({ type, name, version, path: at }) => [type, name, version, at])).toEqual([
      ["apk", "musl", "1.2.4-r2", "lib/apk/db/installed"],
      ["deb", "libgcc-s1", "12", "var/lib/dpkg/status"],
      ["maven", "org.slf4j:slf4j-api", "2.0.9", "opt/app/lib/slf4j-api-2.0.9.jar"],
      ["npm", "left-pad", "1.3.0", "app/node_modules/left-pad/package.json"],
    ]);
    expect(packages[1]).toMatchObject({
      licenses: ["MIT"],
      purl: "pkg:deb/debian/libgcc-s1@12?arch=arm64&distro=debian-12",
    });
  });

  it("are those of the files of status.d where there is no status, without their sums", () => {
    const { packages, skipped } = findPackages(
      walkedImage("distroless", {
        "var/lib/dpkg/status.d/tzdata": "Package: tzdata\nVersion: 2024a-0\n",
        "var/lib/dpkg/status.d/tzdata.md5sums": "0123  usr/share/zoneinfo/UTC\n",
      }),
    );
    expect(packages.map(({ name }) => name)).toEqual(["tzdata"]);
    expect(skipped).toEqual([]);
  });

  it("are those of the newest form of an rpm database that lies beside an older one", () => {
    const image = walkedImage("ubi", {
      "var/lib/rpm/rpmdb.sqlite": rpm("rpmdb.sqlite"),
      "var/lib/rpm/Packages": rpm("Packages"),
    });
    expect(new Set(findPackages(image).packages.map((one) => one.path))).toEqual(
      new Set(["var/lib/rpm/rpmdb.sqlite"]),
    );
  });

  it("are all that can be read, and what cannot is told", () => {
    const { packages, skipped } = findPackages(
      walkedImage(
        "broken",
        {
          "lib/a.jar": "no jar",
          "usr/bin/old": { go: Buffer.from("\xff Go buildinf:\x08\x00".padEnd(32), "latin1") },
          "app/node_modules/x/package.json": "{",
          "var/lib/dpkg/status": dpkg,
          "var/lib/rpm/rpmdb.sqlite": "too large",
        },
        ["var/lib/rpm/rpmdb.sqlite"],
      ),
    );
    expect(packages.map(({ name }) => name)).toEqual(["libgcc-s1"]);
    expect(skipped).toEqual([
      { path: "app/node_modules/x/package.json", reason: "is not JSON" },
      { path: "lib/a.jar", reason: "is no zip file" },
      {
        path: "usr/bin/old",
        reason: "was built by Go before 1.18, whose build info is not read",
      },
      {
        path: "var/lib/rpm/rpmdb.sqlite",
        reason: "is more than is kept of an archive to read",
      },
    ]);
  });

  it("are told whatever the files that should tell of them hold", () => {
    const paths = [
      "etc/os-release",
      "var/lib/dpkg/status",
      "usr/share/doc/a/copyright",
      "lib/apk/db/installed",
      "var/lib/rpm/Packages",
      "var/lib/rpm/Packages.db",
      "a.jar",
      "node_modules/a/package.json",
    ];
    const contents = fc.dictionary(
      fc.constantFrom(...paths),
      fc.oneof(
        fc.uint8Array().map((bytes) => Buffer.from(bytes)),
        fc.constant("Package: a\nVersion: 1\n"),
        fc.constantFrom(...paths).map((link) => ({ link: `/${link}` })),
      ),
    );
    fc.assert(
      fc.property(contents, (files) => {
        const { packages } = findPackages(walkedImage("any", files));
        expect(packages.length).toBeLessThan(3);
      }),
    );
  });

  it("need no file that the walk is not asked to keep", () => {
    const kept = (file: string): boolean => packageCapture.paths.some((one) => one.test(file));
    expect(kept("var/lib/dpkg/status")).toBe(true);
    expect(kept("usr/lib/jvm/lib/jrt-fs.jar")).toBe(true);
    expect(kept("usr/lib/sysimage/rpm/rpmdb.sqlite")).toBe(true);
    expect(kept("usr/lib/x86_64-linux-gnu/libc.so.6")).toBe(false);
    expect(kept("usr/share/doc/a/changelog.gz")).toBe(false);
  });
});
