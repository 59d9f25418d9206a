import type { FileWindow } from "./elf-window.js";

/** Where Go's linker puts its build info (Go, debug/buildinfo): aligned, before two strings. */
export const GO_MAGIC = Buffer.from("\xff Go buildinf:", "latin1");
const ALIGNMENT = 16;
const HEADER_BYTES = 32;
/** Of the byte behind the pointer size: the strings follow right here, as since Go 1.18. */
const INLINE = 2;

/** As much as is kept of a block, in bytes; the longest lists of modules have some hundred KiB. */
export const MAX_GO_BLOCK = 1024 * 1024;

/** Where the magic is named without its block: programs that read other programs' build info. */
const MAX_CANDIDATES = 3;

/** A run of a file to look through, in bytes of the file. */
export interface SearchedRange {
  readonly start: number;
  readonly end: number;
}

/** Tells apart what Go's linker wrote from a name of the magic. */
const VERSION = /^(go|devel)/;

/** Looks for build info in parts of a file that streams by. */
export class GoSearch {
  readonly #ranges: readonly SearchedRange[];
  readonly #found: number[] = [];
  /** The last bytes of the chunk before, in which the magic may begin. */
  readonly #tail = Buffer.alloc(GO_MAGIC.length - 1);
  #tailLength = 0;

  constructor(ranges: readonly SearchedRange[]) {
    this.#ranges = ranges;
  }

  /**
   * Takes a part of the file that goes by at `offset`; answers with where new blocks begin, which
   * is up to 13 bytes of {@link GO_MAGIC} before the chunk.
   */
  write(chunk: Buffer, offset: number): readonly number[] {
    const hits: number[] = [];
    if (this.#ranges.some(({ start, end }) => start < offset + chunk.length && end > offset)) {
      if (this.#tailLength > 0) {
        const seam = Buffer.concat([
          this.#tail.subarray(0, this.#tailLength),
          chunk.subarray(0, GO_MAGIC.length - 1),
        ]);
        this.#collect(seam, offset - this.#tailLength, hits);
      }
      this.#collect(chunk, offset, hits);
    }
    this.#keepTail(chunk);
    return hits;
  }

  #collect(bytes: Buffer, offset: number, hits: number[]): void {
    for (let at = bytes.indexOf(GO_MAGIC); at >= 0; at = bytes.indexOf(GO_MAGIC, at + 1)) {
      const place = offset + at;
      if (this.#found.length >= MAX_CANDIDATES) return;
      if (place % ALIGNMENT !== 0 || this.#found.includes(place)) continue;
      if (!this.#ranges.some(({ start, end }) => place >= start && place < end)) continue;
      this.#found.push(place);
      hits.push(place);
    }
  }

  #keepTail(chunk: Buffer): void {
    const keep = this.#tail.length;
    if (chunk.length >= keep) {
      chunk.copy(this.#tail, 0, chunk.length - keep);
      this.#tailLength = keep;
      return;
    }
    const kept = Math.min(this.#tailLength, keep - chunk.length);
    this.#tail.copyWithin(0, this.#tailLength - kept, this.#tailLength);
    chunk.copy(this.#tail, kept);
    this.#tailLength = kept + chunk.length;
  }
}

/** The block at an offset, in memory of its own; undefined when it is none, or not all of it was kept. */
export function readGoBlock(window: FileWindow, offset: number): Buffer | undefined {
  const bytes = window.from(offset, MAX_GO_BLOCK);
  if (bytes === undefined || bytes.length < HEADER_BYTES) return undefined;
  if (!bytes.subarray(0, GO_MAGIC.length).equals(GO_MAGIC)) return undefined;
  if (((bytes[GO_MAGIC.length + 1] ?? 0) & INLINE) === 0) return undefined;
  const version = goString(bytes, HEADER_BYTES);
  if (version === undefined || !VERSION.test(version.text.toString("latin1", 0, 8))) {
    return undefined;
  }
  const modules = goString(bytes, version.end);
  return modules === undefined ? undefined : Buffer.from(bytes.subarray(0, modules.end));
}

/** A text with its length before it (a varint of encoding/binary). */
function goString(
  bytes: Buffer,
  start: number,
): { readonly text: Buffer; readonly end: number } | undefined {
  let length = 0;
  let at = start;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at];
    if (byte === undefined || shift > 28) return undefined;
    length += (byte & 0x7f) * 2 ** shift;
    at += 1;
    if (byte < 0x80) break;
  }
  const end = at + length;
  return end > bytes.length ? undefined : { text: bytes.subarray(at, end), end };
}

/** The GOARM that a program was built with, 5 to 7. */
export function goArmVersion(block: Buffer): number | undefined {
  const found = /\bGOARM=([5-7])/.exec(block.toString("latin1"))?.[1];
  return found === undefined ? undefined : Number(found);
}
