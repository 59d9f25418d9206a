import { BundlerError } from "../core/errors.js";
import { type DecodedEntry, TarDecoder } from "./decoder.js";
import { BLOCK, END_BYTES, encodeHeader, paddedSize, pathProblem } from "./header.js";
import { type TarWindow, readAt } from "./window.js";

/** An entry as a tar's header describes it. Offsets and sizes are in bytes, from the window's start. */
export interface TarEntry {
  /** Without a closing slash. */
  readonly path: string;
  readonly type: "file" | "directory" | "symlink" | "link";
  /** Where a link points, as written; from foreign archives only. */
  readonly linkpath?: string;
  readonly executable: boolean;
  readonly size: number;
  /** Seconds since 1970. */
  readonly mtime: number;
  readonly headerOffset: number;
  readonly dataOffset: number;
}

type TarFaultKind =
  /** Bytes that are no header, or one whose checksum does not hold. */
  | "checksum"
  /** The file ends inside an entry. */
  | "truncated"
  /** No end blocks. */
  | "end"
  /** Something other than zeros after the end blocks. */
  | "trailing"
  | "duplicate"
  | "path"
  /** A link, a device, or an extension that is not understood. */
  | "type"
  /**
   * Fields that openim-bundler never writes: an owner, another mode or spelling. Of foreign archives:
   * what tar programs read differently.
   */
  | "header"
  /** Bytes other than zero between an entry's data and the next header. */
  | "padding";

/** One thing wrong with a tar's structure. */
export interface TarFault {
  readonly kind: TarFaultKind;
  /** Of the header or byte it is about, in bytes from the window's start. */
  readonly offset: number;
  readonly message: string;
}

export interface TarScan {
  readonly entries: readonly TarEntry[];
  readonly faults: readonly TarFault[];
}

/**
 * `own`: every header must be, byte for byte, what our writer makes of its fields, and every
 * other byte outside the data must be zero, so that no two tar programs can read the archive
 * differently. `foreign`: archives of other tools, with pax and GNU long names, links and owners.
 */
export type TarDialect = "own" | "foreign";

/** What is looked at a time, in bytes, of what follows an archive's end, or of two files that should be one. */
const TRAILING_CHUNK = 1024 * 1024;
const MAX_ENTRIES = 100_000;

/**
 * Reads a tar's headers, seeking over the data, and collects everything wrong with its structure.
 * Stops where the structure cannot be followed any further.
 */
export async function scanTar(window: TarWindow, dialect: TarDialect): Promise<TarScan> {
  const scan = new Scan(window, dialect);
  try {
    await scan.run();
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
  }
  return scan;
}

/** Ends a scan; its fault is among the others. */
class Unreadable extends Error {}

class Scan implements TarScan {
  readonly entries: TarEntry[] = [];
  readonly faults: TarFault[] = [];
  readonly #window: TarWindow;
  readonly #dialect: TarDialect;
  readonly #paths = new Set<string>();
  readonly #decoder: TarDecoder;
  /** Of the header that is being read. */
  #offset = 0;

