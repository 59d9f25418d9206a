import { setTimeout as sleep } from "node:timers/promises";
import { interrupted } from "../core/errors.js";
import { type ContainerFacts, type ServiceState, serviceStates } from "./containers.js";
import type { ReachedHealth } from "./types.js";

/** How the command that starts everything ended; it may end long before or after all are ready. */
export interface StartEnd {
  readonly ok: boolean;
  /** Its last words. */
  readonly said: string;
}

export interface ComeUpOptions {
  readonly start: (signal: AbortSignal) => Promise<StartEnd>;
  readonly look: (signal: AbortSignal) => Promise<readonly ContainerFacts[]>;
  readonly expected: readonly string[];
  /** Milliseconds that all of it may take. */
  readonly limit: number;
  /** Milliseconds between two looks. */
  readonly interval: number;
  readonly signal: AbortSignal;
  /** Told when something has changed. */
  readonly onChange: (states: readonly ServiceState[]) => void;
}

export interface CameUp {
  readonly health: ReadonlyMap<string, ReachedHealth>;
  readonly states: readonly ServiceState[];
  /** Why not all are ready; undefined when they are. */
  readonly failure?: string;
}

/** Watches services become ready, and since when each is. */
export class Readiness {
  states: readonly ServiceState[] = [];
  readonly #expected: readonly string[];
  readonly #begin = performance.now();
  readonly #since = new Map<string, number>();

  constructor(expected: readonly string[]) {
    this.#expected = expected;
  }

  /** Seconds since the start. */
  get seconds(): number {
    return (performance.now() - this.#begin) / 1000;
  }

  /** @returns a text that is another one when anything has changed. */
  update(containers: readonly ContainerFacts[]): string {
    this.states = serviceStates(this.#expected, containers);
    for (const { name, rank } of this.states) {
      if (rank !== "ready") this.#since.delete(name);
      else if (!this.#since.has(name)) this.#since.set(name, this.seconds);
    }
    return this.states
      .map(({ name, word, container }) => `${name} ${word} ${container?.restarts ?? 0}`)
      .join("\n");
  }

  health(): ReadonlyMap<string, ReachedHealth> {
    return new Map(this.states.map((state) => [state.name, healthOf(state, this.#since)]));
  }
}

/**
 * Starts services and waits until each is healthy, or running where it has no health check, at two
 * looks in a row: one that keeps falling over looks well in between.
 * @throws BundlerError INTERRUPTED; whatever start and look throw.
 */
export async function comeUp(options: ComeUpOptions): Promise<CameUp> {
  const { start, look, expected, limit, interval, signal, onChange } = options;
  const readiness = new Readiness(expected);
  const stopped = new AbortController();
  let end: StartEnd | undefined;
  let broken: { readonly error: unknown } | undefined;
  const starting = start(AbortSignal.any([signal, stopped.signal])).then(
    (ended) => (end = ended),
    (error: unknown) => (broken = { error }),
  );
  const outcome = (failure?: string): CameUp => ({
    health: readiness.health(),
    states: readiness.states,
    ...(failure === undefined ? {} : { failure }),
  });
  const named = (states: readonly ServiceState[]): string =>
    states.map(({ name, word }) => `${name} (${word})`).join(", ");
  let before = "";
  try {
    for (;;) {
      // Asked before the look: what that finds is then of a start that has ended.
      const over = end;
      const failure = broken as { readonly error: unknown } | undefined;
      const now = readiness.update(await look(signal));
      if (now !== before) onChange(readiness.states);
      if (failure !== undefined) throw failure.error;
      if (over?.ok === false) return outcome(`compose could not start them: ${over.said}`);
      const failed = readiness.states.filter(({ rank }) => rank === "failed");
      if (failed.length > 0) return outcome(`${named(failed)} will not become ready`);
      const open = readiness.states.filter(({ rank }) => rank === "waiting");
      if (over !== undefined && open.length === 0 && now === before) return outcome();
      if (readiness.seconds * 1000 > limit) {
        return outcome(
          `after ${Math.round(readiness.seconds)} s, not ready: ${named(open) || "compose has not ended"}`,
        );
      }
      before = now;
      await sleep(interval, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) throw interrupted();
    }
  } finally {
    stopped.abort();
    await starting;
  }
}

function healthOf(state: ServiceState, readySince: ReadonlyMap<string, number>): ReachedHealth {
  const { name, rank, word, container } = state;
  const seconds = readySince.get(name);
  const { probe } = container ?? {};
  return {
    ready: rank === "ready",
    state: word,
    ...(seconds === undefined ? {} : { seconds: Math.round(seconds * 10) / 10 }),
    restarts: container?.restarts ?? 0,
    ...(rank === "ready" || probe === undefined ? {} : { probe }),
  };
}
