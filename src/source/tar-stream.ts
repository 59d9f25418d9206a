import { Header, Pax } from "tar";
import { messageOf } from "../core/errors.js";
import { BLOCK, paddedSize } from "../tar/header.js";
import type { ByteReader } from "./byte-reader.js";
import type { Refuse } from "./tree.js";

/** An entry's header, with what extended headers say about it. */
export interface TarHeader {
  readonly path: string;
  /** As `tar` names the types. */
  readonly kind: string;
  readonly linkpath: string;
  readonly mode: number;
  /** Bytes that follow, without padding. */
  readonly size: number;
}

const MAX_EXTENSION_BYTES = 1024 * 1024;

/** Record padding that tools put behind the end blocks. */
const MAX_TRAILING_BYTES = 1024 * 1024;

/**
 * The headers of a tar, read once from its beginning to its end (POSIX.1-2001 pax; GNU tar, "Basic
 * Tar Format"). Each must be followed by reading its data. The parser of `tar` is not used for the
 * walk: it takes an archive that ends between two entries for whole, and breaks a long name with
 * UTF-8 where two chunks meet.
 */
export class TarStream {
  readonly #bytes: ByteReader;
  readonly #refuse: Refuse;
  #local: Pax | undefined;
  #global: Pax | undefined;
  #remaining = 0;
  #padding = 0;

  constructor(bytes: ByteReader, refuse: Refuse) {
    this.#bytes = bytes;
    this.#refuse = refuse;
  }

  /** Of the global header: git writes the commit there, before the first entry. */
  get comment(): string | undefined {
    return this.#global?.comment;
  }

  /**
   * The next entry's header, what is left of the last one's data passed over; undefined at the end.
   * @throws BundlerError INTEGRITY
   */
  async next(): Promise<TarHeader | undefined> {
    for (;;) {
      await this.#passOver();
      const block = await this.#bytes.exactly(BLOCK);
      if (block.length < BLOCK) throw this.#refuse("it ends without end blocks: it was cut short");
      if (isZero(block)) {
        await this.#checkEnd();
        return undefined;
      }
      const header = this.#decode(block);
      this.#remaining = header.size;
      this.#padding = paddedSize(header.size) - header.size;
      if (isExtension(header.kind)) {
        await this.#extend(header);
        continue;
      }
      this.#local = undefined;
      return header;
    }
  }

  /** The data of the entry whose header came last. @throws BundlerError INTEGRITY */
  async *data(): AsyncGenerator<Uint8Array, void, void> {
    while (this.#remaining > 0) yield await this.#some();
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

  #decode(block: Buffer): TarHeader {
    let header: Header;
    try {
      header = new Header(block, 0, this.#local, this.#global);
    } catch (error) {
      throw this.#refuse(`one of its headers cannot be read (${messageOf(error)})`);
    }
    if (!header.cksumValid) throw this.#refuse("it is no tar, or one of its headers is damaged");
    // Header puts a ustar prefix before a pax path and forgets a pax link, so both are taken from here.
    const own = isExtension(header.type) ? undefined : this.#local;
    const path = own?.path ?? header.path;
    const { size } = header;
    if (path === undefined || size === undefined || !Number.isSafeInteger(size)) {
      throw this.#refuse("one of its headers has no valid name or size");
    }
    return {
      path,
      kind: header.type,
      linkpath: own?.linkpath ?? header.linkpath ?? "",
      mode: header.mode ?? 0o644,
      size,
    };
  }

  async #extend({ kind, size }: TarHeader): Promise<void> {
    if (size > MAX_EXTENSION_BYTES) {
      throw this.#refuse(`one of its extended headers has ${size} bytes`);
    }
    const bytes = await this.#bytes.exactly(size);
    if (bytes.length < size) throw this.#refuse("it ends inside a header: it was cut short");
    this.#remaining = 0;
    const body = bytes.toString("utf8");
    if (kind.startsWith("NextFile")) {
      const field = kind === "NextFileHasLongPath" ? "path" : "linkpath";
      const value = body.replace(/\0[^]*$/, "");
      this.#local = Object.assign(this.#local ?? new Pax({}), { [field]: value });
      return;
    }
    if (!hasPlainRecords(bytes)) throw this.#refuse("one of its extended headers is damaged");
    // A sparse file's data is not what its size says.
    if (body.includes("GNU.sparse.")) throw this.#refuse("it holds a sparse file");
    if (kind !== "GlobalExtendedHeader") {
      this.#local = Pax.parse(body, this.#local);
      return;
    }
    this.#global = Pax.parse(body, this.#global, true);
    const { path, linkpath, size: each } = this.#global;
    if (path !== undefined || linkpath !== undefined || each !== undefined) {
      throw this.#refuse("a global header gives all of its entries the same name or size");
    }
  }

  async #checkEnd(): Promise<void> {
    const second = await this.#bytes.exactly(BLOCK);
    if (second.length < BLOCK)
      throw this.#refuse("its second end block is missing: it was cut short");
    if (this.#local !== undefined)
      throw this.#refuse("it ends after a long name without its entry");
    let trailing = 0;
    for (let chunk: Uint8Array | undefined = second; chunk !== undefined;) {
      trailing += chunk.length;
      if (!isZero(chunk)) throw this.#refuse("something follows its end");
      if (trailing > MAX_TRAILING_BYTES) throw this.#refuse("too much follows its end");
      chunk = await this.#bytes.some(64 * 1024);
    }
  }
}

/**
 * Whether pax records follow each other without a gap, one on each line. `Pax` passes over any that
 * do not, and so would take another name than the one that is meant.
 */
function hasPlainRecords(body: Buffer): boolean {
  for (let at = 0; at < body.length;) {
    const length = Number(/^\d{1,7}(?= )/.exec(body.toString("latin1", at, at + 8))?.[0]);
    if (!(length > 0) || body.indexOf("\n", at) !== at + length - 1) return false;
    at += length;
  }
  return true;
}

/** @returns undefined for what no source has any use for: devices, pipes, what is not understood. */
export function fileType(kind: string): "file" | "directory" | "symlink" | "link" | undefined {
  switch (kind) {
    case "File":
    case "OldFile":
    case "ContiguousFile":
      return "file";
    case "Directory":
      return "directory";
    case "SymbolicLink":
      return "symlink";
    case "Link":
      return "link";
    default:
      return undefined;
  }
}

function isExtension(kind: string): boolean {
  return (
    kind.endsWith("ExtendedHeader") ||
    kind === "NextFileHasLongPath" ||
    kind === "NextFileHasLongLinkpath"
  );
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}
