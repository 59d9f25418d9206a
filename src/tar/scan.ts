import { Header } from "tar";
import { BundlerError, messageOf } from "../core/errors.js";
import { PendingExtensions } from "./extensions.js";
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
  /** Fields that openim-bundler never writes: an owner, another mode or spelling. */
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

/** Record padding that other tools put behind the end blocks. */
const MAX_TRAILING = 1024 * 1024;
const MAX_ENTRIES = 100_000;

/**
 * Reads a tar's headers, seeking over the data, and collects everything wrong with its structure.
 * Stops where the structure cannot be followed any further.
 */
export async function scanTar(window: TarWindow, dialect: TarDialect): Promise<TarScan> {
  const entries: TarEntry[] = [];
  const faults: TarFault[] = [];
  const fault = (kind: TarFaultKind, offset: number, message: string): void => {
    faults.push({ kind, offset, message });
  };
  const paths = new Set<string>();
  const pending = new PendingExtensions();
  let offset = 0;
  for (;;) {
    if (offset + BLOCK > window.length) {
      const missing = window.length <= offset ? "" : ", in the middle of a header";
      fault("end", offset, `it ends at byte ${window.length} without end blocks${missing}`);
      break;
    }
    const block = await readAt(window, offset, BLOCK);
    if (isZero(block)) {
      await checkEnd(window, offset, dialect, fault);
      if (!pending.empty) fault("type", offset, "it ends after a long name without its entry");
      break;
    }
    const header = decodeHeader(block, pending);
    if (typeof header === "string") {
      fault("checksum", offset, header);
      break;
    }
    const { size, path: rawPath, mtime } = header;
    const dataOffset = offset + BLOCK;
    const next = dataOffset + paddedSize(size);
    if (dataOffset + size > window.length) {
      fault(
        "truncated",
        offset,
        `${JSON.stringify(rawPath)} has ${size} bytes, but only ${window.length - dataOffset} follow`,
      );
      break;
    }
    if (next > window.length) {
      fault("truncated", window.length, `it ends in the padding of ${JSON.stringify(rawPath)}`);
      break;
    }
    if (dialect === "foreign" && PendingExtensions.isExtension(header.kind)) {
      const problem = await pending.add(header.kind, { ...window, dataOffset, size });
      if (problem !== undefined) {
        fault("type", offset, problem);
        break;
      }
      offset = next;
      continue;
    }
    const path = rawPath.replace(dialect === "foreign" ? /^(\.\/)+|\/+$/g : /\/$/, "");
    const type = entryType(header.kind);
    const at = `the entry ${JSON.stringify(rawPath)}`;
    if (type === undefined || (dialect === "own" && (type === "symlink" || type === "link"))) {
      fault("type", offset, `${at} is neither a file nor a folder (${header.kind})`);
    } else if (path === "" || path === ".") {
      // `tar -C dir .` writes the folder itself.
      if (dialect === "own") fault("path", offset, `${at} has no name`);
    } else {
      const problem = pathProblem(path);
      if (problem !== undefined) fault("path", offset, `${at} is refused: ${problem}`);
      else if (paths.has(path)) {
        // A folder named twice is untidy, not ambiguous; some tools write it once per file.
        if (dialect === "own" || type !== "directory") {
          fault("duplicate", offset, `${at} occurs twice`);
        }
      } else {
        const executable = (header.mode & 0o100) !== 0;
        const entry: TarEntry = {
          path,
          type,
          ...(type === "symlink" || type === "link" ? { linkpath: header.linkpath } : {}),
          executable,
          size,
          mtime,
          headerOffset: offset,
          dataOffset,
        };
        entries.push(entry);
        if (dialect === "own" && !isCanonical(block, entry)) {
          fault("header", offset, `${at} has a mode, owner or spelling that is not ours`);
        }
      }
      paths.add(path);
    }
    if (
      dialect === "own" &&
      !isZero(await readAt(window, dataOffset + size, next - dataOffset - size))
    ) {
      fault(
        "padding",
        dataOffset + size,
        `the padding behind ${JSON.stringify(rawPath)} is not zero`,
      );
    }
    pending.clear();
    offset = next;
    if (entries.length > MAX_ENTRIES) {
      fault("type", offset, `it has more than ${MAX_ENTRIES} entries`);
      break;
    }
  }
  return { entries, faults };
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

export interface DecodedHeader {
  readonly path: string;
  readonly kind: string;
  readonly linkpath: string;
  readonly size: number;
  readonly mode: number;
  readonly mtime: number;
}

/** The fields, with pending long names and pax fields applied, or what is wrong. */
export function decodeHeader(block: Buffer, pending: PendingExtensions): DecodedHeader | string {
  let header: Header;
  try {
    header = new Header(block, 0, pending.local, pending.global);
  } catch (error) {
    return `the header cannot be read (${messageOf(error)})`;
  }
  if (!header.cksumValid) return "there is no header whose checksum holds";
  // Header puts a ustar prefix before a pax path and forgets a pax link, so both are taken from here.
  const own = PendingExtensions.isExtension(header.type) ? undefined : pending.local;
  const path = own?.path ?? header.path;
  const { size, mode, mtime } = header;
  if (path === undefined || size === undefined || !Number.isSafeInteger(size)) {
    return "the header has no valid name or size";
  }
  return {
    path,
    kind: header.type,
    linkpath: own?.linkpath ?? header.linkpath ?? "",
    size,
    mode: mode ?? 0o644,
    mtime: Math.floor((mtime?.getTime() ?? 0) / 1000),
  };
}

export function entryType(kind: string): TarEntry["type"] | undefined {
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

function isCanonical(block: Buffer, { path, type, executable, size, mtime }: TarEntry): boolean {
  if (type !== "file" && type !== "directory") return false;
  try {
    return encodeHeader({ path, type, executable, size, mtime }).equals(block);
  } catch {
    return false;
  }
}

async function checkEnd(
  window: TarWindow,
  offset: number,
  dialect: TarDialect,
  fault: (kind: TarFaultKind, offset: number, message: string) => void,
): Promise<void> {
  const length = window.length - offset;
  if (length < END_BYTES) {
    fault("end", offset, "only one of its two end blocks is there");
    return;
  }
  const trailing = length - END_BYTES;
  if (trailing > (dialect === "own" ? 0 : MAX_TRAILING)) {
    fault("trailing", offset + END_BYTES, `${trailing} bytes follow its end`);
  } else if (!isZero(await readAt(window, offset, length))) {
    fault("trailing", offset, "the end blocks, or what follows them, are not zero");
  }
}

function isZero(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0);
}
