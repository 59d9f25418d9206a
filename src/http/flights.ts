import { interrupted } from "../core/errors.js";

const LEFT = Symbol("left");

interface Flight<T> {
  readonly work: Promise<T>;
  readonly controller: AbortController;
  passengers: number;
}

/**
 * Work that several callers want at the same time is done once. A caller who gives up leaves; the
 * work is aborted when the last one has left, who waits until it has cleaned up behind it.
 */
export class Flights<T> {
  readonly #flights = new Map<string, Flight<T>>();

  async join(
    key: string,
    signal: AbortSignal,
    start: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    if (signal.aborted) throw interrupted();
    const flight = this.#flights.get(key) ?? this.#start(key, start);
    flight.passengers += 1;
    let leave = (): void => undefined;
    const left = new Promise<typeof LEFT>((resolve) => (leave = () => resolve(LEFT)));
    signal.addEventListener("abort", leave, { once: true });
    try {
      const result = await Promise.race([flight.work, left]);
      if (result !== LEFT) return result;
      if (flight.passengers > 1) throw interrupted();
      this.#forget(key, flight);
      flight.controller.abort();
      return await flight.work;
    } finally {
      flight.passengers -= 1;
      signal.removeEventListener("abort", leave);
    }
  }

  #start(key: string, start: (signal: AbortSignal) => Promise<T>): Flight<T> {
    const controller = new AbortController();
    const flight = { work: start(controller.signal), controller, passengers: 0 };
    this.#flights.set(key, flight);
    const landed = (): void => this.#forget(key, flight);
    flight.work.then(landed, landed);
    return flight;
  }

  #forget(key: string, flight: Flight<T>): void {
    if (this.#flights.get(key) === flight) this.#flights.delete(key);
  }
}

/** Waits for work that goes on without us, until the signal fires. @throws BundlerError INTERRUPTED. */
export async function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) throw interrupted();
  let leave = (): void => undefined;
  const left = new Promise<never>((_, reject) => (leave = () => reject(interrupted())));
  signal.addEventListener("abort", leave, { once: true });
  try {
    return await Promise.race([work, left]);
  } finally {
    signal.removeEventListener("abort", leave);
  }
}
