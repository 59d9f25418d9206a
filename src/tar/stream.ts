import { BundlerError } from "../core/errors.js";
import { MAX_EXTENSION_BYTES, PendingExtensions } from "./extensions.js";
import { BLOCK, paddedSize } from "./header.js";
import { type DecodedHeader, decodeHeader, entryType } from "./scan.js";

/** An entry as a tar's stream tells it. */
export interface StreamedEntry {
  /** Where an engine puts it: without `.`, `..` or doubled slashes; empty for the root itself. */
  readonly path: string;
  /** `other`: devices, pipes, and what only some tar programs know. */
  readonly type: "file" | "directory" | "symlink" | "link" | "other";
  /** In bytes; 0 but for files. */
  readonly size: number;
  /** Permissions, as in `0o755`. */
  readonly mode: number;
  /** Where a link points, as written; empty for everything else. */
  readonly linkpath: string;
}

/** Takes a file's bytes as they go by. */
export interface ContentSink {
  /** The chunk is valid only during the call. */
  write(chunk: Buffer): void;
  /** The file is complete; not called when the archive ends before. */
  end(): void;
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
}

/** What the next bytes are. */
type State =
  | { readonly at: "header" }
  | { readonly at: "extension"; readonly kind: string; readonly body: Buffer }
  | { readonly at: "head"; readonly header: DecodedHeader; readonly head: Buffer }
  | { readonly at: "end" };

const ZEROS = Buffer.alloc(BLOCK);

/** Linux opens no longer path, in bytes. */
const PATH_MAX = 4096;

/**
 * Reads a tar of any program from chunks of any size, holding no more than a header, an extension
 * and the first bytes of one file. It is as tolerant as the engines (Go's archive/tar): an archive
 * may end without end blocks and without the last padding, and nothing behind the end blocks counts.
 */
export class TarStreamReader {
  readonly #options: TarStreamOptions;
  readonly #pending = new PendingExtensions();
  readonly #block = Buffer.alloc(BLOCK);
  readonly #head: Buffer;
  #state: State = { at: "header" };
  /** Bytes of the current header, extension or head that are there. */
  #filled = 0;
  /** Bytes to pass over before the next header, of which the last {@link #padding} mean nothing. */
  #skip = 0;
  #padding = 0;
  /** Who gets the bytes passed over. */
  #sink: ContentSink | undefined;
  /** Where the data of the entry begins whose header was read last. */
  #dataOffset = 0;
  /** Bytes read before the current chunk. */
  #offset = 0;
  #zeroBlocks = 0;

  constructor(options: TarStreamOptions) {
    this.#options = options;
    this.#head = Buffer.alloc(options.headBytes);
  }

  /** @throws BundlerError INTEGRITY naming the archive and the byte. */
  write(chunk: Uint8Array): void {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    let at = 0;
    while (at < bytes.length) {
      if (this.#state.at === "end") break;
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
    if (this.#state.at !== "header" || this.#skip > this.#padding) {
      this.#fail("it ends inside an entry", this.#offset);
    }
    if (this.#filled > 0) this.#fail("it ends in the middle of a header", this.#offset);
    if (!this.#pending.empty) {
      this.#fail("it ends after a long name without its entry", this.#offset);
    }
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
    const target = this.#targetOf(state);
    if (state.at === "header" && this.#filled === 0 && bytes.length - at >= BLOCK) {
      this.#header(bytes.subarray(at, at + BLOCK), this.#offset + at);
      return at + BLOCK;
    }
    const copied = bytes.copy(target, this.#filled, at, at + target.length - this.#filled);
    this.#filled += copied;
    if (this.#filled < target.length) return at + copied;
    this.#filled = 0;
    const offset = this.#offset + at + copied - target.length;
    if (state.at === "header") this.#header(target, offset);
    else if (state.at === "extension") this.#extension(state.kind, target, offset);
    else this.#entry(state.header, target);
    return at + copied;
  }

  #targetOf(state: Exclude<State, { at: "end" }>): Buffer {
    if (state.at === "header") return this.#block;
    return state.at === "extension" ? state.body : state.head;
  }

  #header(block: Buffer, offset: number): void {
    if (block.equals(ZEROS)) {
      this.#zeroBlocks += 1;
      if (this.#zeroBlocks < 2) return;
      if (!this.#pending.empty) this.#fail("it ends after a long name without its entry", offset);
      this.#state = { at: "end" };
      return;
    }
    if (this.#zeroBlocks > 0) this.#fail("a block of zeros stands before a header", offset);
    const header = decodeHeader(block, this.#pending);
    if (typeof header === "string") this.#fail(header, offset);
    if (header.path.length > PATH_MAX) {
      this.#fail(`a path has ${header.path.length} characters`, offset);
    }
    if (header.kind === "SparseFile") this.#fail("it holds a sparse file", offset);
    if (PendingExtensions.isExtension(header.kind)) {
      if (header.size > MAX_EXTENSION_BYTES) {
        this.#fail(`an extended header has ${header.size} bytes`, offset);
      }
      if (header.size === 0) this.#extension(header.kind, Buffer.alloc(0), offset);
      else {
        const body = Buffer.alloc(header.size);
        this.#state = { at: "extension", kind: header.kind, body };
      }
      return;
    }
    this.#dataOffset = offset + BLOCK;
    const size = this.#dataSize(header);
    const head = this.#head.subarray(0, Math.min(size, this.#head.length));
    if (head.length === 0) this.#entry({ ...header, size }, head);
    else this.#state = { at: "head", header: { ...header, size }, head };
  }

  /** Links, folders and devices have no data, whatever their size field says. */
  #dataSize({ kind, size }: DecodedHeader): number {
    const type = entryType(kind);
    if (type === "file") return size;
    return type !== undefined || /Device$|^FIFO$/.test(kind) ? 0 : size;
  }

  #extension(kind: string, body: Buffer, offset: number): void {
    const problem = this.#pending.apply(kind, body);
    if (problem !== undefined) this.#fail(problem, offset);
    this.#passOver(body.length, body.length);
  }

  #entry({ path, kind, size, mode, linkpath }: DecodedHeader, head: Buffer): void {
    this.#pending.clear();
    const type = entryType(kind) ?? "other";
    const isLink = type === "symlink" || type === "link";
    const entry: StreamedEntry = {
      path: unpackedPath(path),
      type,
      size: type === "file" ? size : 0,
      mode: mode & 0o7777,
      linkpath: isLink ? linkpath : "",
    };
    this.#options.onEntry(entry, type === "file" ? head : head.subarray(0, 0), this.#dataOffset);
    const sink = type === "file" ? this.#options.follow?.(entry, head) : undefined;
    this.#passOver(size, head.length);
    if (sink === undefined) return;
    if (size > head.length) this.#sink = sink;
    else this.#finish(sink);
  }

  #passOver(size: number, done: number): void {
    this.#padding = paddedSize(size) - size;
    this.#skip = size - done + this.#padding;
    this.#state = { at: "header" };
  }

  #fail(message: string, offset: number): never {
    const { name } = this.#options;
    throw new BundlerError("INTEGRITY", `${name} is damaged: at byte ${offset}, ${message}.`, {
      hint: "Fetch or build it again.",
      details: { file: name, offset },
    });
  }
}

/** A path as seen from the root that an archive is unpacked to, which no `..` leads out of. */
export function unpackedPath(path: string): string {
  // Most paths are plain, and an image has a hundred thousand of them.
  if (!/(?:^|\/)\.{0,2}(?:\/|$)/.test(path)) return path;
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return parts.join("/");
}
