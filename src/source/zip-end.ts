import type { FileHandle } from "node:fs/promises";
import type { Refuse } from "./tree.js";

/** What stands at the end of a zip (PKWARE APPNOTE 6.3, sections 4.3.14 to 4.3.16). */
export interface ZipEnd {
  readonly comment: string;
  readonly entries: number;
  /** Where the central directory begins, in bytes; all content lies before it. */
  readonly directoryOffset: number;
}

const END = { signature: 0x06054b50, bytes: 22 };
const LOCATOR = { signature: 0x07064b50, bytes: 20 };
const END64 = { signature: 0x06064b50, bytes: 56 };
const MAX_COMMENT = 0xffff;

/**
 * Reads and checks a zip's end records, before node-stream-zip trusts them: it takes whatever looks
 * like one for the end, and a zip64 record that is not there throws where nobody can catch it.
 * @throws BundlerError INTEGRITY for what is no zip, was cut short, has bytes behind its end, or is
 *   one of several parts.
 */
export async function readZipEnd(handle: FileHandle, refuse: Refuse): Promise<ZipEnd> {
  const { size } = await handle.stat();
  const start = Math.max(0, size - END.bytes - MAX_COMMENT);
  const tail = await readAt(handle, start, size - start);
  const at = tail.lastIndexOf(Buffer.from("PK\u0005\u0006", "latin1"));
  if (at < 0 || at + END.bytes > tail.length) {
    throw refuse("it has no end record: it is no zip, or was cut short");
  }
  const end = tail.subarray(at);
  if (end.readUInt16LE(20) !== end.length - END.bytes) {
    throw refuse("its comment does not end where the file ends: it is damaged, or was appended to");
  }
  const endOffset = start + at;
  const record = {
    comment: end.subarray(END.bytes).toString("utf8"),
    disk: Math.max(end.readUInt16LE(4), end.readUInt16LE(6)),
    here: end.readUInt16LE(8),
    entries: end.readUInt16LE(10),
    directorySize: end.readUInt32LE(12),
    directoryOffset: end.readUInt32LE(16),
    recordOffset: endOffset,
  };
  // As node-stream-zip decides it.
  const is64 =
    (record.here === 0xffff && record.entries === 0xffff) ||
    record.directorySize === 0xffffffff ||
    record.directoryOffset === 0xffffffff;
  const checked = is64 ? { ...record, ...(await readEnd64(handle, endOffset, refuse)) } : record;
  const { comment, disk, here, entries, directorySize, directoryOffset, recordOffset } = checked;
  if (disk !== 0 || here !== entries) throw refuse("it is one part of a zip in several parts");
  if (!(directoryOffset + directorySize <= recordOffset)) {
    throw refuse("its directory lies outside of the file: it is damaged");
  }
  return { comment, entries, directoryOffset };
}

async function readEnd64(handle: FileHandle, endOffset: number, refuse: Refuse) {
  const missing = refuse("its zip64 end record is missing or damaged");
  const locatorOffset = endOffset - LOCATOR.bytes;
  if (locatorOffset < END64.bytes) throw missing;
  const locator = await readAt(handle, locatorOffset, LOCATOR.bytes);
  // Right before the locator is where every tool writes it, and where all of them look.
  const recordOffset = locatorOffset - END64.bytes;
  if (
    locator.readUInt32LE(0) !== LOCATOR.signature ||
    locator.readBigUInt64LE(8) !== BigInt(recordOffset)
  ) {
    throw missing;
  }
  const record = await readAt(handle, recordOffset, END64.bytes);
  if (record.readUInt32LE(0) !== END64.signature) throw missing;
  return {
    disk: Math.max(record.readUInt32LE(16), record.readUInt32LE(20)),
    here: Number(record.readBigUInt64LE(24)),
    entries: Number(record.readBigUInt64LE(32)),
    directorySize: Number(record.readBigUInt64LE(40)),
    directoryOffset: Number(record.readBigUInt64LE(48)),
    recordOffset,
  };
}

/** Exactly `length` bytes, fewer only where the file ends. */
export async function readAt(handle: FileHandle, offset: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await handle.read(buffer, done, length - done, offset + done);
    if (bytesRead === 0) return buffer.subarray(0, done);
    done += bytesRead;
  }
  return buffer;
}