  constructor(window: TarWindow, dialect: TarDialect) {
    this.#window = window;
    this.#dialect = dialect;
    this.#decoder = new TarDecoder(
      (why) => this.#stop("checksum", this.#offset, why),
      (why) => this.#fault("header", this.#offset, why),
    );
  }

  async run(): Promise<void> {
    const { length } = this.#window;
    for (let next = 0; ;) {
      this.#offset = next;
      if (next + BLOCK > length) {
        // Other readers take the file's end for the archive's; a cut is found by what is missing then.
        if (this.#dialect === "foreign" && next === length && next > 0) {
          this.#decoder.end();
          return;
        }
        const missing = length <= next ? "" : ", in the middle of a header";
        this.#stop("end", next, `it ends at byte ${length} without end blocks${missing}`);
      }
      const block = await readAt(this.#window, next, BLOCK);
      let dataOffset = next + BLOCK;
      let step = this.#decoder.block(block);
      while (step.kind === "map") {
        this.#needs(dataOffset, BLOCK, "the map of a sparse file");
        step = this.#decoder.block(await readAt(this.#window, dataOffset, BLOCK));
        dataOffset += BLOCK;
      }
      if (step.kind === "zeros" || step.kind === "end") {
        await this.#checkEnd(next);
        return;
      }
      if (step.kind === "body") {
        await this.#extend(dataOffset, step.size);
        next = dataOffset + paddedSize(step.size);
        continue;
      }
      const { entry } = step;
      this.#needs(dataOffset, entry.stored, JSON.stringify(entry.name));
      next = dataOffset + entry.stored + entry.padding;
      if (next > length) {
        this.#stop("truncated", length, `it ends in the padding of ${JSON.stringify(entry.name)}`);
      }
      await this.#add(entry, { block, dataOffset });
      if (this.entries.length > MAX_ENTRIES) {
        this.#stop("type", next, `it has more than ${MAX_ENTRIES} entries`);
      }
    }
  }

  async #extend(dataOffset: number, size: number): Promise<void> {
    this.#needs(dataOffset, size, "an extended header");
    if (this.#dialect === "own") {
      this.#fault(
        "type",
        this.#offset,
        "it has an extended header, which openim-bundler never writes",
      );
    }
    this.#decoder.body(await readAt(this.#window, dataOffset, size));
  }

  async #add(
    entry: DecodedEntry,
    { block, dataOffset }: { readonly block: Buffer; readonly dataOffset: number },
  ): Promise<void> {
    const { name, flag, stored, padding, mtime, mode } = entry;
    const isOwn = this.#dialect === "own";
    const offset = this.#offset;
    const path = name.replace(isOwn ? /\/$/ : /^(\.\/)+|\/+$/g, "");
    const at = `the entry ${JSON.stringify(name)}`;
    const type = entryType(entry);
    if (type === undefined || (isOwn && (type === "symlink" || type === "link"))) {
      this.#fault(
        "type",
        offset,
        `${at} is neither a file nor a folder (type ${JSON.stringify(flag)})`,
      );
    } else if (path === "" || path === ".") {
      // `tar -C dir .` writes the folder itself.
      if (isOwn) this.#fault("path", offset, `${at} has no name`);
    } else {
      const problem = pathProblem(path);
      if (problem !== undefined) this.#fault("path", offset, `${at} is refused: ${problem}`);
      else if (this.#paths.has(path)) {
        // A folder named twice is untidy, not ambiguous; some tools write it once per file, or a file
        // that images share once for each.
        const again = isOwn ? false : await this.#isSame(path, type, dataOffset, stored);
        if (!again) this.#fault("duplicate", offset, `${at} occurs twice`);
      } else {
        const found: TarEntry = {
          path,
          type,
          ...(type === "symlink" || type === "link" ? { linkpath: entry.linkname } : {}),
          executable: (mode & 0o100) !== 0,
          size: stored,
          mtime,
          headerOffset: offset,
          dataOffset,
        };
        this.entries.push(found);
        if (isOwn && !isCanonical(block, found)) {
          this.#fault("header", offset, `${at} has a mode, owner or spelling that is not ours`);
        }
      }
      this.#paths.add(path);
    }
    if (!isOwn || isZero(await readAt(this.#window, dataOffset + stored, padding))) return;
    const what = `the padding behind ${JSON.stringify(name)} is not zero`;
    this.#fault("padding", dataOffset + stored, what);
  }

  async #checkEnd(offset: number): Promise<void> {
    const length = this.#window.length - offset;
    if (length < END_BYTES) {
      this.#stop("end", offset, "only one of its two end blocks is there");
    }
    const trailing = length - END_BYTES;
    if (trailing > 0 && this.#dialect === "own") {
      this.#fault("trailing", offset + END_BYTES, `${trailing} bytes follow its end`);
    } else if (!(await this.#isZeroFrom(offset))) {
      this.#fault("trailing", offset, "the end blocks, or what follows them, are not zero");
    }
    this.#decoder.end();
  }

  /** Whether an entry is what an earlier one of its name was, byte for byte. */
  async #isSame(path: string, type: string, dataOffset: number, size: number): Promise<boolean> {
    const known = this.entries.find((entry) => entry.path === path);
    if (known?.type !== type || known.size !== size) return false;
    if (type === "directory") return true;
    if (type !== "file") return false;
    for (let at = 0; at < size; at += TRAILING_CHUNK) {
      const length = Math.min(TRAILING_CHUNK, size - at);
      const one = await readAt(this.#window, known.dataOffset + at, length);
      if (!one.equals(await readAt(this.#window, dataOffset + at, length))) return false;
    }
    return true;
  }

  /** Some tools fill up records, or disks, with zeros. */
  async #isZeroFrom(offset: number): Promise<boolean> {
    const { length } = this.#window;
    for (let at = offset; at < length; at += TRAILING_CHUNK) {
      const size = Math.min(TRAILING_CHUNK, length - at);
      if (!isZero(await readAt(this.#window, at, size))) return false;
    }
    return true;
  }

  /** What is said to follow must be there. */
  #needs(dataOffset: number, size: number, what: string): void {
    const there = this.#window.length - dataOffset;
    if (size <= there) return;
    this.#stop("truncated", this.#offset, `${what} has ${size} bytes, but only ${there} follow`);
  }

  #fault(kind: TarFaultKind, offset: number, message: string): void {
    this.faults.push({ kind, offset, message });
  }

  #stop(kind: TarFaultKind, offset: number, message: string): never {
    this.#fault(kind, offset, message);
    throw new Unreadable();
  }
}

/**
 * A tar's entries, for reading at random; a 2 GiB archive takes milliseconds.
 * @throws BundlerError INTEGRITY naming the file and the byte of the first fault.
 */
export async function readTarIndex(
  window: TarWindow,
  dialect: TarDialect,
): Promise<readonly TarEntry[]> {
  const { entries, faults } = await scanTar(window, dialect);
  const [first] = faults;
  if (first === undefined) return entries;
  throw new BundlerError(
    "INTEGRITY",
    `${window.name} is damaged or not ${dialect === "own" ? "an archive of openim-bundler" : "a tar archive"}: at byte ${first.offset}, ${first.message}.`,
    {
      hint: "Copy the archive again from where it was made, and compare sizes and checksums.",
      details: { file: window.name, offset: first.offset, fault: first.kind },
    },
  );
}

/** The path and size of a file that one header alone tells of; undefined for anything else. */
export function plainFile(
  block: Buffer,
): { readonly path: string; readonly size: number } | undefined {
  try {
    const refuse = (why: string): never => {
      throw new Unreadable(why);
    };
    const step = new TarDecoder(refuse, refuse).block(block);
    if (step.kind !== "entry" || entryType(step.entry) !== "file") return undefined;
    return { path: step.entry.name, size: step.entry.size };
  } catch (error) {
    if (error instanceof Unreadable) return undefined;
    throw error;
  }
}

/** What an archive of files may hold: neither devices nor sparse files. */
function entryType({ flag, runs }: DecodedEntry): TarEntry["type"] | undefined {
  if (runs !== undefined) return undefined;
  return ({ 0: "file", 1: "link", 2: "symlink", 5: "directory" } as const)[flag];
}

function isCanonical(block: Buffer, { path, type, executable, size, mtime }: TarEntry): boolean {
  if (type !== "file" && type !== "directory") return false;
  try {
    return encodeHeader({ path, type, executable, size, mtime }).equals(block);
  } catch {
    return false;
  }
}

function isZero(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0);
}
