/**
 * Characters that would act instead of being seen: controls, marks and overrides of writing
 * direction, separators that end a line of JavaScript, invisible characters, and half characters.
 */
const UNSEEN =
  // eslint-disable-next-line no-control-regex -- control characters are what this is about
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

/** Nearly every text there is, told at once. */
const PLAIN = /^[ -~]*$/;

/** Text of an archive as it may be shown: what would act unseen becomes a visible `\u202e`. */
export function visible(text: string): string {
  return PLAIN.test(text)
    ? text
    : text.replace(UNSEEN, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/**
 * Text for a place between tags or within a quoted attribute (HTML, 13.1.2): never for names of
 * tags and attributes, scripts, styles or addresses.
 */
export function escapeHtml(text: string): string {
  return visible(text).replace(/[&<>"']/g, (char) => ENTITIES[char] ?? "");
}

/**
 * A value as JSON inside a `<script type="application/json">`: no text in it can end the element or
 * begin a comment (HTML, 13.1.2.6 "Restrictions on the contents of raw text elements").
 */
export function jsonForScript(value: unknown): string {
  return JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
