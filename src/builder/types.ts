import type { Digest } from "../core/digest.js";
import type { Platform } from "../core/platform.js";
import type { EventSink } from "../core/events.js";

/** One node of a builder, as `docker buildx inspect` tells it. */
export interface BuilderNode {
  readonly name: string;
  /** `unix:///var/run/docker.sock`, `ssh://user@host`, `tcp://…`, or the name of a docker context. */
  readonly endpoint: string;
  /** `running`, `inactive`, `error`, as buildx says it. */
  readonly status: string;
  readonly error?: string;
  /** BuildKit's version, e.g. `v0.13.2`. */
  readonly buildkit?: string;
  /** Every platform that it builds for, by itself or by emulation. */
  readonly platforms: readonly Platform[];
  /** Those that whoever appended the node said it is for (buildx marks them with `*`). */
  readonly claimed: readonly Platform[];
  /** What its processor runs itself. */
  readonly native?: Platform;
}

export interface Builder {
  readonly name: string;
  /** `docker`, `docker-container`, `remote`, `kubernetes`, `cloud`. */
  readonly driver: string;
  readonly nodes: readonly BuilderNode[];
  /**
   * Why it cannot write an image to a file: the `docker` driver does so only with the containerd
   * image store. Absent when it can.
   */
  readonly cannotExport?: string;
  /**
   * Whether base images can be handed to it as OCI layouts, so that its nodes need no registry:
   * buildx 0.10 and BuildKit 0.11 on every node.
   */
  readonly takesLayouts: boolean;
}

/** What a build step may read and no layer keeps. Exactly one of `env` and `file` (absolute). */
export interface SecretSource {
  readonly id: string;
  readonly env?: string;
  readonly file?: string;
}

/** A base image in an OCI layout (image-spec image-layout.md), under the name that the Dockerfile has for it. */
export interface BaseLayout {
  /** As after FROM: `docker.io/library/golang:1.20.14-alpine3.19`. */
  readonly reference: string;
  /** The layout's folder, absolute. */
  readonly dir: string;
  /** Of the index or manifest inside. */
  readonly digest: Digest;
}

export interface BuildRequest {
  readonly component: string;
  readonly platform: Platform;
  /** A tar archive, the build context; read once. */
  readonly context: AsyncIterable<Uint8Array>;
  /** Path inside the context. */
  readonly dockerfile: string;
  readonly target?: string;
  readonly args: Readonly<Record<string, string>>;
  readonly secrets: readonly SecretSource[];
  /** Base images that come from here and not from a registry (`--build-context NAME=oci-layout://…`). */
  readonly bases?: readonly BaseLayout[];
  /** Seconds since 1970, for SOURCE_DATE_EPOCH. */
  readonly epoch: number;
  /** The image's full name. */
  readonly reference: string;
  /** Where the image archive goes: docker-archive and OCI layout in one. */
  readonly output: string;
  /** BuildKit's log, appended to. */
  readonly logFile: string;
  /** Milliseconds. */
  readonly timeout: number;
}

/** The user's own `docker buildx`, with one builder of it. */
export interface BuildHost {
  /**
   * The builder that builds run on, asked for once.
   * @throws BundlerError BUILDER saying what is missing and the command that mends it.
   */
  builder(signal: AbortSignal): Promise<Builder>;
  /**
   * Builds one image into a file. Steps are told as `item` events with the state `step`.
   * @throws BundlerError BUILD quoting the failing step and naming the log; BUILDER when the builder
   *   cannot be reached; DISK; INTERRUPTED. No output file is left then.
   */
  build(
    request: BuildRequest,
    context: { readonly signal: AbortSignal; readonly onEvent: EventSink },
  ): Promise<void>;
}
