import type { Run } from "./sparse.js";

/** Takes a file's bytes as they go by. */
export interface ContentSink {
  /** The chunk is valid only during the call. */
  write(chunk: Buffer): void;
  /** The file is complete; not called when the archive ends before. */
  end(): void;
}

const ZEROS = Buffer.alloc(64 * 1024);

/** How many of an archive's bytes the first `length` bytes of a sparse file take. */
export function storedBefore(runs: readonly Run[], length: number): number {
  let stored = 0;
  for (const run of runs) {
    if (run.offset >= length) break;
    stored += Math.min(run.length, length - run.offset);
  }
  return stored;
}

/** The first `length` bytes of a sparse file, from what the archive has of them. */
export function unfolded(runs: readonly Run[], stored: Buffer, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let at = 0;
  for (const run of runs) {
    if (run.offset >= length) break;
    at += stored.copy(bytes, run.offset, at, at + Math.min(run.length, length - run.offset));
  }
  return bytes;
}

/** Puts the holes of a sparse file between what an archive has of it. */
export class SparseSink implements ContentSink {
  readonly #sink: ContentSink;
  readonly #runs: readonly Run[];
  readonly #size: number;
  #at: number;
  #next = 0;

  /** @param at how much of the file the sink has had already, in bytes */
  constructor(
    sink: ContentSink,
    runs: readonly Run[],
    { size, at }: { readonly size: number; readonly at: number },
  ) {
    this.#sink = sink;
    this.#runs = runs;
    this.#size = size;
    this.#at = at;
  }

  write(chunk: Buffer): void {
    for (let done = 0; done < chunk.length;) {
      const run = this.#runs[this.#next];
      if (run === undefined) return;
      const left = run.offset + run.length - this.#at;
      if (left <= 0) {
        this.#next += 1;
        continue;
      }
      this.#fill(run.offset);
      const part = chunk.subarray(done, done + run.offset + run.length - this.#at);
      this.#sink.write(part);
      this.#at += part.length;
      done += part.length;
    }
  }

  end(): void {
    this.#fill(this.#size);
    this.#sink.end();
  }

  #fill(to: number): void {
    while (this.#at < to) {
      const zeros = ZEROS.subarray(0, to - this.#at);
      this.#sink.write(zeros);
      this.#at += zeros.length;
    }
  }
}
