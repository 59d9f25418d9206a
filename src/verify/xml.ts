/**
 * Text as XML 1.0 can hold it, in elements and attributes alike. What no XML 1.0 document may have,
 * even escaped (section 2.2: most control characters, lone surrogates, U+FFFE and U+FFFF), becomes a
 * visible `\u{1b}`; so do characters that change the direction of text. Line ends and tabs become
 * character references, which attributes keep.
 */
export function xmlText(text: string): string {
  let escaped = "";
  // By code point, so that only lone surrogates are met as such.
  for (const char of text) escaped += NAMED[char] ?? (isAllowed(char) ? char : visible(char));
  return escaped;
}

const NAMED: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&apos;",
  "\t": "&#9;",
  "\n": "&#10;",
  "\r": "&#13;",
};

function isAllowed(char: string): boolean {
  const code = char.codePointAt(0) ?? 0;
  if (code < 0x20 || (code >= 0x7f && code <= 0x9f) || (code >= 0xd800 && code <= 0xdfff)) {
    return false;
  }
  return (
    code !== 0xfffe && code !== 0xffff && !/[\u200e\u200f\u202a-\u202e\u2066-\u2069]/.test(char)
  );
}

function visible(char: string): string {
  return `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`;
}

/** An element; attributes without a value are left out, `children` are XML already. */
export function xmlElement(
  name: string,
  attributes: Readonly<Record<string, string | number | undefined>>,
  children: readonly string[] = [],
): string {
  const written = Object.entries(attributes)
    .flatMap(([key, value]) => (value === undefined ? [] : [` ${key}="${xmlText(String(value))}"`]))
    .join("");
  return children.length === 0
    ? `<${name}${written}/>`
    : `<${name}${written}>${children.join("")}</${name}>`;
}
