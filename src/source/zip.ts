import { type FileHandle, open } from "node:fs/promises";
import { crc32, createInflateRaw } from "node:zlib";
import { pipeline } from "node:stream";
import StreamZip from "node-stream-zip";
import { interrupted, messageOf } from "../core/errors.js";
import { TOO_DENSE, mostUnpacked } from "./ratio.js";
import { type RawEntry, type Refuse, Tree, quoted } from "./tree.js";
import type { SourceEntry } from "./types.js";
import { type ZipEnd, readAt, readZipEnd } from "./zip-end.js";

type ZipEntry = StreamZip.ZipEntry;

const LOCAL = { signature: 0x04034b50, bytes: 30 };
const STORED = 0;
const DEFLATED = 8;

/** Of node-stream-zip, in bytes: its own guess is smaller than one entry with a long path can be. */
const CHUNK = 128 * 1024;

const MAX_LINK_BYTES = 4096;

interface Reading {
  readonly path: string;
  readonly refuse: Refuse;
  /** What the archive's comment must be. */
  readonly commit?: string;
  readonly strip: number;
  readonly signal: AbortSignal;
}

interface Planned {
  readonly path: string;
  readonly raw: RawEntry;
  readonly entry: ZipEntry;
}

/**
 * A zip's tree in the order of its directory. Its names, links and sizes have all been checked when
 * the first entry comes; content is checked (size, CRC) while it is read.
 * @throws BundlerError INTEGRITY, INTERRUPTED; what the file system threw.
 */
export async function* zipEntries(reading: Reading): AsyncGenerator<SourceEntry, void, void> {
  const handle = await open(reading.path);
  try {
    const end = await readZipEnd(handle, reading.refuse);
    checkComment(end, reading);
    const listed = await readDirectory(handle, end, reading.refuse);
    checkSizes(listed, (await handle.stat()).size, end, reading.refuse);
    for (const { path, raw, entry } of await planTree(handle, listed, end, reading)) {
      if (reading.signal.aborted) throw interrupted();
      yield {
        path,
        type: raw.type,
        executable: raw.type === "file" && (modeOf(entry) & 0o100) !== 0,
        size: raw.size,
        ...(raw.linkpath === undefined ? {} : { linkpath: raw.linkpath }),
        content: () => (raw.type === "file" ? contentOf(handle, entry, end, reading) : nothing()),
      };
    }
  } finally {
    await handle.close();
  }
}

function checkComment({ comment }: ZipEnd, { commit, refuse }: Reading): void {
  if (commit === undefined || comment === commit) return;
  const found = comment === "" ? "it has no comment" : `its comment is ${quoted(comment)}`;
  throw refuse(`${found}, expected the commit ${commit} that git writes there`);
}

/** What node-stream-zip finds, in the directory's order, with paths that occur twice. */
async function readDirectory(
  handle: FileHandle,
  { entries }: ZipEnd,
  refuse: Refuse,
): Promise<readonly ZipEntry[]> {
  if (entries === 0) return [];
  const listed: ZipEntry[] = [];
  await new Promise<void>((resolve, reject) => {
    const zip = new StreamZip({
      fd: handle.fd,
      chunkSize: CHUNK,
      storeEntries: false,
      // Our own check says what is wrong.
      skipEntryNameValidation: true,
    });
    zip.on("entry", (entry) => {
      listed.push(entry);
      if (listed.length > MAX_LISTED) throw new Error("it has too many entries");
    });
    zip.on("ready", resolve);
    zip.on("error", (error) => reject(refuse(`its directory is damaged: ${messageOf(error)}`)));
  });
  return listed;
}

/** Memory's bound while the directory is read; the tree's own bound is lower. */
const MAX_LISTED = 250_000;

/** Promises of the directory, which reading the content then holds it to. */
function checkSizes(
  listed: readonly ZipEntry[],
  fileSize: number,
  { directoryOffset }: ZipEnd,
  refuse: Refuse,
): void {
  let unpacked = 0;
  let end = 0;
  for (const entry of listed.toSorted((a, b) => a.offset - b.offset)) {
    const { name, size, offset, compressedSize } = entry;
    if (entry.encrypted) throw refuse(`the entry ${quoted(name)} is encrypted`);
    if (entry.method !== STORED && entry.method !== DEFLATED) {
      throw refuse(`the entry ${quoted(name)} is packed by method ${entry.method}, not known here`);
    }
    if (!Number.isSafeInteger(size) || !Number.isSafeInteger(compressedSize) || offset < end) {
      throw refuse(`the entry ${quoted(name)} overlaps another: it is damaged, or made to mislead`);
    }
    end = offset + LOCAL.bytes + compressedSize;
    unpacked += size;
  }
  if (end > directoryOffset) throw refuse("an entry reaches into its directory: it is damaged");
  if (unpacked > mostUnpacked(fileSize)) throw refuse(TOO_DENSE);
}

