import { Damage } from "./found.js";

/** Marks and places in a Berkeley DB file (Berkeley DB 5.3, src/dbinc/db_page.h). */
const HASH_MAGIC = 0x0006_1561;
const META_BYTES = 72;
const PAGE_HEADER_BYTES = 26;
const PAGE = { hashUnsorted: 2, overflow: 7, hashMeta: 8, hash: 13 } as const;
const ITEM = { inline: 1, offPage: 3 } as const;

interface Hash {
  readonly file: Buffer;
  readonly pageBytes: number;
  readonly u16: (bytes: Buffer, at: number) => number;
  readonly u32: (bytes: Buffer, at: number) => number;
  /** Overflow pages that have been used: each belongs to one value. */
  readonly used: Set<number>;
}

/**
 * The headers in a hash database of Berkeley DB, `Packages` of rpm before 4.16, page by page. The
 * record of key 0, which counts the packages, is left out. Each page is used once, so the work is
 * bounded by the file.
 * @throws Damage when it is no such database, or leads astray.
 */
export function* readBdbHash(file: Buffer): Generator<Buffer, void, void> {
  const hash = openHash(file);
  const { pageBytes, u16, u32 } = hash;
  const last = u32(file, 32);
  if ((last + 1) * pageBytes > file.length) throw new Damage("is a Berkeley DB that was cut");
  for (let number = 1; number <= last; number += 1) {
    const page = file.subarray(number * pageBytes, (number + 1) * pageBytes);
    const type = page.readUInt8(25);
    if (type !== PAGE.hash && type !== PAGE.hashUnsorted) continue;
    const items = u16(page, 20);
    if (PAGE_HEADER_BYTES + 2 * items > pageBytes) throw new Damage("has a page of too many items");
    // Items come in pairs of a key and a value, from the page's end towards its beginning.
    for (let item = 0; item + 1 < items; item += 2) {
      const key = itemAt(hash, page, item);
      const value = itemAt(hash, page, item + 1);
      if (key.length !== 4 || u32(key, 0) !== 0) yield value;
    }
  }
}

function openHash(file: Buffer): Hash {
  const magic = file.length < META_BYTES ? undefined : file.readUInt32LE(12);
  const isBig = magic !== HASH_MAGIC && magic !== undefined && file.readUInt32BE(12) === HASH_MAGIC;
  if (magic !== HASH_MAGIC && !isBig) throw new Damage("is no hash database of Berkeley DB");
  const u16 = (bytes: Buffer, at: number): number =>
    isBig ? bytes.readUInt16BE(at) : bytes.readUInt16LE(at);
  const u32 = (bytes: Buffer, at: number): number =>
    isBig ? bytes.readUInt32BE(at) : bytes.readUInt32LE(at);
  const pageBytes = u32(file, 20);
  const isPower = (pageBytes & (pageBytes - 1)) === 0;
  if (!isPower || pageBytes < 512 || pageBytes > 65_536 || pageBytes > file.length) {
    throw new Damage("is a Berkeley DB with impossible pages");
  }
  if (file.readUInt8(24) !== 0) throw new Damage("is an encrypted Berkeley DB");
  if (file.readUInt8(25) !== PAGE.hashMeta) throw new Damage("is a Berkeley DB that is no hash");
  return { file, pageBytes, u16, u32, used: new Set() };
}

function itemAt(hash: Hash, page: Buffer, item: number): Buffer {
  const { pageBytes, u16, u32 } = hash;
  const start = u16(page, PAGE_HEADER_BYTES + 2 * item);
  const end = item === 0 ? pageBytes : u16(page, PAGE_HEADER_BYTES + 2 * (item - 1));
  if (start < PAGE_HEADER_BYTES || start >= end || end > pageBytes) {
    throw new Damage("has an item outside its page");
  }
  const type = page.readUInt8(start);
  if (type === ITEM.inline) return page.subarray(start + 1, end);
  if (type !== ITEM.offPage || start + 12 > pageBytes) throw new Damage("has an unknown item");
  return overflow(hash, u32(page, start + 4), u32(page, start + 8));
}

/** A value too large for a page, from the chain of pages that holds it. */
function overflow(hash: Hash, first: number, length: number): Buffer {
  const { file, pageBytes, u16, u32, used } = hash;
  if (length > file.length) throw new Damage("has a value that is larger than the file");
  const parts: Buffer[] = [];
  let left = length;
  for (let number = first; left > 0;) {
    const start = number * pageBytes;
    if (number === 0 || start + pageBytes > file.length) throw new Damage("has pages missing");
    if (used.has(number)) throw new Damage("has pages that lead in a circle");
    used.add(number);
    const page = file.subarray(start, start + pageBytes);
    const bytes = u16(page, 22);
    if (
      page.readUInt8(25) !== PAGE.overflow ||
      bytes === 0 ||
      bytes > pageBytes - PAGE_HEADER_BYTES
    )
      throw new Damage("has a value that leads to no value's page");
    const part = page.subarray(PAGE_HEADER_BYTES, PAGE_HEADER_BYTES + Math.min(bytes, left));
    parts.push(part);
    left -= part.length;
    number = u32(page, 16);
  }
  return Buffer.concat(parts);
}
