import { printableJson, visible } from "../core/invisible.js";

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
  return printableJson(value, 0).replace(
    /[<>&]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
