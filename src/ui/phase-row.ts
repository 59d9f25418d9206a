import { formatBytes } from "../core/bytes.js";
import type { BundlerEvent, Phase } from "../core/events.js";
import { printable } from "../core/invisible.js";

const TITLES: Readonly<Record<Phase, string>> = {
  plan: "Ask the registries",
  build: "Build",
  fetch: "Fetch",
  pack: "Pack",
  verify: "Verify",
  walk: "Look into layers",
  load: "Load",
  start: "Start",
  remove: "Take away",
  report: "Write the report",
};

/** Where a row's text goes. */
export interface RowView {
  title(text: string): void;
  output(text: string): void;
}

/** One phase on the screen: counts what its events say and writes it out at most every `interval` ms. */
export class PhaseRow {
  readonly title: string;
  readonly #phase: Phase;
  readonly #subject: string;
  readonly #interval: number;
  #view: RowView | undefined;
  #settle: { resolve(): void; reject(error: Error): void } | undefined;
  #closed: "done" | "failed" | undefined;
  #finalTitle: string | undefined;
  #timer: NodeJS.Timeout | undefined;
  #startedAt: number | undefined;
  #bytes = 0;
  #totalBytes: number | undefined;
  #items = 0;
  #totalItems: number | undefined;
  /** Items at work, with what they are doing where they tell. */
  readonly #active = new Map<string, string | undefined>();
  /** The last few seconds as [ms, bytes], for a speed that follows the line. */
  #samples: [number, number][] = [];

  constructor(phase: Phase, subject: string, interval: number) {
    this.#phase = phase;
    this.#subject = subject;
    this.#interval = interval;
    this.title = `${TITLES[phase]} ${printable(subject)}`;
  }

  startsWith(event: BundlerEvent): boolean {
    return (
      event.type === "phase-start" && event.phase === this.#phase && event.subject === this.#subject
    );
  }

  /** Attaches the view; resolves when the phase ends and rejects when it fails. */
  shown(view: RowView): Promise<void> {
    this.#view = view;
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
      this.#finish();
    });
  }

  onEvent(event: BundlerEvent): void {
    if (event.type === "notice" || event.phase !== this.#phase) return;
    if (event.type === "phase-start") {
      if (event.subject !== this.#subject) return;
      this.#startedAt = performance.now();
      this.#totalBytes = event.totalBytes;
      this.#totalItems = event.totalItems;
      this.#timer = setInterval(() => this.#write(), this.#interval);
      this.#timer.unref();
      return;
    }
    // Phases of the same kind come one after another; only the open one counts.
    if (this.#startedAt === undefined || this.#closed !== undefined) return;
    switch (event.type) {
      case "bytes":
        this.#bytes += event.delta;
        break;
      case "item":
        if (event.state === "start" || event.state === "step") {
          this.#active.set(event.name, event.detail);
        } else {
          this.#active.delete(event.name);
          this.#items += 1;
        }
        break;
      case "phase-end": {
        if (event.subject !== this.#subject) return;
        const seconds = (performance.now() - this.#startedAt) / 1000;
        const summary = event.summary === undefined ? "" : `: ${printable(event.summary)}`;
        this.#finalTitle = `${this.title}${summary} (${seconds.toFixed(1)} s)`;
        this.close(event.failed === true);
        break;
      }
    }
  }

  close(failed: boolean): void {
    if (this.#closed !== undefined) return;
    this.#closed = failed ? "failed" : "done";
    clearInterval(this.#timer);
    this.#finish();
  }

  #finish(): void {
    if (this.#closed === undefined || this.#settle === undefined) return;
    if (this.#finalTitle !== undefined) this.#view?.title(this.#finalTitle);
    if (this.#closed === "done") this.#settle.resolve();
    else this.#settle.reject(new Error(this.#failure()));
  }

  /** For a log; a terminal shows the mark alone. */
  #failure(): string {
    if (this.#finalTitle !== undefined) return "see below";
    return this.#startedAt === undefined ? "not started" : "see the error below";
  }

  #write(): void {
    const now = performance.now();
    this.#samples.push([now, this.#bytes]);
    this.#samples = this.#samples.filter(([at]) => now - at < 5000);
    const parts: string[] = [];
    if (this.#totalBytes !== undefined) {
      const percent =
        this.#totalBytes === 0 ? 100 : Math.floor((this.#bytes / this.#totalBytes) * 100);
      parts.push(`${formatBytes(this.#bytes)} of ${formatBytes(this.#totalBytes)} (${percent}%)`);
      const speed = this.#speed(now);
      if (speed > 0) {
        const left = Math.ceil((this.#totalBytes - this.#bytes) / speed);
        parts.push(`${formatBytes(Math.round(speed))}/s`, `${formatDuration(left)} left`);
      }
    } else if (this.#totalItems !== undefined) {
      parts.push(`${this.#items} of ${this.#totalItems}`);
    }
    const names = [...this.#active]
      .slice(0, 4)
      .map(([name, doing]) => printable(doing === undefined ? name : `${name} ${doing}`));
    const more = this.#active.size - names.length;
    const active =
      names.length === 0 ? "" : `: ${names.join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
    const text = parts.join(", ") + active;
    if (text !== "") this.#view?.output(text);
  }

  /** Bytes per second over the last samples, or since the start when there is one only. */
  #speed(now: number): number {
    const [at, bytes] =
      this.#samples.length > 1 ? (this.#samples[0] ?? [now, 0]) : [this.#startedAt ?? now, 0];
    return now - at < 50 ? 0 : ((this.#bytes - bytes) * 1000) / (now - at);
  }
}

/** `75` → `1 min 15 s`. */
export function formatDuration(seconds: number): string {
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}
