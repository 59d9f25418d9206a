import type { Platform } from "../core/platform.js";

export interface DockerfileLine {
  /** From 1. */
  readonly line: number;
  /** The instruction as written, continuation lines joined, for messages. */
  readonly text: string;
}

/** What decides which stages and images a build uses. */
export interface BuildInputs {
  /** The stage to build; the last one when absent. */
  readonly target?: string;
  /** Build arguments. */
  readonly args: Readonly<Record<string, string>>;
  readonly targetPlatform: Platform;
  /** The builder's own; without it, `BUILDPLATFORM` and its like are not set. */
  readonly buildPlatform?: Platform;
  /** Build contexts that are given by name, and stand in for stages and images of that name. */
  readonly contextNames?: ReadonlySet<string>;
}

/** What a Dockerfile's meaning depends on. */
export interface InspectOptions extends BuildInputs {
  readonly buildPlatform: Platform;
}

/** On which machine's behalf a stage is built. */
export type StagePlatform =
  /** `--platform=$BUILDPLATFORM`: the builder's own. */
  | "build"
  /** No `--platform`, or `$TARGETPLATFORM`. */
  | "target"
  /** A platform written out. */
  | Platform;

/** A base image that the build will really use. */
export interface BaseUse extends DockerfileLine {
  /** Arguments expanded, as it would be pulled: `golang:1.20.14-alpine3.19`. */
  readonly image: string;
  readonly platform: StagePlatform;
}

/** Something in a Dockerfile that will, or may, go wrong for a target platform. */
export interface DockerfileHazard extends DockerfileLine {
  readonly kind:
    /** A URL or file name that carries another architecture. */
    | "foreign-architecture"
    /** A step that runs Java on the target's stage. */
    | "java"
    /** A frontend (`# syntax=`) that the builder would pull from the network. */
    | "syntax"
    /** A base image whose tag floats. */
    | "floating"
    /** ADD of a URL, or of a git repository: needs the network and is not pinned. */
    | "remote-add";
  readonly message: string;
  /** The likely right text. */
  readonly instead?: string;
}

/** What a Dockerfile means for one target platform. Only stages that the target stage needs count. */
export interface DockerfileReport {
  readonly bases: readonly BaseUse[];
  /** RUN steps of stages on the target's platform: they need a node of it, or emulation. */
  readonly targetRuns: readonly DockerfileLine[];
  readonly hazards: readonly DockerfileHazard[];
}
