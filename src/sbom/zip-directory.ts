import { inflateRawSync } from "node:zlib";
import { Damage } from "./found.js";

/** An entry of a zip's central directory. Sizes in bytes, as told, not as found. */
export interface ZipEntry {
  readonly name: string;
  readonly method: number;
  readonly packed: number;
  readonly unpacked: number;
  /** Where its local header begins. */
  readonly offset: number;
}

/** Records of a zip file by their signatures and their least sizes (PKWARE APPNOTE, 4.3). */
const END = { signature: 0x0605_4b50, bytes: 22 };
const CENTRAL = { signature: 0x0201_4b50, bytes: 46 };
const LOCAL = { signature: 0x0403_4b50, bytes: 30 };
const MAX_COMMENT = 65_535;
/** What a field holds when the truth stands in a zip64 record. */
const IN_ZIP64 = 0xffff_ffff;
const METHOD = { stored: 0, deflated: 8 } as const;
const ENCRYPTED = 1;

/**
 * The entries of a zip file by its central directory, of which there are 65,535 at most.
 * @throws Damage when it is no zip file, or its directory is not whole.
 */
export function* zipEntries(file: Buffer): Generator<ZipEntry, void, void> {
  const end = endOf(file);
  let at = file.readUInt32LE(end + 16);
  const count = file.readUInt16LE(end + 10);
  if (at === IN_ZIP64) throw new Damage("is a zip64 file");
  for (let entry = 0; entry < count; entry += 1) {
    if (at + CENTRAL.bytes > end || file.readUInt32LE(at) !== CENTRAL.signature) {
      throw new Damage("is a zip file with a damaged directory");
    }
    const nameBytes = file.readUInt16LE(at + 28);
    const next =
      at + CENTRAL.bytes + nameBytes + file.readUInt16LE(at + 30) + file.readUInt16LE(at + 32);
    if (next > end) throw new Damage("is a zip file with a damaged directory");
    yield {
      name: file.toString("utf8", at + CENTRAL.bytes, at + CENTRAL.bytes + nameBytes),
      method: (file.readUInt16LE(at + 8) & ENCRYPTED) === 0 ? file.readUInt16LE(at + 10) : -1,
      packed: file.readUInt32LE(at + 20),
      unpacked: file.readUInt32LE(at + 24),
      offset: file.readUInt32LE(at + 42),
    };
    at = next;
  }
}

/** The end record: the last one, as a comment of any content may follow it. */
function endOf(file: Buffer): number {
  const least = Math.max(0, file.length - END.bytes - MAX_COMMENT);
  for (let at = file.length - END.bytes; at >= least; at -= 1) {
    if (file.readUInt32LE(at) !== END.signature) continue;
    if (at + END.bytes + file.readUInt16LE(at + 20) === file.length) return at;
  }
  throw new Damage("is no zip file");
}

/**
 * An entry's content; undefined when it is encrypted, packed by an unusual method, damaged, or larger
 * than `limit` bytes or than it claims.
 */
export function zipContent(file: Buffer, entry: ZipEntry, limit: number): Buffer | undefined {
  const { offset, packed, method, unpacked } = entry;
  if (unpacked > limit || offset + LOCAL.bytes > file.length) return undefined;
  if (file.readUInt32LE(offset) !== LOCAL.signature) return undefined;
  const start =
    offset + LOCAL.bytes + file.readUInt16LE(offset + 26) + file.readUInt16LE(offset + 28);
  if (start + packed > file.length) return undefined;
  const bytes = file.subarray(start, start + packed);
  if (method === METHOD.stored) return packed > limit ? undefined : bytes;
  if (method !== METHOD.deflated) return undefined;
  try {
    return inflateRawSync(bytes, { maxOutputLength: Math.max(1, unpacked) });
  } catch {
    return undefined;
  }
}
