import type { Capture } from "./types.js";

/** Contents of files of one layer that were asked for, as they stream by. */
export class CapturedFiles {
  readonly #plan: Capture;
  readonly #files = new Map<string, Buffer>();
  readonly #truncated = new Set<string>();
  #total = 0;

  constructor(plan: Capture) {
    this.#plan = plan;
  }

  /** A buffer for a file's content, when it is wanted; `done` is called once that is complete. */
  begin(path: string, size: number): Buffer | undefined {
    // Of two entries with one path, an engine keeps the last.
    const { paths, maxFileBytes, maxTotalBytes } = this.#plan;
    if (!paths.some((pattern) => pattern.test(path))) return undefined;
    this.#total -= this.#files.get(path)?.length ?? 0;
    this.#files.delete(path);
    this.#truncated.delete(path);
    if (size > maxFileBytes || this.#total + size > maxTotalBytes) {
      this.#truncated.add(path);
      return undefined;
    }
    this.#total += size;
    const content = Buffer.alloc(size);
    this.#files.set(path, content);
    return content;
  }

  get files(): ReadonlyMap<string, Buffer> {
    return this.#files;
  }

  get truncated(): readonly string[] {
    return [...this.#truncated];
  }
}

/** What one layer's worth of captured files becomes when all layers share one cap. */
export interface LayerCapture {
  files: Map<string, Buffer>;
  truncated: string[];
}

/**
 * Holds the captured files of layers, which come in any order, under one cap: what is kept is what
 * would be if they came in the order of their places, and at no time is there much more in memory.
 */
export class CaptureBudget {
  readonly #max: number;
  readonly #layers = new Map<number, LayerCapture>();
  #total = 0;
  /** The first place whose files do not all fit; none after it keeps any. */
  #full = Number.POSITIVE_INFINITY;

  constructor(maxTotalBytes: number) {
    this.#max = maxTotalBytes;
  }

  add(
    place: number,
    files: ReadonlyMap<string, Buffer>,
    truncated: readonly string[],
  ): LayerCapture {
    const layer: LayerCapture = { files: new Map(files), truncated: [...truncated] };
    this.#layers.set(place, layer);
    this.#total += bytesIn(files);
    if (place >= this.#full) this.#drop(place, layer);
    while (this.#total > this.#max) {
      const last = Math.max(
        ...[...this.#layers].filter(([, one]) => one.files.size > 0).map(([at]) => at),
      );
      const dropped = this.#layers.get(last);
      if (dropped === undefined) break;
      this.#full = Math.min(this.#full, last);
      this.#drop(last, dropped);
    }
    return layer;
  }

  #drop(place: number, layer: LayerCapture): void {
    this.#total -= bytesIn(layer.files);
    layer.truncated.push(...layer.files.keys());
    layer.files.clear();
    this.#layers.delete(place);
  }
}

function bytesIn(files: ReadonlyMap<string, Buffer>): number {
  return [...files.values()].reduce((sum, { length }) => sum + length, 0);
}
