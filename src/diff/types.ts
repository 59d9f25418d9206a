import type { Digest } from "../core/digest.js";
import type { Method } from "../plan/types.js";

/** What was compared: an archive, or a lock's plan for one platform. */
export interface DiffSide {
  readonly path: string;
  readonly kind: "archive" | "lock";
  readonly name: string;
  readonly version: string;
  readonly platform: string;
  /** RFC 3339. */
  readonly date: string;
  readonly definition: Digest;
  /** Bytes of the archive. */
  readonly size?: number;
}

/** One value that differs. `old` is absent where it was added, `new` where it was removed. */
export interface Change {
  /** Where it is, with dots: `services.redis.environment.TZ`; a part with a dot in it is quoted. */
  readonly key: string;
  readonly kind: "added" | "removed" | "changed";
  /** As text; lists and mappings as JSON; `***` in a secret's place. */
  readonly old?: string;
  readonly new?: string;
}

/** Blobs, and bytes as they travel. */
export interface Share {
  readonly count: number;
  readonly bytes: number;
}

/** Blobs of the new side that the old one has, those that it lacks, and the old one's that are gone. */
export interface Shares {
  readonly reused: Share;
  readonly added: Share;
  readonly removed: Share;
}

/** A component as one side has it. */
export interface ComponentFacts {
  readonly name: string;
  readonly required: boolean;
  readonly method: Method;
  readonly reference?: string;
  /** The version that the tag tells, as semver. */
  readonly version?: string;
  /** Absent for an image that a lock has yet to build. */
  readonly manifest?: Digest;
  /** Of its distinct layers. */
  readonly layers: Share;
}

export interface ComponentChange {
  readonly name: string;
  readonly old: ComponentFacts;
  readonly new: ComponentFacts;
  /** How far the versions are apart, when both tags of one repository tell one. */
  readonly step?: "major" | "minor" | "patch" | "prerelease" | "none";
  /** Whether the new version is the higher one. */
  readonly direction?: "up" | "down";
  readonly changes: readonly Change[];
  /** Layers alone, against all layers of the other side. */
  readonly layers: Shares;
}

/** A file of an archive, images aside. */
export interface FileFacts {
  /** In bytes. */
  readonly size: number;
  readonly executable: boolean;
  /** As SHA256SUMS has it; absent where it does not. */
  readonly sha256?: string;
}

export interface FileChange {
  readonly path: string;
  readonly kind: "added" | "removed" | "changed";
  readonly old?: FileFacts;
  readonly new?: FileFacts;
  /** The lines that differ, in the unified format, when asked for and the file is a small text. */
  readonly text?: string;
}

/** Packages that differ. `old` and `new` are versions, more than one where it is there more than once. */
export interface PackageChange {
  readonly type: string;
  readonly name: string;
  readonly kind: "added" | "removed" | "changed";
  readonly old: readonly string[];
  readonly new: readonly string[];
}

export interface PackagesDiff {
  readonly component: string;
  readonly changes: readonly PackageChange[];
  readonly same: number;
}

/** A file of an image's final file system. */
export interface ImageFileFacts {
  readonly type: "file" | "directory" | "symlink" | "link" | "whiteout" | "other";
  /** In bytes. */
  readonly size: number;
  /** In octal, `0755`. */
  readonly mode: string;
  readonly linkpath?: string;
}

export interface ImageFileChange {
  readonly path: string;
  readonly kind: "added" | "removed" | "changed";
  readonly old?: ImageFileFacts;
  readonly new?: ImageFileFacts;
}

export interface ImageFilesDiff {
  readonly component: string;
  readonly changes: readonly ImageFileChange[];
  readonly same: number;
}

/** What `diff OLD NEW` says. Lists are sorted; every list is empty where nothing differs. */
export interface BundleDiff {
  readonly old: DiffSide;
  readonly new: DiffSide;
  readonly different: boolean;
  /** Name, version, platform, date, tool, definition, engine carried, and what the host must have. */
  readonly about: readonly Change[];
  readonly components: {
    readonly added: readonly ComponentFacts[];
    readonly removed: readonly ComponentFacts[];
    readonly changed: readonly ComponentChange[];
    readonly same: readonly string[];
  };
  /** Reasons of components that are left out, by name. */
  readonly leftOut: readonly Change[];
  /** All distinct blobs: `added` is what an upgrade has to move. */
  readonly blobs: Shares;
  /** Absent unless both are archives; so the next two. */
  readonly settings?: readonly Change[];
  readonly compose?: {
    readonly servicesAdded: readonly string[];
    readonly servicesRemoved: readonly string[];
    /** Of everything else in the file; an image's name is told with its component. */
    readonly changes: readonly Change[];
  };
  readonly files?: readonly FileChange[];
  /** Of components that both have and that differ, when asked for; so the next one. */
  readonly packages?: readonly PackagesDiff[];
  readonly imageFiles?: readonly ImageFilesDiff[];
  /** What could not be compared, and why. */
  readonly notes: readonly string[];
}
