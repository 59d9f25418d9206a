import { type DecodedEntry, TarDecoder } from "../tar/decoder.js";
import { BLOCK, paddedSize } from "../tar/header.js";
import type { ByteReader } from "./byte-reader.js";
import type { Refuse } from "./tree.js";

/** Record padding that tools put behind the end blocks. */
const MAX_TRAILING_BYTES = 1024 * 1024;

/**
 * The entries of a source's tar, read once from its beginning to its end. Each must be followed by
 * reading its data. What tar programs read differently is refused.
 */
export class TarStream {
  readonly #bytes: ByteReader;
  readonly #refuse: Refuse;
  readonly #decoder: TarDecoder;
  #remaining = 0;
  #padding = 0;

  constructor(bytes: ByteReader, refuse: Refuse) {
    this.#bytes = bytes;
    this.#refuse = refuse;
    this.#decoder = new TarDecoder(
      (why) => {
        throw refuse(`it is no tar, or one of its headers is damaged: ${why}`);
      },
      (why) => {
        throw refuse(`tar programs read it differently: ${why}`);
      },
    );
  }

  /** Of the global header: git writes the commit there, before the first entry. */
  get comment(): string | undefined {
    return this.#decoder.comment;
  }

  /**
   * The next entry, what is left of the last one's data passed over; undefined at the end.
   * @throws BundlerError INTEGRITY
   */
  async next(): Promise<DecodedEntry | undefined> {
    for (;;) {
      await this.#passOver();
      const block = await this.#bytes.exactly(BLOCK);
      if (block.length < BLOCK) throw this.#refuse("it ends without end blocks: it was cut short");
      const step = this.#decoder.block(block);
      switch (step.kind) {
        case "zeros":
          await this.#checkEnd();
          return undefined;
        case "body":
          await this.#extend(step.size);
          break;
        case "map":
          throw this.#refuse("it holds a sparse file");
        case "entry":
          return this.#begin(step.entry);
        case "end":
          return undefined;
      }
    }
  }

  /** The data of the entry that came last. @throws BundlerError INTEGRITY */
  async *data(): AsyncGenerator<Uint8Array, void, void> {
    while (this.#remaining > 0) yield await this.#some();
  }

  #begin(entry: DecodedEntry): DecodedEntry {
    // Its data is not what its size says; no source has any.
    if (entry.runs !== undefined) throw this.#refuse("it holds a sparse file");
    this.#remaining = entry.stored;
    this.#padding = entry.padding;
    return entry;
  }

  async #some(): Promise<Uint8Array> {
    const chunk = await this.#bytes.some(this.#remaining);
    if (chunk === undefined) throw this.#refuse("it ends inside an entry: it was cut short");
    this.#remaining -= chunk.length;
    return chunk;
  }

  async #passOver(): Promise<void> {
    while (this.#remaining > 0) await this.#some();
    const padding = await this.#bytes.exactly(this.#padding);
    if (padding.length < this.#padding) throw this.#refuse("it was cut short");
    this.#padding = 0;
  }

  async #extend(size: number): Promise<void> {
    const body = await this.#bytes.exactly(size);
    if (body.length < size) throw this.#refuse("it ends inside a header: it was cut short");
    this.#padding = paddedSize(size) - size;
    this.#decoder.body(body);
  }

  async #checkEnd(): Promise<void> {
    const second = await this.#bytes.exactly(BLOCK);
    if (second.length < BLOCK)
      throw this.#refuse("its second end block is missing: it was cut short");
    let trailing = 0;
    for (let chunk: Uint8Array | undefined = second; chunk !== undefined;) {
      trailing += chunk.length;
      if (!isZero(chunk)) throw this.#refuse("something follows its end");
      if (trailing > MAX_TRAILING_BYTES) throw this.#refuse("too much follows its end");
      chunk = await this.#bytes.some(64 * 1024);
    }
    this.#decoder.end();
  }
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}
