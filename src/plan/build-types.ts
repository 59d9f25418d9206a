import type { Checksum } from "../core/checksum.js";
import type { Digest } from "../core/digest.js";

/** In the order in which they are tried. */
export const STRATEGIES = ["cross", "native", "emulate"] as const satisfies readonly Strategy[];

/** How the steps of an image build for another architecture are run. */
export type Strategy =
  /** The stages of the target platform run nothing; everything else runs on the build platform. */
  | "cross"
  /** A builder node of the target's architecture runs them. */
  | "native"
  /** QEMU runs them, through binfmt_misc. */
  | "emulate";

/** A source pinned by its content. */
export interface LockedSource {
  readonly name: string;
  /** Of the file as it is downloaded or given. */
  readonly checksum: Checksum;
}

/** A base image pinned by its digest, whichever platforms a build takes of it. */
export interface LockedBase {
  /** Fully qualified, with a tag: `docker.io/library/golang:1.20.14-alpine3.19`. */
  readonly reference: string;
  /** Of the index, or of the manifest where there is no index. */
  readonly digest: Digest;
}

/**
 * Everything that goes into an image build. Two builds that agree in all of it but the strategy give
 * the same image as far as the builder allows, so all of it but the strategy is the cache's key.
 */
export interface LockedBuild {
  /** Fully qualified name and tag that the image gets in the bundle. */
  readonly reference: string;
  /** `linux/arm64`. */
  readonly platform: string;
  readonly strategy: Strategy;
  /** Over paths, modes and content of the recipe's or context folder's files. */
  readonly context: Digest;
  /** Path inside the context. */
  readonly dockerfile: string;
  readonly target?: string;
  readonly args: Readonly<Record<string, string>>;
  readonly bases: readonly LockedBase[];
  readonly sources: readonly LockedSource[];
  /** RFC 3339 UTC: the time of everything that the build makes (SOURCE_DATE_EPOCH, or the newest base's). */
  readonly date: string;
}
