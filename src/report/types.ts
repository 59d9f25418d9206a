import type { Digest } from "../core/digest.js";
import type { ComponentPackages } from "../sbom/types.js";
import type { VerifyReport } from "../verify/report.js";
import type { Rule } from "../verify/rule.js";

/** All that the page tells, as one plain value: JSON of it and back is the same. Sizes in bytes. */
export interface ReportData {
  readonly archive: ReportArchive;
  readonly verify: VerifyReport;
  /** Every rule that verify has, in the order of its documentation. */
  readonly rules: readonly Rule[];
  /** Whether the archive has SBOMs that could be compared with what is inside. */
  readonly hasSboms: boolean;
  /** In the order of the component table; none when bundle.json cannot be read. */
  readonly components: readonly ReportComponent[];
  readonly leftOut: readonly {
    readonly name: string;
    readonly required: boolean;
    readonly reason: string;
  }[];
  /** Each distinct layer once, in the order in which components come to them. */
  readonly layers: readonly ReportLayer[];
  /** Why there is nothing, or less, to say of what is inside the images, as sentences. */
  readonly troubles: readonly string[];
  readonly packages: readonly ComponentPackages[];
  readonly changes?: ReportChanges;
}

interface ReportArchive {
  /** Its file's name, without folders. */
  readonly file: string;
  readonly size: number;
  /** What bundle.json says of it; absent when that cannot be read. */
  readonly bundle?: {
    readonly name: string;
    readonly version: string;
    readonly title: string;
    readonly platform: string;
    /** RFC 3339. */
    readonly date: string;
    readonly tool: { readonly name: string; readonly version: string };
    readonly definition: Digest;
    /** All distinct layers unpacked. */
    readonly unpacked?: number;
  };
}

export interface ReportComponent {
  readonly name: string;
  readonly title: string;
  readonly required: boolean;
  /** How it got its image: `image`, `alternative`, `build` … */
  readonly method: string;
  readonly reason: string;
  readonly reference: string;
  /** What a pull was pinned to; of an image built here its own digest. */
  readonly manifest: Digest;
  /** The image tarball that it is in, maybe with others. */
  readonly tarball: string;
  /** Of its image's blobs. */
  readonly size: number;
  /** Indexes into {@link ReportData.layers}, base first, as the image lists them. */
  readonly layers: readonly number[];
  /** What its programs are made for; absent when its layers were not read. */
  readonly evidence?: Evidence;
}

export interface ReportLayer {
  readonly digest: Digest;
  /** As it lies in the archive. */
  readonly size: number;
  readonly unpacked?: number;
  /** Names of the components that have it. */
  readonly components: readonly string[];
  /** What made it, as the image's history has it. */
  readonly history?: string;
}

/** What an image's own bytes say of the machine that it is for. */
export interface Evidence {
  /** `linux/arm64`, as the config claims. */
  readonly claimed: string;
  readonly start: Start;
  /** Programs and libraries of the final file system by machine, most of them first. */
  readonly machines: readonly {
    readonly machine: string;
    readonly count: number;
    /** Whether the bundle's platform runs them. */
    readonly fits: boolean;
  }[];
  /** Files that begin with `#!`. */
  readonly scripts: number;
  /** Foreign programs in lower layers that a later one deletes or replaces. */
  readonly hidden: number;
  /** The newest version of glibc that one of its programs needs. */
  readonly glibc?: string;
}

/** How a container of the image starts. */
export interface Start {
  readonly command: readonly string[];
  /** From the command to the program that the kernel loads. */
  readonly steps: readonly { readonly what: string; readonly path: string; readonly is?: string }[];
  readonly program?: {
    readonly path: string;
    /** `aarch64`, `macOS arm64`, `script`. */
    readonly machine: string;
    readonly fits: boolean;
    readonly layer?: Digest;
    readonly history?: string;
  };
  readonly trouble?: string;
}

/** What is not as it was in an older archive. */
export interface ReportChanges {
  /** The older archive's file name and what it says it is. */
  readonly against: string;
  /** Sentences before the tables: what stays, what could not be compared. */
  readonly remarks: readonly string[];
  readonly groups: readonly ChangeGroup[];
}

/** Changes of one kind, for one table. */
export interface ChangeGroup {
  /** `Components`, `Packages of redis`. */
  readonly title: string;
  readonly rows: readonly Change[];
}

export interface Change {
  readonly kind: "added" | "removed" | "changed";
  readonly what: string;
  readonly before?: string;
  readonly after?: string;
  /** A remark: bytes reused, that it is a downgrade. */
  readonly note?: string;
}
