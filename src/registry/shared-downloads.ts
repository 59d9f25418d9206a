import { Flights } from "../http/flights.js";

interface Passenger {
  readonly onBytes: (delta: number) => void;
  /** What the deltas told so far add up to. */
  told: number;
}

interface Shared {
  total: number;
  readonly passengers: Set<Passenger>;
}

/** What the work of a shared download is given. */
export interface DownloadFlight {
  readonly signal: AbortSignal;
  /** Hears how many bytes of the blob are there. */
  readonly onTotal: (bytes: number) => void;
}

/** Downloads that several callers share, each of whom hears of all bytes. */
export class SharedDownloads {
  readonly #flights = new Flights<void>();
  readonly #shared = new Map<string, Shared>();
  readonly #running = new Set<Promise<void>>();

  async join(
    key: string,
    signal: AbortSignal,
    onBytes: (delta: number) => void,
    start: (flight: DownloadFlight) => Promise<void>,
  ): Promise<void> {
    let shared = this.#shared.get(key);
    if (shared === undefined) {
      shared = { total: 0, passengers: new Set() };
      this.#shared.set(key, shared);
    }
    const mine = shared;
    const passenger: Passenger = { onBytes, told: 0 };
    mine.passengers.add(passenger);
    tell(mine);
    const onTotal = (bytes: number): void => {
      mine.total = bytes;
      tell(mine);
    };
    try {
      await this.#flights.join(key, signal, (shared) => {
        const work = start({ signal: shared, onTotal });
        this.#running.add(work);
        const done = (): boolean => this.#running.delete(work);
        work.then(done, done);
        return work;
      });
    } finally {
      mine.passengers.delete(passenger);
      if (mine.passengers.size === 0) this.#shared.delete(key);
    }
  }

  /** Resolves when nothing is under way any more. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#running);
  }
}

function tell({ total, passengers }: Shared): void {
  for (const passenger of passengers) {
    const delta = total - passenger.told;
    passenger.told = total;
    if (delta !== 0) passenger.onBytes(delta);
  }
}
