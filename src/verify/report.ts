import type { Digest } from "../core/digest.js";

/** Only errors make an archive fail. */
export type Severity = "error" | "warning" | "note";

/** One thing that a rule has to say about an archive. */
export interface Finding {
  /** Stable: `sums/mismatch`; a rule of `src/verify/rules.ts`. */
  readonly rule: string;
  readonly severity: Severity;
  readonly component?: string;
  /** The file, blob, service or field it is about. */
  readonly subject: string;
  readonly message: string;
  readonly expected?: string;
  readonly found?: string;
  /** Of the image, whose file it is about. */
  readonly layer?: Digest;
  /** A file's path inside the image, without a slash before it; or a path of the host. */
  readonly path?: string;
  /** What made the layer, as the image's history has it. */
  readonly history?: string;
  /** What to do about it, as a sentence. */
  readonly hint?: string;
  /** It is known and accepted, which makes a note of it. */
  readonly waived?: {
    readonly reason: string;
    /** Who accepted it: the definition's `allow`, or the configuration of `verify`. */
    readonly by: "definition" | "configuration";
    /** What it would be. */
    readonly severity: Severity;
  };
}

/** A finding that is known and accepted. */
export function waived(
  one: Finding,
  reason: string,
  by: NonNullable<Finding["waived"]>["by"],
): Finding {
  return { ...one, severity: "note", waived: { reason, by, severity: one.severity } };
}

export interface VerifyReport {
  /** The archive's path as given. */
  readonly archive: string;
  /** As bundle.json says; absent when that cannot be read. */
  readonly platform?: string;
  /** The components that bundle.json names, in its order; none when it cannot be read. */
  readonly components: readonly string[];
  /** Whether the layers were looked into. */
  readonly deep: boolean;
  /** True when no finding is an error. */
  readonly ok: boolean;
  readonly findings: readonly Finding[];
  /** Waived ones count as waived alone. */
  readonly counts: Readonly<Record<Severity | "waived", number>>;
  /** Rules that the configuration turned off. */
  readonly off: readonly string[];
  readonly checked: {
    /** Files whose sha256 was computed. */
    readonly files: number;
    readonly blobs: number;
    readonly images: number;
    /** Of the archive. */
    readonly bytes: number;
  };
}
