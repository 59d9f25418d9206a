const ZERO = 0x30;
const SPACE = 0x20;
const INT64 = 2n ** 63n;

/**
 * A header's numeric field as Go's archive/tar reads it: octal between any number of spaces and
 * NULs, or base-256 where the first bit is set; nothing is 0. Undefined where it refuses. Beyond
 * 2^53 it is not exact.
 */
export function numberAt(block: Buffer, at: number, length: number): number | undefined {
  return (block[at] ?? 0) & 0x80 ? base256(block, at, length) : octalAt(block, at, length);
}

/** As {@link numberAt}, of a field that is octal alone. */
export function octalAt(block: Buffer, at: number, length: number): number | undefined {
  let from = at;
  let to = at + length;
  while (from < to && isFiller(block[from])) from += 1;
  while (to > from && isFiller(block[to - 1])) to -= 1;
  let value = 0;
  for (; from < to; from += 1) {
    const byte = block[from] ?? 0;
    // What follows a NUL inside of it is not looked at.
    if (byte === 0) break;
    const digit = byte - ZERO;
    if (digit < 0 || digit > 7) return undefined;
    value = value * 8 + digit;
  }
  return value;
}

/**
 * Whether a numeric field is written as tar programs write it, so that all of them read the same:
 * octal with leading zeros or spaces and closing NULs or spaces, nothing but NULs, or base-256 as
 * GNU tar has it for what octal cannot hold.
 */
export function isPlainNumber(block: Buffer, at: number, length: number): boolean {
  const first = block[at] ?? 0;
  if (first & 0x80) return isPlainBase256(block, at, length);
  const to = at + length;
  let here = at;
  while (here < to && block[here] === SPACE) here += 1;
  const digits = here;
  while (here < to && isOctal(block[here])) here += 1;
  // Only NULs are a field that is not used; only spaces are an error to GNU tar.
  if (here === digits && digits > at) return false;
  while (here < to && isFiller(block[here])) here += 1;
  return here === to;
}

/** Whether text is a decimal int64 to Go's strconv.ParseInt: a sign and leading zeros are. */
export function isInt64(text: string): boolean {
  if (!/^[+-]?\d+$/.test(text)) return false;
  if (text.length < 19) return true;
  // Text of any length may come, and a number of a million digits takes long.
  const digits = text.replace(/^([+-]?)0+(?=\d)/, "$1");
  if (digits.length > 20) return false;
  const value = BigInt(digits.replace("+", ""));
  return value < INT64 && value >= -INT64;
}

/** Whether text is a number as every writer writes it. */
export function isPlainDecimal(text: string): boolean {
  return /^(?:0|[1-9]\d*)$/.test(text);
}

function base256(block: Buffer, at: number, length: number): number | undefined {
  const first = block[at] ?? 0;
  const inverted = (first & 0x40) === 0 ? 0 : 0xff;
  let value = BigInt((first ^ inverted) & 0x7f);
  for (let here = at + 1; here < at + length; here += 1) {
    if (value >> 56n > 0n) return undefined;
    value = (value << 8n) | BigInt((block[here] ?? 0) ^ inverted);
  }
  if (value >= INT64) return undefined;
  return Number(inverted === 0 ? value : -value - 1n);
}

function isPlainBase256(block: Buffer, at: number, length: number): boolean {
  const first = block[at] ?? 0;
  const value = base256(block, at, length);
  if (value === undefined || (first !== 0x80 && first !== 0xff)) return false;
  return value < 0 || value >= 8 ** (length - 1);
}

function isOctal(byte: number | undefined): boolean {
  return byte !== undefined && byte >= ZERO && byte <= ZERO + 7;
}

function isFiller(byte: number | undefined): boolean {
  return byte === 0 || byte === SPACE;
}
