import type { Checksum } from "../core/checksum.js";
import type { DiffId, Digest } from "../core/digest.js";
import type { BundlerError } from "../core/errors.js";
import type { ExtraName } from "../definition/types.js";
import type { Descriptor } from "../image/descriptor.js";
import type { LockedBuild } from "./build-types.js";

/** How a component gets its image. */
export type Method =
  /** The table's own image. */
  | "image"
  /** A declared alternative. */
  | "alternative"
  /** An image archive given by hand or shipped with the definition. */
  | "provided"
  /** Made from a recipe. */
  | "build"
  /** Not in the bundle, by declared choice or by --only/--without. */
  | "left-out"
  /** Nothing fits the platform. */
  | "none";

/** An image as it will lie in the bundle, known down to the last byte's size. */
export interface LockedImage {
  /** Fully qualified name and tag under which an engine will know it: `docker.io/library/redis:7.0.15`. */
  readonly reference: string;
  /** Absent for an image that is not inside an index. */
  readonly index?: Descriptor;
  readonly manifest: Descriptor;
  readonly config: Descriptor;
  /** Base first. */
  readonly layers: readonly (Descriptor & { readonly diffId: DiffId })[];
  /** `linux/arm64`, as the config proves it. */
  readonly platform: string;
  /** RFC 3339; absent where the image does not say. */
  readonly created?: string;
}

export interface LockedComponent {
  readonly name: string;
  readonly required: boolean;
  readonly method: Method;
  /** A sentence for people: why this way, and what the registry really offers when a claim was wrong. */
  readonly reason: string;
  /** Present for image, alternative, provided; for build once it is built. */
  readonly image?: LockedImage;
  /** Present for build. */
  readonly build?: LockedBuild;
  /** Which entry of the component's `alternatives` (from 0). */
  readonly alternative?: number;
}

export interface PlatformLock {
  readonly platform: string;
  /** In the order of the component table. */
  readonly components: readonly LockedComponent[];
  /** The engine that goes into the bundle, where it was asked for. */
  readonly extras?: readonly LockedExtra[];
}

/** A part of the engine, pinned by its content for the platform. */
export interface LockedExtra {
  readonly name: ExtraName;
  readonly version: string;
  /** Of the file as it is downloaded or given. */
  readonly checksum: Checksum;
}

/** The plan, pinned. Written by `plan --lock`, obeyed by `create --locked`. */
export interface Lock {
  readonly lockVersion: 1;
  readonly bundle: { readonly name: string; readonly version: string; readonly definition: Digest };
  /** RFC 3339 UTC: SOURCE_DATE_EPOCH, or the newest image's creation time. Every time in the archive. */
  readonly date: string;
  readonly platforms: readonly PlatformLock[];
}

/** How the build of a component for a platform was planned. */
export type PlannedBuild =
  | {
      readonly kind: "planned";
      readonly build: LockedBuild;
      /** An earlier run's result, when the store still has all of it. */
      readonly image?: LockedImage;
      /** The strategy and why, for the plan. */
      readonly reason: string;
    }
  | {
      readonly kind: "obstacle";
      readonly error: BundlerError;
      /** Known even where nothing here can build it. */
      readonly build?: LockedBuild;
    };
