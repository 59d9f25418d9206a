import type { EventSink } from "../core/events.js";

export interface RehearseOptions {
  /** On a private engine without any network, instead of the engine at hand. */
  readonly throwAway: boolean;
  /** Images that were loaded stay in the engine. */
  readonly keep: boolean;
  /** Seconds until all services have to be ready; three times as many under QEMU. */
  readonly timeout: number;
  /** Values for the bundle's settings. */
  readonly settings: ReadonlyMap<string, string>;
  /** For docker, and in its place OPENIM_BUNDLER_DOCKER. */
  readonly env: NodeJS.ProcessEnv;
  /** Where the rehearsal's folder is made; it takes a copy of the archive. */
  readonly tmpDir: string;
  readonly signal: AbortSignal;
  readonly onEvent: EventSink;
  /** Milliseconds between two looks at the services. */
  readonly interval?: number;
}
