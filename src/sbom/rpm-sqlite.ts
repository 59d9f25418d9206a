import { Damage } from "./found.js";

/** What a column holds; numbers that do not fit exactly are of no use here and come rounded. */
type Value = number | string | Buffer | null;

/** The kinds of b-tree pages that a table has (SQLite, "Database File Format", 1.6). */
const INTERIOR = 5;
const LEAF = 13;
const MAGIC = "SQLite format 3\0";
const HEADER_BYTES = 100;
/** More columns than any table has that is read here. */
const MAX_COLUMNS = 64;

/**
 * The records of one table of an SQLite database, in the order of their row ids (SQLite, "Database
 * File Format"). Reads the main file alone: what a write-ahead log beside it changes is not seen. A
 * column that is the row's id is null. Every page is used once, and all rows
 * are no larger than the file, so the work is bounded by it.
 * @throws Damage when it is no such database, has no such table, or leads astray.
 */
export function* readSqliteTable(
  file: Buffer,
  table: string,
): Generator<readonly Value[], void, void> {
  const database = openDatabase(file);
  for (const [type, name, , root] of records(database, 1)) {
    if (type !== "table" || name !== table) continue;
    if (typeof root !== "number") break;
    yield* records(openDatabase(file), root);
    return;
  }
  throw new Damage(`has no table ${table}`);
}

interface Database {
  readonly file: Buffer;
  readonly pageSize: number;
  /** Bytes of a page that hold data. */
  readonly usable: number;
  /** Pages that have been used. */
  readonly used: Set<number>;
  /** Bytes that rows may still have: cells that overlap would make more of a file than it is. */
  room: number;
}

function openDatabase(file: Buffer): Database {
  if (file.length < HEADER_BYTES || file.toString("latin1", 0, MAGIC.length) !== MAGIC) {
    throw new Damage("is no SQLite database");
  }
  const told = file.readUInt16BE(16);
  const pageSize = told === 1 ? 65_536 : told;
  const usable = pageSize - file.readUInt8(20);
  const isPower = pageSize >= 512 && (pageSize & (pageSize - 1)) === 0;
  if (!isPower || usable < 480) throw new Damage("is an SQLite database with impossible pages");
  // Of the encodings only UTF-8 has ever been rpm's.
  if (file.readUInt32BE(56) > 1) throw new Damage("is an SQLite database that is not in UTF-8");
  return { file, pageSize, usable, used: new Set(), room: file.length };
}

/** @throws Damage for a page that is outside the file, or was used before. */
function takePage({ file, pageSize, used }: Database, page: number): Buffer {
  const start = (page - 1) * pageSize;
  if (page < 1 || start + pageSize > file.length) throw new Damage("has pages that are missing");
  if (used.has(page)) throw new Damage("has pages that lead in a circle");
  used.add(page);
  return file.subarray(start, start + pageSize);
}

function* records(database: Database, root: number): Generator<readonly Value[], void, void> {
  const waiting = [root];
  for (let page = waiting.pop(); page !== undefined; page = waiting.pop()) {
    const bytes = takePage(database, page);
    const at = page === 1 ? HEADER_BYTES : 0;
    const kind = bytes.readUInt8(at);
    if (kind !== INTERIOR && kind !== LEAF) throw new Damage("has a page of an unknown kind");
    const cells = bytes.readUInt16BE(at + 3);
    const pointers = at + (kind === LEAF ? 8 : 12);
    if (pointers + 2 * cells > database.usable) throw new Damage("has a page with too many cells");
    if (kind === INTERIOR) {
      waiting.push(bytes.readUInt32BE(at + 8));
      // The leftmost is taken first, so it goes on top.
      for (let cell = cells - 1; cell >= 0; cell -= 1) {
        const offset = bytes.readUInt16BE(pointers + 2 * cell);
        if (offset + 4 > database.usable) throw new Damage("has a cell outside its page");
        waiting.push(bytes.readUInt32BE(offset));
      }
      continue;
    }
    for (let cell = 0; cell < cells; cell += 1) {
      yield record(payloadAt(database, bytes, bytes.readUInt16BE(pointers + 2 * cell)));
    }
  }
}

/** A leaf cell's payload, collected from its overflow pages (1.6, "Cell Payload Overflow Pages"). */
function payloadAt(database: Database, page: Buffer, offset: number): Buffer {
  const { usable } = database;
  const length = varint(page, offset);
  const rowId = varint(page, length.end);
  const size = length.value;
  database.room -= size;
  if (database.room < 0) throw new Damage("has rows that are larger than the file");
  const most = usable - 35;
  const least = Math.floor(((usable - 12) * 32) / 255) - 23;
  const partly = least + ((size - least) % (usable - 4));
  const local = size <= most ? size : partly <= most ? partly : least;
  const start = rowId.end;
  const spilled = size > local;
  if (start + local + (spilled ? 4 : 0) > usable) throw new Damage("has a row outside its page");
  if (!spilled) return page.subarray(start, start + local);
  const parts = [page.subarray(start, start + local)];
  let left = size - local;
  let next = page.readUInt32BE(start + local);
  while (left > 0) {
    const bytes = takePage(database, next);
    const part = bytes.subarray(4, Math.min(usable, 4 + left));
    parts.push(part);
    left -= part.length;
    next = bytes.readUInt32BE(0);
  }
  return Buffer.concat(parts);
}

/** A record's columns (2.1, "Record Format"). */
function record(payload: Buffer): readonly Value[] {
  const { value: headerBytes, end } = varint(payload, 0);
  if (headerBytes > payload.length) throw new Damage("has a row that was cut");
  const values: Value[] = [];
  let body = headerBytes;
  for (let at = end; at < headerBytes;) {
    const type = varint(payload, at);
    at = type.end;
    if (values.length === MAX_COLUMNS) throw new Damage("has a row of too many columns");
    const size = sizeOf(type.value);
    if (body + size > payload.length) throw new Damage("has a row that was cut");
    values.push(valueOf(type.value, payload.subarray(body, body + size)));
    body += size;
  }
  return values;
}

const FIXED_SIZES = [0, 1, 2, 3, 4, 6, 8, 8, 0, 0];

function sizeOf(type: number): number {
  if (type >= 12) return Math.floor((type - 12) / 2);
  const size = FIXED_SIZES[type];
  if (size === undefined) throw new Damage("has a column of an unknown type");
  return size;
}

function valueOf(type: number, bytes: Buffer): Value {
  if (type >= 12) return type % 2 === 0 ? bytes : bytes.toString("utf8");
  if (type === 0) return null;
  if (type === 7) return bytes.readDoubleBE(0);
  if (type >= 8) return type - 8;
  return bytes.length === 8 ? Number(bytes.readBigInt64BE(0)) : bytes.readIntBE(0, bytes.length);
}

/** SQLite's varint: seven bits a byte, the highest first, all eight of a ninth. */
function varint(bytes: Buffer, at: number): { readonly value: number; readonly end: number } {
  let value = 0;
  for (let count = 0; count < 9; count += 1) {
    const byte = bytes[at + count];
    if (byte === undefined) throw new Damage("has a number that was cut");
    if (count === 8) return { value: value * 256 + byte, end: at + 9 };
    value = value * 128 + (byte & 0x7f);
    if (byte < 0x80) return { value, end: at + count + 1 };
  }
  throw new Damage("has a number that was cut");
}
