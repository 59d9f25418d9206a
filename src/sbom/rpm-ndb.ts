import { Damage } from "./found.js";

/** Sizes and marks of rpm's own database (rpm, lib/backend/ndb/rpmpkg.c); numbers are little-endian. */
const HEADER_BYTES = 32;
const SLOT_BYTES = 16;
const BLOCK_BYTES = 16;
const PAGE_BYTES = 4096;
const BLOB_HEAD_BYTES = 16;
const DATABASE_MARK = "RpmP";
const SLOT_MARK = "Slot";
const BLOB_MARK = "BlbS";

/**
 * The headers in an ndb database, `Packages.db`, in the order of its slots. Each is a view of the
 * file, of which slots may make more than one.
 * @throws Damage when it is no such database, or leads outside itself.
 */
export function* readNdb(file: Buffer): Generator<Buffer, void, void> {
  if (file.length < PAGE_BYTES || file.toString("latin1", 0, 4) !== DATABASE_MARK) {
    throw new Damage("is no ndb database of rpm");
  }
  const version = file.readUInt32LE(4);
  if (version !== 0) throw new Damage(`is an ndb database of the unknown version ${version}`);
  const end = file.readUInt32LE(12) * PAGE_BYTES;
  if (end > file.length) throw new Damage("is an ndb database that was cut");
  for (let at = HEADER_BYTES; at < end; at += SLOT_BYTES) {
    if (file.toString("latin1", at, at + 4) !== SLOT_MARK) throw new Damage("has a damaged slot");
    const index = file.readUInt32LE(at + 4);
    const block = file.readUInt32LE(at + 8);
    if (block === 0) continue;
    yield blobAt(file, block * BLOCK_BYTES, index);
  }
}

function blobAt(file: Buffer, start: number, index: number): Buffer {
  const data = start + BLOB_HEAD_BYTES;
  if (data > file.length || file.toString("latin1", start, start + 4) !== BLOB_MARK) {
    throw new Damage("has a slot that leads to no header");
  }
  const length = file.readUInt32LE(start + 12);
  if (file.readUInt32LE(start + 4) !== index || data + length > file.length) {
    throw new Damage("has a header that is damaged or cut");
  }
  return file.subarray(data, data + length);
}
