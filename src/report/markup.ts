import { escapeHtml } from "./escape.js";

/** HTML that is safe to put into a page: only {@link markup} and {@link trusted} make it. */
export class Markup {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  toString(): string {
    return this.#text;
  }
}

/** What may stand in a template: text and numbers are escaped, markup goes in as it is, `undefined` is nothing. */
export type Content = string | number | undefined | Markup | readonly Content[];

/**
 * A template of HTML. Every value in it is escaped, so it may stand between tags or within a quoted
 * attribute, and nowhere else.
 */
export function markup(strings: TemplateStringsArray, ...values: readonly Content[]): Markup {
  let text = strings[0] ?? "";
  values.forEach((value, at) => {
    text += written(value) + (strings[at + 1] ?? "");
  });
  return new Markup(text);
}

/** Takes text of the program's own as HTML: never anything that comes from an archive. */
export function trusted(text: string): Markup {
  return new Markup(text);
}

function written(value: Content): string {
  if (value === undefined) return "";
  if (value instanceof Markup) return value.toString();
  if (typeof value === "object") return value.map(written).join("");
  return escapeHtml(String(value));
}
