/** One thing that a rule has to say about an archive. */
export interface Finding {
  /** Stable: `sums/mismatch`. */
  readonly rule: string;
  /** Only errors make an archive fail. */
  readonly severity: "error" | "warning" | "note";
  readonly component?: string;
  /** The file, blob, service or field it is about. */
  readonly subject: string;
  readonly message: string;
  readonly expected?: string;
  readonly found?: string;
}

export interface VerifyReport {
  /** The archive's path as given. */
  readonly archive: string;
  /** As bundle.json says; absent when that cannot be read. */
  readonly platform?: string;
  /** True when no finding is an error. */
  readonly ok: boolean;
  readonly findings: readonly Finding[];
  readonly checked: {
    /** Files whose sha256 was computed. */
    readonly files: number;
    readonly blobs: number;
    readonly images: number;
    /** Of the archive. */
    readonly bytes: number;
  };
}
