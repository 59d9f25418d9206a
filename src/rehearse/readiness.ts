import { type ContainerFacts, type ServiceState, serviceStates } from "./containers.js";
import type { ReachedHealth } from "./types.js";

/** Watches services become ready, and since when each is. */
export class Readiness {
  states: readonly ServiceState[] = [];
  readonly #expected: readonly string[];
  readonly #begin = performance.now();
  readonly #since = new Map<string, number>();

  constructor(expected: readonly string[]) {
    this.#expected = expected;
  }

  update(containers: readonly ContainerFacts[]): void {
    this.states = serviceStates(this.#expected, containers);
    for (const { name, rank } of this.states) {
      if (rank !== "ready") this.#since.delete(name);
      else if (!this.#since.has(name)) {
        this.#since.set(name, (performance.now() - this.#begin) / 1000);
      }
    }
  }

  /** @param blank for what health checks print: it may be what they were given. */
  health(blank: (text: string) => string): ReadonlyMap<string, ReachedHealth> {
    return new Map(this.states.map((state) => [state.name, this.#healthOf(state, blank)]));
  }

  #healthOf(
    { name, rank, word, container }: ServiceState,
    blank: (text: string) => string,
  ): ReachedHealth {
    const seconds = this.#since.get(name);
    const { probe } = container ?? {};
    return {
      ready: rank === "ready",
      state: word,
      ...(seconds === undefined ? {} : { seconds: Math.round(seconds * 10) / 10 }),
      restarts: container?.restarts ?? 0,
      ...(rank === "ready" || probe === undefined ? {} : { probe: blank(probe) }),
    };
  }
}
