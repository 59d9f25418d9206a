export type Level =
  /** As it should be. */
  | "pass"
  /** Worth knowing; nothing of what was asked for suffers. */
  | "note"
  /** Something will go worse, or a part that can be done without will not work. */
  | "warn"
  /** What the bundle needs on this platform cannot be done here. */
  | "fail";

/** What one check found. */
export interface Finding {
  /** Group and name, stable: `docker.client`, `emulation.linux/arm64`, `registry.docker.io`. */
  readonly id: string;
  readonly level: Level;
  readonly title: string;
  readonly found: string;
  readonly expected?: string;
  /** The exact command that mends it, or a sentence that says what to do. */
  readonly mend?: string;
  /** `--fix` can do it. */
  readonly fixable?: boolean;
}

/** An image build that the definition declares for a platform that was asked for. */
export interface DeclaredBuild {
  readonly component: string;
  /** `linux/arm64`. */
  readonly platform: string;
  /** A required component that, by the table, no registry has for the platform. */
  readonly needed: boolean;
  /** Steps that run on the target's platform; absent where the Dockerfile lies in a source. */
  readonly targetRuns?: number;
  /** Some of them run Java, which hangs under emulation. */
  readonly java: boolean;
}

/** A registry that images or base images come from. */
export interface NeededRegistry {
  /** `docker.io`. */
  readonly name: string;
  readonly repositories: readonly string[];
  /** Components, and base images of builds, that come from it. */
  readonly users: readonly string[];
  /** Whether a required component has no other place to come from. */
  readonly needed: boolean;
}

export interface NeededSource {
  readonly name: string;
  readonly urls: readonly string[];
  readonly users: readonly string[];
  readonly optional: boolean;
}

/** What a definition will ask of this machine and its network, by its table alone. */
export interface Needs {
  /** `linux/arm64`, … */
  readonly platforms: readonly string[];
  readonly builds: readonly DeclaredBuild[];
  readonly registries: readonly NeededRegistry[];
  readonly sources: readonly NeededSource[];
}

/** The result of `doctor`, and its `--json`. */
export interface DoctorReport {
  readonly findings: readonly Finding[];
  /** No finding is a `fail`. */
  readonly ok: boolean;
  /** Every registry that is needed answers, and what comes can be stored. */
  readonly canPull: boolean;
  /** Platform → whether every build that the definition declares for it can run here. */
  readonly canBuild: Readonly<Record<string, boolean>>;
  /** What works and what does not, in plain sentences. */
  readonly verdict: string;
}
