import { interrupted } from "../core/errors.js";

/** What a request is for: a blob may take long, the rest is small and must not wait behind blobs. */
export type Lane = "blob" | "small";

/** Bounds how many requests of each lane go to one host at the same time. First come, first served. */
export class Slots {
  readonly #limits: Readonly<Record<Lane, number>>;
  readonly #lanes = new Map<string, { busy: number; readonly queue: (() => void)[] }>();

  constructor(limits: Readonly<Record<Lane, number>>) {
    this.#limits = limits;
  }

  /** @throws BundlerError INTERRUPTED when the signal fires while waiting; whatever `work` throws. */
  async run<T>(host: string, lane: Lane, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const key = `${lane} ${host}`;
    const state = this.#lanes.get(key) ?? { busy: 0, queue: [] };
    this.#lanes.set(key, state);
    if (state.busy >= this.#limits[lane]) await turn(state.queue, signal);
    else state.busy += 1;
    try {
      return await work();
    } finally {
      // The slot passes to the next in the queue without becoming free.
      const next = state.queue.shift();
      if (next === undefined) state.busy -= 1;
      else next();
    }
  }
}

function turn(queue: (() => void)[], signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(interrupted());
      return;
    }
    const go = (): void => {
      signal.removeEventListener("abort", stop);
      resolve();
    };
    const stop = (): void => {
      const place = queue.indexOf(go);
      if (place !== -1) queue.splice(place, 1);
      reject(interrupted());
    };
    signal.addEventListener("abort", stop, { once: true });
    queue.push(go);
  });
}
