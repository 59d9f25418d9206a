import { visible } from "../core/invisible.js";

/**
 * Text as XML 1.0 can hold it, in elements and attributes alike. What no XML 1.0 document may have,
 * even escaped (section 2.2: most control characters, halves of characters, U+FFFE and U+FFFF), becomes
 * a visible `\u{1b}`, as does all that nobody sees. Line ends and tabs become character references,
 * which attributes keep.
 */
export function xmlText(text: string): string {
  return visible(text, "\t\n\r").replace(/[&<>"'\t\n\r]/g, (char) => NAMED[char] ?? "");
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
