import { isAscii, isUtf8 } from "node:buffer";

/**
 * Bytes of a name as text, so that different bytes are always different text: what is not UTF-8
 * comes as lone surrogates U+DC80 to U+DCFF, one for each byte (as Python's PEP 383 has it).
 */
export function nameOf(bytes: Buffer): string {
  if (isAscii(bytes)) return bytes.toString("latin1");
  if (isUtf8(bytes)) return bytes.toString("utf8");
  let text = "";
  for (let at = 0; at < bytes.length;) {
    const length = characterAt(bytes, at);
    const end = at + Math.max(length, 1);
    text +=
      length === 0
        ? String.fromCharCode(0xdc00 + (bytes[at] ?? 0))
        : bytes.toString("utf8", at, end);
    at = end;
  }
  return text;
}

/** The text of a header's field: up to its first NUL. */
export function fieldText(block: Buffer, at: number, length: number): string {
  const field = block.subarray(at, at + length);
  const end = field.indexOf(0);
  return nameOf(end < 0 ? field : field.subarray(0, end));
}

/** How many bytes a name takes in a file system, where {@link nameOf} made it. */
export function nameLength(name: string): number {
  let length = Buffer.byteLength(name);
  // A lone surrogate is counted as the three bytes of U+FFFD.
  for (let at = 0; at < name.length && length > name.length; at += 1) {
    const code = name.charCodeAt(at);
    if (code < 0xdc80 || code > 0xdcff) continue;
    const before = at === 0 ? 0 : name.charCodeAt(at - 1);
    if (before < 0xd800 || before > 0xdbff) length -= 2;
  }
  return length;
}

/** The bytes of the UTF-8 character that begins here (RFC 3629); 0 where there is none. */
function characterAt(bytes: Buffer, at: number): number {
  const first = bytes[at] ?? 0;
  if (first < 0x80) return 1;
  const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  return at + length <= bytes.length && isUtf8(bytes.subarray(at, at + length)) ? length : 0;
}
