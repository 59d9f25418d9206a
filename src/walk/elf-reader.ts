import { ELF_HEADER_BYTES, type ElfHeader } from "../image/elf.js";
import type { ContentSink } from "../tar/sparse-sink.js";
import { readArm } from "./elf-arm.js";
import { MAX_DYNAMIC, readDynamic } from "./elf-dynamic.js";
import { GO_MAGIC, GoSearch, MAX_GO_BLOCK, goArmVersion, readGoBlock } from "./elf-go.js";
import { SEGMENT, type Segment, readSegments, readTables } from "./elf-layout.js";
import { FileWindow } from "./elf-window.js";
import type { ElfProgram } from "./types.js";

/** `e_machine` of 32-bit ARM. */
const ARM = 40;

/** Bytes of a dynamic file's beginning that are kept: its names and version needs stand there. */
const FRONT = 12 * 1024 * 1024;

/** Bytes of an ARM file's end that are kept: its attributes and the table that says where they are. */
const BACK = 256 * 1024;

/** The longest path that Linux opens, in bytes. */
const PATH_MAX = 4096;

/** Room for all that is kept of one file, in bytes: the front, the back, tables and Go's blocks. */
export const ELF_ARENA_BYTES = FRONT + BACK + 128 * 1024 + 3 * MAX_GO_BLOCK;

/**
 * Reads an ELF file as it streams by: keeps the parts that its program headers point to, and tells
 * at the end what they say. What lies before the place that names it, or beyond the room for one
 * file, is not told; nothing in a file makes it fail or take longer than the file is.
 */
export class ElfReader implements ContentSink {
  readonly #header: ElfHeader;
  readonly #window: FileWindow;
  readonly #search: GoSearch;
  readonly #blocks: number[] = [];
  readonly #onEnd: (program: ElfProgram) => void;
  #offset = 0;

  /**
   * @param head the file's first bytes, at least those of its header; the next come by write()
   * @param arena {@link ELF_ARENA_BYTES} bytes, which may be used again after end()
   */
  constructor(
    header: ElfHeader,
    head: Buffer,
    { size, arena }: { readonly size: number; readonly arena: Buffer },
    onEnd: (program: ElfProgram) => void,
  ) {
    this.#header = header;
    this.#onEnd = onEnd;
    this.#window = new FileWindow(size, arena);
    // Files that are linked only have neither a loader nor needs that anybody follows.
    const runs = header.type === "program" || header.type === "shared";
    const tables = readTables(head, header);
    const segments = runs
      ? readSegments(tables, header, (at, length) =>
          at >= 0 && at + length <= head.length ? head.subarray(at, at + length) : undefined,
        )
      : [];
    this.#wantParts(segments, { size, isComplete: segments.length === tables.segments.count });
    if (runs && segments.length === 0) this.#window.want(tables.segments.offset, PATH_MAX);
    this.#search = new GoSearch(
      segments
        .filter(({ type, writable }) => type === SEGMENT.load && writable)
        .map(({ offset, length }) => ({ start: offset, end: offset + length })),
    );
    this.write(head);
  }

  #wantParts(
    segments: readonly Segment[],
    { size, isComplete }: { readonly size: number; readonly isComplete: boolean },
  ): void {
    const of = (type: number): Segment | undefined => segments.find((one) => one.type === type);
    const [dynamic, interpreter] = [of(SEGMENT.dynamic), of(SEGMENT.interpreter)];
    this.#window.want(0, dynamic === undefined && isComplete ? ELF_HEADER_BYTES : FRONT);
    if (dynamic !== undefined) {
      this.#window.want(dynamic.offset, Math.min(dynamic.length, MAX_DYNAMIC));
    }
    if (interpreter !== undefined) {
      this.#window.want(interpreter.offset, Math.min(interpreter.length, PATH_MAX));
    }
    if (this.#header.machine === ARM) this.#window.want(Math.max(0, size - BACK), BACK);
  }

  write(chunk: Buffer): void {
    for (const at of this.#search.write(chunk, this.#offset)) {
      this.#blocks.push(at);
      this.#window.want(at, MAX_GO_BLOCK);
      // Of a block that began in the chunk before, what is missing is a part of the magic.
      if (at < this.#offset) this.#window.write(GO_MAGIC.subarray(0, this.#offset - at), at);
    }
    this.#window.write(chunk, this.#offset);
    this.#offset += chunk.length;
  }

  end(): void {
    const [header, window] = [this.#header, this.#window];
    const start = window.at(0, header.bits === 64 ? ELF_HEADER_BYTES : 52);
    if (start === undefined) {
      this.#onEnd({ format: "elf", header });
      return;
    }
    const tables = readTables(start, header);
    const segments = readSegments(tables, header, (at, length) => window.at(at, length));
    const dynamic = readDynamic(window, header, segments);
    const loader = segments.find(({ type }) => type === SEGMENT.interpreter);
    const interpreter = loader && window.text(loader.offset, Math.min(loader.length, PATH_MAX));
    const go = this.#blocks.map((at) => readGoBlock(window, at)).find((one) => one !== undefined);
    const arm = header.machine === ARM ? readArm(window, header, tables) : {};
    const armVersion =
      arm.version ?? (go !== undefined && header.machine === ARM ? goArmVersion(go) : undefined);
    this.#onEnd({
      format: "elf",
      header,
      ...(interpreter === undefined || interpreter === "" ? {} : { interpreter }),
      ...(dynamic?.glibc === undefined ? {} : { glibc: dynamic.glibc }),
      ...(armVersion === undefined ? {} : { armVersion }),
      ...(arm.float === undefined ? {} : { armFloat: arm.float }),
      ...(dynamic === undefined ? {} : { needed: dynamic.needed }),
      ...(go === undefined ? {} : { go }),
    });
  }
}
