import { utimes } from "node:fs/promises";
import { HEARTBEAT_MS } from "../core/owner.js";

/** Keeps the modification time of files that this process holds fresh, so that others see it lives. */
export class Heartbeat {
  readonly #paths = new Set<string>();
  #timer: NodeJS.Timeout | undefined;

  add(path: string): void {
    this.#paths.add(path);
    this.#timer ??= setInterval(() => void this.#beat(), HEARTBEAT_MS).unref();
  }

  delete(path: string): void {
    this.#paths.delete(path);
    if (this.#paths.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  async #beat(): Promise<void> {
    const now = new Date();
    // A file that vanished was released meanwhile, or taken over: its holder finds out by itself.
    await Promise.allSettled([...this.#paths].map((path) => utimes(path, now, now)));
  }
}
