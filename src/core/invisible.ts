/**
 * Characters that a reader does not see, or that a terminal, a browser or an XML reader obeys, as
 * first and last code points. Written down and not asked of the regular expression engine, whose
 * Unicode grows with Node: the same lock must give the same bytes on every machine.
 */
export const UNSEEN: Readonly<Record<string, readonly (readonly [number, number])[]>> = {
  controls: [
    [0x00, 0x1f],
    [0x7f, 0x9f],
  ],
  "ends of lines and paragraphs": [[0x2028, 0x2029]],
  "direction of writing": [
    [0x61c, 0x61c],
    [0x200e, 0x200f],
    [0x202a, 0x202e],
    [0x2066, 0x206f],
  ],
  "nothing to see": [
    [0xad, 0xad],
    [0x34f, 0x34f],
    [0x115f, 0x1160],
    [0x17b4, 0x17b5],
    [0x180b, 0x180f],
    [0x200b, 0x200d],
    [0x2060, 0x2065],
    [0x3164, 0x3164],
    [0xfeff, 0xfeff],
    [0xffa0, 0xffa0],
    [0xfff0, 0xfffb],
    [0x13430, 0x1343f],
    [0x1bca0, 0x1bca3],
    [0x1d173, 0x1d17a],
  ],
  // A variation selector may carry a byte, a tag a letter: whole texts ride behind one seen character.
  "variation selectors and tags": [
    [0xfe00, 0xfe0f],
    [0xe0000, 0xe0fff],
  ],
  "halves of characters": [[0xd800, 0xdfff]],
  "no characters": [
    [0xfdd0, 0xfdef],
    ...Array.from({ length: 17 }, (_, plane) => {
      return [plane * 0x1_0000 + 0xfffe, plane * 0x1_0000 + 0xffff] as const;
    }),
  ],
};

const CLASS = Object.values(UNSEEN)
  .flat()
  .map(([first, last]) => `\\u{${first.toString(16)}}-\\u{${last.toString(16)}}`)
  .join("");
// Under the flag `u` whole surrogate pairs are one character, so only halves are met as such.
const ONE = new RegExp(`[${CLASS}]`, "gu");
const RUN = new RegExp(`[\\s${CLASS}]+`, "gu");

/** Nearly every text there is, told at once. */
const PLAIN = /^[ -~]*$/;

/** Replaces every unseen character, except those in `kept`. */
export function replaceUnseen(text: string, by: (char: string) => string, kept = ""): string {
  if (PLAIN.test(text)) return text;
  return text.replace(ONE, (char) => (kept.includes(char) ? char : by(char)));
}

/** Text in which whatever would act unseen is a visible `\u{202e}`, except what is in `kept`. */
export function visible(text: string, kept = ""): string {
  return replaceUnseen(text, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`, kept);
}

/** Text of any origin, safe for a terminal; its lines and tabs stay. */
export function printable(text: string): string {
  return visible(text, "\n\t");
}

/**
 * JSON for whoever reads it, a terminal too: what RFC 8259 (section 7) lets stand unescaped and nobody
 * sees becomes an escape. Whoever parses it gets the same text.
 */
export function printableJson(value: unknown, indent = 2): string {
  // Only line ends of the layout are left, as JSON.stringify escapes those of texts.
  return replaceUnseen(JSON.stringify(value, undefined, indent), jsonEscape, "\n");
}

function jsonEscape(char: string): string {
  let escaped = "";
  for (let at = 0; at < char.length; at += 1) {
    escaped += `\\u${char.charCodeAt(at).toString(16).padStart(4, "0")}`;
  }
  return escaped;
}

/**
 * Text that others chose, in one line of at most `length` UTF-16 units and an ellipsis: white space and
 * what nobody sees become single spaces.
 */
export function oneLine(text: string, length = Number.POSITIVE_INFINITY): string {
  const line = text.replace(RUN, " ").trim();
  if (line.length <= length) return line;
  return `${line.slice(0, length).replace(/[\ud800-\udbff]$/, "")}…`;
}
