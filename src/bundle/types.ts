import type { Digest } from "../core/digest.js";
import type {
  Allowance,
  Localized,
  Port,
  Requirement,
  Setting,
  SmokeTest,
  UpgradeLimit,
  ExtraName,
} from "../definition/types.js";
import type { LockedBuild } from "../plan/build-types.js";
import type { LockedImage, Method } from "../plan/types.js";

/** `bundle.json`, the first file of an archive: what is inside and where it came from. */
export interface BundleManifest {
  /**
   * 2 since images may share a tarball, whose sums are in site/blobs.tsv. 1: a tarball for each component,
   * whose sum is in SHA256SUMS.
   */
  readonly bundleVersion: 1 | 2;
  readonly name: string;
  readonly version: string;
  readonly title: Localized;
  /** `linux/arm64`. */
  readonly platform: string;
  /** RFC 3339 UTC; the time of every entry of the archive. */
  readonly date: string;
  readonly tool: { readonly name: string; readonly version: string };
  readonly definition: Digest;
  /** What holds for the platform, of the host as a whole. */
  readonly requires?: readonly BundleRequirement[];
  readonly components: readonly BundleComponent[];
  /** The engine that the bundle carries for a site without one. */
  readonly extras?: readonly BundleExtra[];
  readonly leftOut: readonly {
    readonly name: string;
    readonly required: boolean;
    readonly reason: string;
    /** The same for the Chinese page; absent in archives of earlier versions. */
    readonly reasonZh?: string;
  }[];
  readonly settings: readonly Omit<Setting, "at">[];
  readonly sizes: {
    /** Bytes of the whole archive. */
    readonly archive: number;
    /** Bytes of all image tarballs. */
    readonly images: number;
    /** Bytes of all distinct blobs; little less than `images`, in archives of version 1 much less. */
    readonly distinctBlobs: number;
    /**
     * Bytes of all distinct layers unpacked, as {@link BundleComponent.unpacked}. Absent in archives
     * of earlier versions.
     */
    readonly unpacked?: number;
  };
}

/** A requirement that holds for the bundle's platform. */
type BundleRequirement = Omit<Requirement, "platforms">;

/** A part of the engine in the archive; size in bytes. */
interface BundleExtra {
  readonly name: ExtraName;
  readonly version: string;
  /** `extras/docker.tgz`, `extras/docker-compose`. */
  readonly path: string;
  readonly size: number;
  /** In hexadecimal digits. */
  readonly sha256: string;
}

/** The same before it is packed, with the file that it is taken from. */
export interface PackedExtra extends BundleExtra {
  readonly file: string;
}

export interface BundleComponent {
  readonly name: string;
  readonly required: boolean;
  readonly title: Localized;
  readonly method: Method;
  readonly reason: string;
  /** Why an alternative was taken, for the Chinese page; absent in archives of earlier versions. */
  readonly reasonZh?: string;
  readonly ports: readonly Port[];
  readonly image: LockedImage;
  /** What the image was built from, when it was. */
  readonly build?: LockedBuild;
  /**
   * The image tarball inside the archive, `images/redis.tar`, and its size in bytes; one that other
   * components' images are in, too, is `images/redis+3.tar`.
   */
  readonly tarball: { readonly path: string; readonly size: number };
  /**
   * Bytes of the image's distinct layers unpacked, as their compressed forms tell: an estimate for
   * layers that do not. Absent in archives of earlier versions.
   */
  readonly unpacked?: number;
  /** Those of the alternative that was taken, where it has its own; so the next two. */
  readonly requires?: readonly BundleRequirement[];
  readonly smoke?: readonly SmokeTest[];
  readonly upgrade?: UpgradeLimit;
  /**
   * For which platforms the component table claims its own image. Absent in archives of earlier
   * versions, as the next one.
   */
  readonly platforms?: readonly string[];
  /** What verify would mind, and why it is right. */
  readonly allow?: readonly Allowance[];
}
