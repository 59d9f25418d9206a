import { BundlerError } from "../core/errors.js";
import { type DecodedEntry, type Step, TarDecoder } from "./decoder.js";
import { BLOCK, paddedSize } from "./header.js";
import { type ContentSink, SparseSink, storedBefore, unfolded } from "./sparse-sink.js";
import type { Run } from "./sparse.js";
import { nameDoubt, unpackedPath } from "./unpacked-path.js";

/** An entry as a tar's stream tells it. */
export interface StreamedEntry {
  /** Where an engine puts it: without `.`, `..` or doubled slashes; empty for the root itself. */
  readonly path: string;
  /** `whiteout`: the device 0:0, which hides its name below as overlayfs has it; `other`: devices and pipes. */
  readonly type: "file" | "directory" | "symlink" | "link" | "whiteout" | "other";
  /** In bytes; 0 but for files. */
  readonly size: number;
  /** Permissions, as in `0o755`. */
  readonly mode: number;
  /** Where a link points, as written; empty for everything else. */
  readonly linkpath: string;
  /** Of a sparse file, what of it lies in the archive, one run after the other. */
  readonly runs?: readonly Run[];
}

export interface TarStreamOptions {
  /** What messages call the archive. */
  readonly name: string;
  /** How much of a file's beginning is kept for `onEntry`, in bytes. */
  readonly headBytes: number;
  /**
   * Called for each entry, in order. `head` holds the first bytes of a file, nothing for anything
   * else, and only until the call returns. `dataOffset` is where the file's bytes begin, in bytes
   * from the archive's start.
   */
  onEntry(entry: StreamedEntry, head: Buffer, dataOffset: number): void;
  /** Called after `onEntry` for a file; what it answers with gets the bytes that follow the head. */
  follow?(entry: StreamedEntry, head: Buffer): ContentSink | undefined;
  /**
   * Gets, as a sentence, what readers differ about; the reading goes on as an engine's would. Without
   * it the archive is refused.
   */
  onDoubt?(message: string): void;
}

/** What the next bytes are. */
type State =
  | { readonly at: "block" }
  | { readonly at: "body"; readonly body: Buffer }
  | { readonly at: "head"; readonly entry: DecodedEntry; readonly head: Buffer }
  | { readonly at: "end" };

const AT_BLOCK: State = { at: "block" };
const TYPES: Readonly<Record<string, StreamedEntry["type"]>> = {
  0: "file",
  S: "file",
  1: "link",
  2: "symlink",
  5: "directory",
};

/** Holes of sparse files in one archive, in bytes: no disk takes more. */
const MAX_HOLES = 2 ** 40;

/**
 * Reads a layer's tar from chunks of any size, holding no more than a header, an extension and the
 * first bytes of one file. It is as tolerant as the engines (Go's archive/tar): an archive may end
 * without end blocks and without the last padding.
 */
