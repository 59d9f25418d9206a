import type { Platform } from "../core/platform.js";
import type { Strategy } from "../plan/build-types.js";

/** What goes into a bundle. */
export interface SelectionOptions {
  readonly platforms: readonly Platform[];
  readonly only?: readonly string[];
  readonly without: readonly string[];
  /** Component → image archive given by hand. */
  readonly archives: ReadonlyMap<string, string>;
  /** Component → the name that its archive has the image under, where that holds several. */
  readonly archiveImages?: ReadonlyMap<string, string>;
  /** Carry the definition's engine for a site that has none. */
  readonly withEngine?: boolean;
  /** What is said about image builds. */
  readonly build?: BuildChoices;
  /** SOURCE_DATE_EPOCH in seconds. */
  readonly sourceDateEpoch?: number;
}

/** What the user says about image builds. */
export interface BuildChoices {
  /** Components to be built although a registry may have their image. */
  readonly always: ReadonlySet<string>;
  /** Component → strategy, instead of the first that is possible. */
  readonly strategies: ReadonlyMap<string, Strategy>;
  /** Components whose Java steps may run under emulation. */
  readonly emulateJava: ReadonlySet<string>;
  /** Source → file given by hand, absolute. */
  readonly sources: ReadonlyMap<string, string>;
  /** Which builder of docker buildx. */
  readonly builder?: string;
}
