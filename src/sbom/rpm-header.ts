import { Damage } from "./found.js";

/** What is read of a package's header in rpm's database; absent where it has no such tag. */
export interface RpmHeader {
  readonly name?: string;
  readonly version?: string;
  readonly release?: string;
  readonly epoch?: number;
  readonly license?: string;
  readonly architecture?: string;
  readonly sourceRpm?: string;
  readonly modularityLabel?: string;
}

/** rpm's own limits of a header (rpm, lib/header.cc): entries, and bytes of data. */
const MAX_ENTRIES = 65_535;
const MAX_DATA = 256 * 1024 * 1024;
const ENTRY_BYTES = 16;
const MAX_STRING = 4096;

const TAGS: ReadonlyMap<number, Exclude<keyof RpmHeader, "epoch">> = new Map([
  [1000, "name"],
  [1001, "version"],
  [1002, "release"],
  [1014, "license"],
  [1022, "architecture"],
  [1044, "sourceRpm"],
  [5096, "modularityLabel"],
]);
const EPOCH = 1003;

/** The types that a text may have: one string, several, or one per language, of which the first counts. */
const TEXT_TYPES: ReadonlySet<number> = new Set([6, 8, 9]);
const INT32 = 4;

/**
 * Reads a header as rpm's databases keep it: without the magic that it has in a package file (rpm,
 * docs/manual/format_header.md).
 * @throws Damage when its sizes or offsets lead outside it.
 */
export function readRpmHeader(blob: Buffer): RpmHeader {
  if (blob.length < 8) throw new Damage("has a header that was cut");
  const entries = blob.readUInt32BE(0);
  const dataBytes = blob.readUInt32BE(4);
  const start = 8 + entries * ENTRY_BYTES;
  if (entries > MAX_ENTRIES || dataBytes > MAX_DATA || start + dataBytes > blob.length) {
    throw new Damage("has a header that is larger than its place");
  }
  const data = blob.subarray(start, start + dataBytes);
  const header: { -readonly [K in keyof RpmHeader]: RpmHeader[K] } = {};
  for (let at = 8; at < start; at += ENTRY_BYTES) {
    const tag = blob.readUInt32BE(at);
    const name = TAGS.get(tag);
    if (name === undefined && tag !== EPOCH) continue;
    const type = blob.readUInt32BE(at + 4);
    const offset = blob.readUInt32BE(at + 8);
    if (offset >= data.length) throw new Damage("has a header that points outside itself");
    if (name !== undefined && TEXT_TYPES.has(type)) header[name] = textAt(data, offset);
    else if (tag === EPOCH && type === INT32 && offset + 4 <= data.length) {
      header.epoch = data.readUInt32BE(offset);
    }
  }
  return header;
}

function textAt(data: Buffer, offset: number): string {
  const window = data.subarray(offset, offset + MAX_STRING);
  const end = window.indexOf(0);
  if (end < 0) throw new Damage("has a header with a string that does not end");
  return window.toString("utf8", 0, end);
}