export class TarStreamReader {
  readonly #options: TarStreamOptions;
  readonly #decoder = new TarDecoder(
    (why) => this.#fail(why),
    (why) => this.#doubt(why),
  );
  readonly #block = Buffer.alloc(BLOCK);
  readonly #head: Buffer;
  #state: State = AT_BLOCK;
  /** Bytes of the current block, body or head that are there. */
  #filled = 0;
  /** Bytes to pass over before the next header, of which the last {@link #padding} mean nothing. */
  #skip = 0;
  #padding = 0;
  /** Who gets the bytes passed over. */
  #sink: ContentSink | undefined;
  /** Where the block, body or head begins that was read last. */
  #at = 0;
  /** Bytes read before the current chunk. */
  #offset = 0;
  #holes = 0;
  #isTrailed = false;

  constructor(options: TarStreamOptions) {
    this.#options = options;
    this.#head = Buffer.alloc(options.headBytes);
  }

  /** @throws BundlerError INTEGRITY naming the archive and the byte. */
  write(chunk: Uint8Array): void {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    let at = 0;
    while (at < bytes.length) {
      if (this.#state.at === "end") {
        this.#trail(bytes, at);
        break;
      }
      if (this.#skip > 0) {
        const passed = Math.min(this.#skip, bytes.length - at);
        if (this.#sink !== undefined) this.#feed(this.#sink, bytes.subarray(at, at + passed));
        this.#skip -= passed;
        at += passed;
      } else {
        at = this.#read(this.#state, bytes, at);
      }
    }
    this.#offset += bytes.length;
  }

  /** Says that nothing more comes. @throws BundlerError INTEGRITY when something was to come. */
  end(): void {
    if (this.#state.at === "end") return;
    this.#at = this.#offset;
    if (this.#state.at !== "block" || this.#skip > this.#padding)
      this.#fail("it ends inside an entry");
    if (this.#filled > 0) this.#fail("it ends in the middle of a header");
    this.#decoder.end();
  }

  /** Hands on what of the bytes passed over is content. */
  #feed(sink: ContentSink, bytes: Buffer): void {
    const left = this.#skip - this.#padding;
    sink.write(bytes.length > left ? bytes.subarray(0, left) : bytes);
    if (bytes.length >= left) this.#finish(sink);
  }

  #finish(sink: ContentSink): void {
    this.#sink = undefined;
    sink.end();
  }

  #read(state: Exclude<State, { at: "end" }>, bytes: Buffer, at: number): number {
    if (state.at === "block" && this.#filled === 0 && bytes.length - at >= BLOCK) {
      this.#at = this.#offset + at;
      this.#step(this.#decoder.block(bytes.subarray(at, at + BLOCK)));
      return at + BLOCK;
    }
    const target = this.#targetOf(state);
    const copied = bytes.copy(target, this.#filled, at, at + target.length - this.#filled);
    this.#filled += copied;
    if (this.#filled < target.length) return at + copied;
    this.#filled = 0;
    this.#at = this.#offset + at + copied - target.length;
    if (state.at === "block") this.#step(this.#decoder.block(target));
    else if (state.at === "body") this.#body(target);
    else this.#entry(state.entry, target);
    return at + copied;
  }

  #targetOf(state: Exclude<State, { at: "end" }>): Buffer {
    if (state.at === "block") return this.#block;
    return state.at === "body" ? state.body : state.head;
  }

  #step(step: Step): void {
    switch (step.kind) {
      case "end":
        this.#state = { at: "end" };
        return;
      case "body":
        if (step.size === 0) this.#body(Buffer.alloc(0));
        else this.#state = { at: "body", body: Buffer.alloc(step.size) };
        return;
      case "entry":
        this.#begin(step.entry);
        return;
      default:
        this.#state = AT_BLOCK;
    }
  }

  #body(body: Buffer): void {
    this.#decoder.body(body);
    this.#passOver(0, paddedSize(body.length) - body.length);
  }

  /** Reads a file's first bytes before it is told of. */
  #begin(entry: DecodedEntry): void {
    const { size, stored, runs } = entry;
    const wanted = Math.min(size, this.#head.length);
    const there = runs === undefined ? Math.min(stored, wanted) : storedBefore(runs, wanted);
    const head = this.#head.subarray(0, there);
    this.#holes += size - stored;
    if (this.#holes > MAX_HOLES) this.#fail("its sparse files are larger than any disk");
    if (there > 0) this.#state = { at: "head", entry, head };
    else {
      this.#at += BLOCK;
      this.#entry(entry, head);
    }
  }

  #entry(
    { name, flag, linkname, mode, isNullDevice, ...data }: DecodedEntry,
    stored: Buffer,
  ): void {
    const dataOffset = this.#at;
    const { runs } = data;
    const type = isNullDevice ? "whiteout" : (TYPES[flag] ?? "other");
    const path = unpackedPath(name);
    if (isNullDevice)
      this.#doubt("it has a device 0:0, which is a whiteout to some storage drivers");
    const doubt = nameDoubt({ name, path, type, linkname });
    if (doubt !== undefined) this.#doubt(`${doubt}: ${JSON.stringify(name.slice(0, 200))}`);
    const isFile = type === "file";
    const size = isFile ? data.size : 0;
    const head =
      runs === undefined ? stored : unfolded(runs, stored, Math.min(size, this.#head.length));
    const entry: StreamedEntry = {
      path,
      type,
      size,
      mode: mode & 0o7777,
      linkpath: type === "symlink" || type === "link" ? linkname : "",
      ...(runs === undefined ? {} : { runs }),
    };
    this.#options.onEntry(entry, isFile ? head : head.subarray(0, 0), dataOffset);
    const sink = isFile ? this.#options.follow?.(entry, head) : undefined;
    const left = data.stored - stored.length;
    this.#passOver(left, data.padding);
    if (sink === undefined) return;
    const whole = runs === undefined ? sink : new SparseSink(sink, runs, { size, at: head.length });
    if (left > 0) this.#sink = whole;
    else this.#finish(whole);
  }

  #passOver(size: number, padding: number): void {
    this.#padding = padding;
    this.#skip = size + padding;
    this.#state = AT_BLOCK;
  }

  /** Engines do not look behind the end, other programs may. */
  #trail(bytes: Buffer, from: number): void {
    if (this.#isTrailed || isZero(bytes, from)) return;
    this.#isTrailed = true;
    this.#at = this.#offset + from;
    this.#doubt("something follows its end");
  }

  #fail(why: string): never {
    const { name } = this.#options;
    throw new BundlerError("INTEGRITY", `${name} is damaged: at byte ${this.#at}, ${why}.`, {
      hint: "Fetch or build it again.",
      details: { file: name, offset: this.#at },
    });
  }

  #doubt(why: string): void {
    const { name } = this.#options;
    const message = `${name} can be read in two ways: at byte ${this.#at}, ${why}.`;
    if (this.#options.onDoubt !== undefined) {
      this.#options.onDoubt(message);
      return;
    }
    throw new BundlerError("INTEGRITY", message, {
      hint: "Build it again with a tool that writes plain archives.",
      details: { file: name, offset: this.#at },
    });
  }
}

const ZEROS = Buffer.alloc(64 * 1024);

function isZero(bytes: Buffer, from: number): boolean {
  for (let at = from; at < bytes.length; at += ZEROS.length) {
    const part = bytes.subarray(at, at + ZEROS.length);
    if (!part.equals(ZEROS.subarray(0, part.length))) return false;
  }
  return true;
}