async function planTree(
  handle: FileHandle,
  listed: readonly ZipEntry[],
  end: ZipEnd,
  reading: Reading,
): Promise<readonly Planned[]> {
  const tree = new Tree(reading.strip, reading.refuse);
  const planned: Planned[] = [];
  for (const entry of listed) {
    const raw = await rawOf(handle, entry, end, reading);
    const path = tree.add(raw);
    if (path !== undefined) planned.push({ path, raw, entry });
  }
  return planned;
}

async function rawOf(
  handle: FileHandle,
  entry: ZipEntry,
  end: ZipEnd,
  reading: Reading,
): Promise<RawEntry> {
  const path = entry.name;
  const refuse = (why: string) => reading.refuse(`the entry ${quoted(path)} ${why}`);
  const type = typeOf(entry);
  if (type === undefined) throw refuse("is neither a file nor a folder nor a link");
  if (type === "file") return { path, type, size: entry.size };
  if (type === "directory") {
    if (entry.size > 0) throw refuse("is a folder that has bytes");
    return { path, type, size: 0 };
  }
  if (entry.size > MAX_LINK_BYTES) throw refuse(`links to a path of ${entry.size} bytes`);
  const chunks: Uint8Array[] = [];
  for await (const chunk of contentOf(handle, entry, end, reading)) chunks.push(chunk);
  return { path, type, size: 0, linkpath: Buffer.concat(chunks).toString("utf8") };
}

/** The Unix mode; 0 where another system made the entry (APPNOTE 4.4.2, and Info-ZIP's use of 4.4.15). */
function modeOf({ verMade, attr }: ZipEntry): number {
  return verMade >> 8 === 3 ? attr >>> 16 : 0;
}

function typeOf(entry: ZipEntry): RawEntry["type"] | undefined {
  const kind = modeOf(entry) & 0o170000;
  if (entry.name.endsWith("/")) return kind === 0 || kind === 0o040000 ? "directory" : undefined;
  if (kind === 0 || kind === 0o100000) return "file";
  return kind === 0o120000 ? "symlink" : undefined;
}

async function* nothing(): AsyncGenerator<Uint8Array, void, void> {
  // A folder or a link.
}

/**
 * An entry's bytes, held to its size and CRC. node-stream-zip's own streams check neither where the
 * entry has a data descriptor, and bring the process down when they are not read to their end.
 */
async function* contentOf(
  handle: FileHandle,
  entry: ZipEntry,
  { directoryOffset }: ZipEnd,
  { refuse, signal }: Reading,
): AsyncGenerator<Uint8Array, void, void> {
  const damaged = (why: string) => refuse(`the entry ${quoted(entry.name)} is damaged: ${why}`);
  const start = await contentOffset(handle, entry, damaged);
  if (start + entry.compressedSize > directoryOffset)
    throw damaged("it reaches into the directory");
  let size = 0;
  let crc = 0;
  try {
    for await (const chunk of unpack(handle, start, entry)) {
      if (signal.aborted) throw interrupted();
      size += chunk.length;
      if (size > entry.size) throw damaged(`it has more than its ${entry.size} bytes`);
      crc = crc32(chunk, crc);
      yield chunk;
    }
  } catch (error) {
    throw isZlib(error) ? damaged(messageOf(error)) : error;
  }
  if (size !== entry.size) throw damaged(`it has ${size} of its ${entry.size} bytes`);
  if (crc !== entry.crc) throw damaged(`its CRC is ${hex(crc)}, expected ${hex(entry.crc)}`);
}

/** Behind the local header, which must agree with the directory: tools differ in which they believe. */
async function contentOffset(
  handle: FileHandle,
  entry: ZipEntry,
  damaged: Refuse,
): Promise<number> {
  const name = Buffer.from(entry.name);
  const header = await readAt(handle, entry.offset, LOCAL.bytes + name.length);
  if (header.length < LOCAL.bytes || header.readUInt32LE(0) !== LOCAL.signature) {
    throw damaged("it has no local header");
  }
  if ((header.readUInt16LE(6) & 1) !== 0) throw damaged("its local header says it is encrypted");
  if (
    header.readUInt16LE(8) !== entry.method ||
    header.readUInt16LE(26) !== name.length ||
    !header.subarray(LOCAL.bytes).equals(name)
  ) {
    throw damaged("its local header says something else than the directory");
  }
  return entry.offset + LOCAL.bytes + name.length + header.readUInt16LE(28);
}

function unpack(
  handle: FileHandle,
  start: number,
  { compressedSize, method }: ZipEntry,
): AsyncIterable<Uint8Array> {
  if (compressedSize === 0) return nothing();
  const packed = handle.createReadStream({
    start,
    end: start + compressedSize - 1,
    autoClose: false,
    highWaterMark: 256 * 1024,
  });
  if (method === STORED) return packed;
  // Errors of either stream come out of the last one; ending early ends both.
  return pipeline(packed, createInflateRaw({ chunkSize: 64 * 1024 }), () => undefined);
}

function isZlib(error: unknown): boolean {
  return error instanceof Error && "code" in error && String(error.code).startsWith("Z_");
}

function hex(crc: number): string {
  return crc.toString(16).padStart(8, "0");
}
