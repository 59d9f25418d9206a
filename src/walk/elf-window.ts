/** A run of a file that is kept, as far as it has gone by. Offsets in bytes of the file. */
interface Range {
  readonly start: number;
  readonly bytes: Buffer;
  /** How many of its first bytes are there. */
  filled: number;
}

/** No file has use for more. */
const MAX_RANGES = 16;

/**
 * Parts of a file that streams by: those asked for before they come. All of them lie in one arena,
 * which the next file's window uses again, so what is read here must be copied to be kept.
 */
export class FileWindow {
  readonly #size: number;
  readonly #arena: Buffer;
  readonly #ranges: Range[] = [];
  #used = 0;

  /** @param size of the file, in bytes */
  constructor(size: number, arena: Buffer) {
    this.#size = size;
    this.#arena = arena;
  }

  /** Asks for a part; what does not fit into the file or the arena any more is left out. */
  want(start: number, length: number): void {
    if (!Number.isSafeInteger(start) || start < 0 || start >= this.#size) return;
    const room = this.#arena.length - this.#used;
    const end = Math.min(this.#size, start + length, start + room);
    if (!(end > start) || this.#ranges.length >= MAX_RANGES) return;
    const bytes = this.#arena.subarray(this.#used, this.#used + end - start);
    this.#used += end - start;
    this.#ranges.push({ start, bytes, filled: 0 });
  }

  /** Takes a part of the file that goes by at `offset`. */
  write(chunk: Buffer, offset: number): void {
    for (const range of this.#ranges) {
      const next = range.start + range.filled;
      const from = next - offset;
      if (from < 0 || from >= chunk.length || range.filled === range.bytes.length) continue;
      range.filled += chunk.copy(range.bytes, range.filled, from);
    }
  }

  /** `length` bytes at an offset of the file; undefined unless all of them are there. */
  at(offset: number, length: number): Buffer | undefined {
    const found = this.from(offset, length);
    return found?.length === length ? found : undefined;
  }

  /** At most `limit` bytes from an offset on, as many as are there; undefined where there is none. */
  from(offset: number, limit: number): Buffer | undefined {
    if (!Number.isSafeInteger(offset) || offset < 0 || limit < 0) return undefined;
    let longest: Buffer | undefined;
    for (const { start, bytes, filled } of this.#ranges) {
      const at = offset - start;
      if (at < 0 || at >= filled) continue;
      const found = bytes.subarray(at, Math.min(filled, at + limit));
      if (longest === undefined || found.length > longest.length) longest = found;
    }
    return longest;
  }

  /** The text at an offset up to its zero byte; undefined when that is not there within `limit` bytes. */
  text(offset: number, limit: number): string | undefined {
    const bytes = this.from(offset, limit + 1);
    const end = bytes?.indexOf(0) ?? -1;
    return bytes === undefined || end < 0 ? undefined : bytes.toString("utf8", 0, end);
  }
}
