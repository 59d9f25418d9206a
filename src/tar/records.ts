import type { Doubt, Fail } from "./block.js";
import { nameOf } from "./name.js";
import { isInt64, isPlainDecimal } from "./number.js";

/** An extended header's records by their keys, values as Latin-1: the bytes as they are. */
export type Records = ReadonlyMap<string, string>;

export const SPARSE_MAP = "GNU.sparse.map";
const SPARSE_OFFSET = "GNU.sparse.offset";
const SPARSE_NUMBYTES = "GNU.sparse.numbytes";

/** Real headers have some ten, those with long access lists a hundred. */
const MAX_RECORDS = 10_000;

/** Records in whose values Go allows no NUL. */
const NAMES = ["path", "linkpath", "uname", "gname"];

/** Records that an entry's header must still stand for where they are empty, or must not be: readers differ. */
const NEVER_EMPTY = /^(?:path|linkpath|size|uid|gid|mtime|atime|ctime|GNU\.sparse\..*)$/;

/** What would make of an entry something else than its header and the records that Go knows say. */
const STRANGE =
  /^(?:SCHILY\.(?:realsize|filetype)|GNU\.(?:volume|dumpdir).*|SCHILY\.xattr\.(?:trusted|user)\.overlay\..*)$/;

/** In a global header, what some readers apply to every entry and Go to none. */
const APPLIED =
  /^(?:path|linkpath|size|uid|gid|uname|gname|charset|hdrcharset|(?:GNU|SCHILY|LIBARCHIVE|SUN|RHT)\..*)$/;

/** Counts records over a whole archive: each costs time. */
export class RecordRoom {
  #left: number;

  constructor(records = 8_000_000) {
    this.#left = records;
  }

  take(count: number, fail: Fail): void {
    this.#left -= count;
    if (this.#left < 0) fail("its extended headers have more records than any archive has");
  }
}

/**
 * Reads an extended header's records as Go's archive/tar does (its parsePAX; POSIX.1-2001 pax, "pax
 * Extended Header"): the last of one key counts, each begins where the one before ends, and nothing
 * else may be there. GNU's first form of a sparse map becomes its second.
 */
export function readRecords(body: Buffer, room: RecordRoom, fail: Fail, doubt: Doubt): Records {
  const text = body.toString("latin1");
  const records = new Map<string, string>();
  const map: string[] = [];
  let count = 0;
  for (let at = 0; at < text.length; count += 1) {
    if (count >= MAX_RECORDS) fail(`an extended header has more than ${MAX_RECORDS} records`);
    const { key, value, next } = recordAt(text, at, fail, doubt);
    if (key === SPARSE_OFFSET || key === SPARSE_NUMBYTES) {
      const isTurn = (map.length % 2 === 0) === (key === SPARSE_OFFSET);
      if (!isTurn || value.includes(",")) fail("the map of a sparse file is out of order");
      map.push(value);
    } else {
      if (records.has(key)) doubt(`an extended header has ${shown(key)} twice`);
      if (value === "" && NEVER_EMPTY.test(key)) doubt(`an extended header has an empty ${key}`);
      records.set(key, value);
    }
    at = next;
  }
  room.take(count, fail);
  if (map.length > 0) {
    if (records.has(SPARSE_MAP)) doubt("it has two maps of a sparse file");
    records.set(SPARSE_MAP, map.join(","));
  }
  return records;
}

interface Record {
  readonly key: string;
  readonly value: string;
  readonly next: number;
}

function recordAt(text: string, at: number, fail: Fail, doubt: Doubt): Record {
  const broken = (): never => fail("an extended header's records are broken");
  const space = text.indexOf(" ", at);
  if (space < 0) broken();
  const digits = text.slice(at, space);
  if (!isInt64(digits)) broken();
  const length = Number(digits);
  const next = at + length;
  const end = next - 1;
  if (length < 5 || next > text.length || end <= space || text[end] !== "\n") broken();
  if (!isPlainDecimal(digits)) doubt("an extended header's record has an odd length");
  const equals = text.indexOf("=", space);
  if (equals < 0 || equals >= end || equals === space + 1) broken();
  const key = text.slice(space + 1, equals);
  const value = text.slice(equals + 1, end);
  if (NAMES.includes(key) ? value.includes("\0") : key.includes("\0")) broken();
  return { key, value, next };
}

/** Checks those values that Go must be able to read, though nothing here needs them. */
export function checkTimesAndOwners(records: Records, fail: Fail): void {
  for (const key of ["uid", "gid", "mtime", "atime", "ctime"]) {
    const value = records.get(key) ?? "";
    if (value === "") continue;
    const dot = key.endsWith("time") ? value.indexOf(".") : -1;
    const whole = dot < 0 ? value : value.slice(0, dot);
    if (!isInt64(whole) || (dot >= 0 && !/^\d*$/.test(value.slice(dot + 1)))) {
      fail(`an extended header has a ${key} that is no number`);
    }
  }
}

/** Doubts what an entry's own records say beside what Go reads of them. */
export function doubtStrange(records: Records, doubt: Doubt): void {
  for (const key of records.keys()) {
    if (STRANGE.test(key))
      doubt(`an extended header has ${shown(key)}, which only some readers follow`);
  }
}

/** Doubts what a global header says: engines pass it over. */
export function doubtGlobal(records: Records, doubt: Doubt): void {
  for (const key of records.keys()) {
    if (APPLIED.test(key))
      doubt(`a global header sets ${shown(key)}, which only some readers follow`);
  }
}

/** A record's value as a name; undefined where there is none, or an empty one, which stands for none. */
export function recordName(records: Records | undefined, key: string): string | undefined {
  const value = records?.get(key) ?? "";
  return value === "" ? undefined : nameOf(Buffer.from(value, "latin1"));
}

function shown(key: string): string {
  return JSON.stringify(key.length > 60 ? `${key.slice(0, 60)}…` : key);
}
