import type { Digest } from "../core/digest.js";

/** The package systems whose databases and metadata are read; each is a type of the package-url specification. */
export type PackageType = "deb" | "apk" | "rpm" | "golang" | "maven" | "npm";

/** A package that an image's final file system holds. */
export interface Package {
  readonly type: PackageType;
  /** As its own system writes it: `openssl`, `github.com/gorilla/mux`, `org.slf4j:slf4j-api`, `@babel/core`. */
  readonly name: string;
  /** As its own system writes it, epoch included: `1:2.36-9+deb12u4`, `v1.8.0`. */
  readonly version: string;
  /** By the package-url specification: `pkg:deb/debian/openssl@3.0.11-1?arch=arm64&distro=debian-12`. */
  readonly purl: string;
  /** As found: SPDX expressions or whatever the packager wrote. */
  readonly licenses?: readonly string[];
  /** The source package it was made from, with its version where that differs: `glibc`, `gcc-12 12.2.0-14`. */
  readonly source?: string;
  /** As its own system writes it: `arm64`, `aarch64`, `noarch`. */
  readonly architecture?: string;
  /** The file that says so, in the image, without a slash before it; of a jar within a jar `outer.jar!/inner.jar`. */
  readonly path: string;
  /** The layer that this file comes from. */
  readonly layer: Digest;
}

/** The distribution that an image is made of, by its os-release. */
export interface Distro {
  /** `debian`, `alpine`, `rhel`. */
  readonly id: string;
  /** `12`, `3.19.1`. */
  readonly version?: string;
  /** For people: `Debian GNU/Linux 12 (bookworm)`. */
  readonly name?: string;
}

/** The packages of one component's image, sorted by type, name, version and path. */
export interface ComponentPackages {
  readonly component: string;
  readonly distro?: Distro;
  readonly packages: readonly Package[];
  /** What should have told of packages and could not be read, sorted by path. */
  readonly skipped: readonly { readonly path: string; readonly reason: string }[];
}

/** What `sbom` tells: the packages of an archive's images, and where the documents of them are. */
export interface SbomResult {
  readonly archive: string;
  readonly name: string;
  readonly version: string;
  readonly platform: string;
  readonly components: readonly ComponentPackages[];
  /** The documents that were written. */
  readonly files: readonly string[];
}
