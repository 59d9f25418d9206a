/** What a rehearsal found, as `--json` prints it. Times are in seconds. */
export interface Rehearsal {
  /** The archive, as it was given. */
  readonly archive: string;
  readonly bundle: { readonly name: string; readonly version: string; readonly platform: string };
  /** Where the bundle's installer ran. `engine`: isolated in the engine at hand. `throw-away`: on one of its own. */
  readonly way: "engine" | "throw-away";
  readonly engine: EngineFacts;
  /** The bundle's programs ran under QEMU. */
  readonly emulated: boolean;
  /** The compose project that the containers belonged to. */
  readonly project: string;
  /** In the order of the bundle. */
  readonly components: readonly RehearsedComponent[];
  /** What was changed in the compose file to keep the services from the host and its network. */
  readonly changes: readonly string[];
  /** What the installer was told. */
  readonly steps: readonly InstallerStep[];
  /** What the engine says of the images, in the installer's receipt. */
  readonly receipt: readonly ReceiptLine[];
  /** `nothing`: every component had to be skipped. */
  readonly verdict: "up" | "not-up" | "nothing";
  /** Why it is not `up`, most telling first. */
  readonly reasons: readonly string[];
  /** The last lines of services that did not become ready, secrets blanked out. */
  readonly logs: readonly { readonly component: string; readonly lines: readonly string[] }[];
  readonly takenAway: TakenAway;
  readonly seconds: number;
}

interface EngineFacts {
  readonly version: string;
  /** `linux/amd64`. */
  readonly platform: string;
  /** Version of the compose tool. */
  readonly compose: string;
}

export interface RehearsedComponent {
  readonly name: string;
  readonly required: boolean;
  /** Why its service was not started. */
  readonly skipped?: string;
  /** Undefined where it never came to that. */
  readonly loaded?: LoadedImage;
  readonly health?: ReachedHealth;
  readonly smoke: readonly SmokeOutcome[];
}

interface LoadedImage {
  readonly reference: string;
  /** It is there, and is the bundle's. */
  readonly ok: boolean;
  /** As the engine calls it: the digest of its config, or of its manifest. */
  readonly id?: string;
  /** As the engine says. */
  readonly platform?: string;
  /** Bytes, as the engine says. */
  readonly size?: number;
  /** The engine had it before. */
  readonly before: boolean;
}

export interface ReachedHealth {
  readonly ready: boolean;
  /** In the engine's words: `healthy`, `running`, `exited (1)`. */
  readonly state: string;
  /** From the start of all services until this one was ready. */
  readonly seconds?: number;
  readonly restarts: number;
  /** What its last health check said, where it was not ready. */
  readonly probe?: string;
}

export interface SmokeOutcome {
  readonly kind: "run" | "http";
  /** The command, or the address as the definition has it. */
  readonly test: string;
  readonly outcome: "passed" | "failed" | "skipped";
  readonly seconds: number;
  /** Why it failed or was skipped, with the end of what was answered. */
  readonly said?: string;
}

export interface InstallerStep {
  /** `check`, `load`, `up`, `verify`, and `uninstall` where the engine is its own. */
  readonly command: string;
  readonly code: number;
  readonly seconds: number;
}

export interface ReceiptLine {
  readonly component: string;
  readonly reference: string;
  readonly ok: boolean;
  readonly expected: {
    readonly manifest: string;
    readonly config: string;
    readonly platform: string;
  };
  /** Undefined where the engine has no such image. */
  readonly found?: { readonly id: string; readonly platform: string; readonly size: number };
}

export interface TakenAway {
  readonly containers: number;
  readonly networks: number;
  readonly volumes: number;
  readonly images: number;
  /** Folders, and the private daemon's namespaces. */
  readonly folders: number;
  /** Left on purpose: `--keep`. */
  readonly kept: readonly string[];
  /** What could not be taken away. */
  readonly left: readonly Leftover[];
}

export interface Leftover {
  readonly kind: "container" | "network" | "volume" | "image" | "folder" | "process" | "cgroup";
  readonly name: string;
  readonly why: string;
  /** The command that takes it away. */
  readonly mend: string;
}
