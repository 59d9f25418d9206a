import { isAscii } from "node:buffer";
import { fieldText } from "./name.js";
import { isPlainNumber, numberAt, octalAt } from "./number.js";

/** Says what is wrong with an archive, and does not return. */
export type Fail = (why: string) => never;

/** Is told of what no honest program writes, since readers differ about it. */
export type Doubt = (why: string) => void;

/** A header's own fields, without what extended headers say about them. */
export interface Block {
  /** The type's one character; NUL for old files. */
  readonly flag: string;
  readonly format: "v7" | "ustar" | "star" | "gnu";
  /** With the prefix before it. */
  readonly name: string;
  readonly linkname: string;
  readonly size: number;
  readonly mode: number;
  /** Seconds since 1970. */
  readonly mtime: number;
  /** A device's numbers are both 0, which overlayfs takes as "this name is gone". */
  readonly isNullDevice: boolean;
  /** Bytes behind the NUL that ends the name or the link's target, where only some readers stop. */
  readonly isNameCut: boolean;
  readonly isLinkCut: boolean;
}

/** Fields by offset and length (POSIX.1-2001 pax, "ustar Interchange Format"; GNU tar, "Basic Tar Format"). */
const NAME = [0, 100] as const;
const MODE = [100, 8] as const;
const UID = [108, 8] as const;
const GID = [116, 8] as const;
const SIZE = [124, 12] as const;
const MTIME = [136, 12] as const;
const CHECKSUM = [148, 8] as const;
const FLAG = 156;
const LINK = [157, 100] as const;
const MAGIC = 257;
const MAJOR = [329, 8] as const;
const MINOR = [337, 8] as const;
const PREFIX = [345, 155] as const;
const GNU_ATIME = [345, 12] as const;
const GNU_CTIME = [357, 12] as const;
const STAR_PREFIX = [345, 131] as const;
const STAR_ATIME = [476, 12] as const;
const STAR_CTIME = [488, 12] as const;
const STAR_TRAILER = 508;

const NUMBERS = { mode: MODE, uid: UID, gid: GID, size: SIZE, mtime: MTIME } as const;

/**
 * Reads a header block as Go's archive/tar does (its readHeader), which every engine is built on.
 * @param block of 512 bytes, not all of them zero
 */
export function readBlock(block: Buffer, fail: Fail, doubt: Doubt): Block {
  checkSum(block, fail, doubt);
  const flag = block.toString("latin1", FLAG, FLAG + 1);
  const format = formatOf(block);
  const number = ([at, length]: readonly [number, number]): number =>
    numberAt(block, at, length) ?? fail("the header has a number that cannot be read");
  const mode = number(MODE);
  const size = number(SIZE);
  const mtime = number(MTIME);
  number(UID);
  number(GID);
  for (const [what, [at, length]] of Object.entries(NUMBERS)) {
    if (!isPlainNumber(block, at, length)) doubt(`its ${what} is written in an odd way`);
  }
  // The oldest format has no place for a device's numbers.
  let isNullDevice = flag === "3";
  let prefix = "";
  if (format !== "v7") {
    const [major, minor] = [number(MAJOR), number(MINOR)];
    isNullDevice = flag === "3" && major === 0 && minor === 0;
    prefix = prefixOf(block, format, fail);
  }
  checkFormat(block, format, doubt);
  const name = fieldText(block, ...NAME);
  return {
    flag,
    format,
    name: prefix === "" ? name : `${prefix}/${name}`,
    linkname: fieldText(block, ...LINK),
    size,
    mode,
    mtime,
    isNullDevice,
    isNameCut: hasMore(block, ...NAME),
    isLinkCut: hasMore(block, ...LINK),
  };
}

function checkSum(block: Buffer, fail: Fail, doubt: Doubt): void {
  const [at, length] = CHECKSUM;
  const said = octalAt(block, at, length);
  let sum = length * 0x20;
  for (let here = 0; here < at; here += 1) sum += block[here] ?? 0;
  for (let here = at + length; here < block.length; here += 1) sum += block[here] ?? 0;
  if (said !== sum) {
    // Sun's tar took bytes as signed numbers.
    const high = block.reduce((count, byte, here) => {
      const counts = byte >= 0x80 && (here < at || here >= at + length);
      return counts ? count + 1 : count;
    }, 0);
    if (said === undefined || said !== sum - 256 * high) {
      fail("there is no header whose checksum holds");
    }
    doubt("its checksum only holds for signed bytes");
  }
  if (!isPlainNumber(block, at, length)) doubt("its checksum is written in an odd way");
}

function formatOf(block: Buffer): Block["format"] {
  const magic = block.toString("latin1", MAGIC, MAGIC + 8);
  if (magic === "ustar  \0") return "gnu";
  if (!magic.startsWith("ustar\0")) return "v7";
  return block.toString("latin1", STAR_TRAILER, STAR_TRAILER + 4) === "tar\0" ? "star" : "ustar";
}

function prefixOf(block: Buffer, format: "ustar" | "star" | "gnu", fail: Fail): string {
  if (format === "ustar") return fieldText(block, ...PREFIX);
  const [atime, ctime] = format === "star" ? [STAR_ATIME, STAR_CTIME] : [GNU_ATIME, GNU_CTIME];
  // GNU's are read only where they begin with something.
  const isBroken = [atime, ctime].some(
    ([at, length]) =>
      (format === "star" || block[at] !== 0) && numberAt(block, at, length) === undefined,
  );
  if (format === "star") {
    if (isBroken) fail("the header has a number that cannot be read");
    return fieldText(block, ...STAR_PREFIX);
  }
  if (!isBroken) return "";
  // Go before 1.8 wrote a prefix where GNU tar has times.
  const prefix = fieldText(block, ...PREFIX);
  return isAscii(Buffer.from(prefix)) ? prefix : "";
}

/** What stands in for a prefix must be one to every reader, whatever it makes of the magic. */
function checkFormat(block: Buffer, format: Block["format"], doubt: Doubt): void {
  const [prefix, length] = PREFIX;
  const isEmpty = block[prefix] === 0;
  switch (format) {
    case "v7":
      if (!isZero(block, MAGIC, block.length))
        doubt("it has fields of a format that it does not name");
      return;
    case "gnu":
      if (!isEmpty) doubt("it has times or a prefix where readers take the one for the other");
      return;
    case "star": {
      const end = block.indexOf(0, prefix);
      if (end < 0 || end >= prefix + STAR_PREFIX[1])
        doubt("it has a prefix that readers cut differently");
      return;
    }
    default:
      if (!isEmpty && block.toString("latin1", MAGIC + 6, MAGIC + 8) !== "00") {
        doubt("it has a prefix, but not the version that goes with it");
      }
      if (hasMore(block, prefix, length)) doubt("there is something behind the end of its prefix");
  }
}

/** Whether anything but NULs follows the NUL that ends a field's text. */
function hasMore(block: Buffer, at: number, length: number): boolean {
  const end = block.indexOf(0, at);
  return end >= 0 && end < at + length && !isZero(block, end, at + length);
}

function isZero(block: Buffer, from: number, to: number): boolean {
  for (let at = from; at < to; at += 1) if (block[at] !== 0) return false;
  return true;
}
