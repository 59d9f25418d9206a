import type { ElfHeader } from "../image/elf.js";

/** An entry of the program header table (System V ABI, "Program Header"). Numbers in bytes. */
export interface Segment {
  readonly type: number;
  readonly writable: boolean;
  readonly offset: number;
  readonly address: number;
  /** In the file. */
  readonly length: number;
}

export const SEGMENT = { load: 1, dynamic: 2, interpreter: 3 } as const;

/** Reads fields in a file's byte order and word size; whatever cannot be exact is NaN. */
export class ElfFields {
  readonly #bytes: Buffer;
  readonly #little: boolean;
  readonly #wide: boolean;

  constructor(bytes: Buffer, { bits, bigEndian }: Pick<ElfHeader, "bits" | "bigEndian">) {
    this.#bytes = bytes;
    this.#little = !bigEndian;
    this.#wide = bits === 64;
  }

  get length(): number {
    return this.#bytes.length;
  }

  half(at: number): number {
    if (at < 0 || at + 2 > this.#bytes.length) return Number.NaN;
    return this.#little ? this.#bytes.readUInt16LE(at) : this.#bytes.readUInt16BE(at);
  }

  int(at: number): number {
    if (at < 0 || at + 4 > this.#bytes.length) return Number.NaN;
    return this.#little ? this.#bytes.readUInt32LE(at) : this.#bytes.readUInt32BE(at);
  }

  /** 4 or 8 bytes, as the file's class has it. */
  word(at: number): number {
    if (!this.#wide) return this.int(at);
    const [low, high] = this.#little ? [at, at + 4] : [at + 4, at];
    const value = this.int(high) * 2 ** 32 + this.int(low);
    return Number.isSafeInteger(value) ? value : Number.NaN;
  }
}

/** Where a file's tables are, by its header (System V ABI, "ELF Header"). */
export interface Tables {
  readonly segments: { readonly offset: number; readonly entry: number; readonly count: number };
  readonly sections: { readonly offset: number; readonly entry: number; readonly count: number };
}

/** @param bytes the first 64 of the file, 52 for 32 bits */
export function readTables(bytes: Buffer, header: ElfHeader): Tables {
  const fields = new ElfFields(bytes, header);
  const wide = header.bits === 64;
  const sizes = wide ? 54 : 42;
  return {
    segments: {
      offset: fields.word(wide ? 32 : 28),
      entry: fields.half(sizes),
      count: fields.half(sizes + 2),
    },
    sections: {
      offset: fields.word(wide ? 40 : 32),
      entry: fields.half(sizes + 4),
      count: fields.half(sizes + 6),
    },
  };
}

/** More than any program has; Linux itself takes at most 64 KiB of them. */
const MAX_SEGMENTS = 1024;

/** Reads the program header table as far as `bytesAt` gives it; empty where it does not. */
export function readSegments(
  { segments: { offset, entry, count } }: Tables,
  header: ElfHeader,
  bytesAt: (offset: number, length: number) => Buffer | undefined,
): readonly Segment[] {
  const wide = header.bits === 64;
  const size = wide ? 56 : 32;
  if (!(entry >= size) || !(count <= MAX_SEGMENTS)) return [];
  const segments: Segment[] = [];
  for (let index = 0; index < count; index += 1) {
    const bytes = bytesAt(offset + index * entry, size);
    if (bytes === undefined) break;
    const fields = new ElfFields(bytes, header);
    segments.push({
      type: fields.int(0),
      writable: (fields.int(wide ? 4 : 24) & 2) !== 0,
      offset: fields.word(wide ? 8 : 4),
      address: fields.word(wide ? 16 : 8),
      length: fields.word(wide ? 32 : 16),
    });
  }
  return segments;
}

/** Where in the file an address of the running program comes from; undefined where from nowhere. */
export function offsetOf(segments: readonly Segment[], address: number): number | undefined {
  for (const segment of segments) {
    if (segment.type !== SEGMENT.load) continue;
    const into = address - segment.address;
    if (into >= 0 && into < segment.length) return segment.offset + into;
  }
  return undefined;
}
