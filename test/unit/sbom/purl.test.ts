import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type PurlParts, packageUrl } from "../../../src/sbom/purl.js";

/** From the tests of the package-url specification (tests/types/*-test.json, "build" and "roundtrip"). */
const EXAMPLES: readonly (readonly [string, PurlParts])[] = [
  [
    "pkg:deb/debian/curl@7.50.3-1?arch=i386&distro=jessie",
    {
      type: "deb",
      namespace: "debian",
      name: "curl",
      version: "7.50.3-1",
      qualifiers: { distro: "jessie", arch: "i386" },
    },
  ],
  [
    "pkg:deb/debian/attr@1:2.4.47-2%2Bb1?arch=amd64",
    {
      type: "deb",
      namespace: "debian",
      name: "attr",
      version: "1:2.4.47-2+b1",
      qualifiers: { arch: "amd64" },
    },
  ],
  [
    "pkg:apk/alpine/libcrypto3@3.5.5-r0?arch=x86_64&distro=alpine-edge&upstream=openssl",
    {
      type: "apk",
      namespace: "alpine",
      name: "libcrypto3",
      version: "3.5.5-r0",
      qualifiers: { arch: "x86_64", upstream: "openssl", distro: "alpine-edge" },
    },
  ],
  [
    "pkg:rpm/fedora/curl@7.50.3-1.fc25?arch=i386&distro=fedora-25",
    {
      type: "rpm",
      namespace: "Fedora",
      name: "curl",
      version: "7.50.3-1.fc25",
      qualifiers: { arch: "i386", distro: "fedora-25" },
    },
  ],
  [
    "pkg:rpm/centerim@4.22.10-1.el6?arch=i686&distro=fedora-25&epoch=1",
    {
      type: "rpm",
      name: "centerim",
      version: "4.22.10-1.el6",
      qualifiers: { arch: "i686", epoch: "1", distro: "fedora-25" },
    },
  ],
  [
    "pkg:golang/google.golang.org/genproto@abcdedf#googleapis/api/annotations",
    {
      type: "golang",
      namespace: "google.golang.org",
      name: "genproto",
      version: "abcdedf",
      subpath: "/googleapis/../api/./annotations/",
    },
  ],
  [
    "pkg:golang/github.com/gorilla/context@234fd47e07d1004f0aed9c",
    {
      type: "golang",
      namespace: "GitHub.com/Gorilla",
      name: "context",
      version: "234fd47e07d1004f0aed9c",
    },
  ],
  [
    "pkg:maven/org.apache.commons/io@1.3.4",
    { type: "maven", namespace: "org.apache.commons", name: "io", version: "1.3.4" },
  ],
  [
    "pkg:npm/%40angular/animation@12.3.1",
    { type: "npm", namespace: "@angular", name: "animation", version: "12.3.1" },
  ],
  ["pkg:npm/lodash@4.17.21", { type: "npm", name: "LoDash", version: "4.17.21" }],
  ["pkg:npm/foo@1.2.3-%F0%9F%98%83", { type: "npm", name: "foo", version: "1.2.3-😃" }],
  [
    "pkg:oci/debian@sha256:244fd47e07d10?arch=amd64&repository_url=docker.io%2Flibrary%2Fdebian&tag=latest",
    {
      type: "oci",
      name: "debian",
      version: "sha256:244fd47e07d10",
      qualifiers: { arch: "amd64", repository_url: "docker.io/library/debian", tag: "latest" },
    },
  ],
];

describe("a package-url", () => {
  it.each(EXAMPLES)("is %s", (purl, parts) => {
    expect(packageUrl(parts)).toBe(purl);
  });

  it("keeps names as they are where case matters, and leaves out what is empty", () => {
    expect(
      packageUrl({ type: "maven", namespace: "Com.Acme", name: "Thing", qualifiers: { a: "" } }),
    ).toBe("pkg:maven/Com.Acme/Thing");
  });

  it("is one word of ASCII whose parts can be told apart, whatever goes in", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "binary", minLength: 1 }),
        fc.string({ unit: "binary" }),
        (name, version) => {
          const purl = packageUrl({ type: "maven", namespace: "g", name, version });
          expect(purl).toMatch(/^pkg:maven\/g\/[\w.~:%-]*(@[\w.~:%-]+)?$/);
          const [, encoded = ""] = /^pkg:maven\/g\/([^@]*)/.exec(purl) ?? [];
          expect(decodeURIComponent(encoded)).toBe(Buffer.from(name).toString());
        },
      ),
    );
  });
});
