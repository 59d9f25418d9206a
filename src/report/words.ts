import { shortDigest, type Digest } from "../core/digest.js";
import type { Severity } from "../verify/report.js";
import { type Markup, markup } from "./markup.js";

/** `12,345`: the same on every machine, whatever its language. */
export function grouped(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** `1 error`, `12,345 errors`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${grouped(count)} ${count === 1 ? one : many}`;
}

/** `a`, `a and b`, `a, b and c`. */
export function listed(words: readonly string[]): string {
  const last = words.at(-1) ?? "";
  return words.length < 2 ? last : `${words.slice(0, -1).join(", ")} and ${last}`;
}

/** A digest short enough to read, with the whole of it for those who ask. */
export function digestMark(digest: Digest): Markup {
  return markup`<code class="digest" title="${digest}">${shortDigest(digest)}</code>`;
}

/** `2024-05-06 07:08 UTC`, of a date in RFC 3339, UTC. */
export function dateMark(date: string): Markup {
  const [, day, minute] = /^(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2})/.exec(date) ?? [];
  const shown = day === undefined || minute === undefined ? date : `${day} ${minute} UTC`;
  return markup`<time datetime="${date}">${shown}</time>`;
}

/** The sign of a result: a shape for the eye, beside the colour, and a word for the ear. */
export function mark(of: Severity | "pass" | "none", word: string): Markup {
  return markup`<span class="mark ${of}" aria-hidden="true">${SIGNS[of]}</span
    ><span class="sr">${word}</span>`;
}

const SIGNS = { pass: "✓", error: "✗", warning: "!", note: "i", none: "–" } as const;

/** Says that a list goes on where the page does not. */
export function more(count: number, where: string): Markup | undefined {
  return count <= 0
    ? undefined
    : markup`<p class="more">${grouped(count)} more are not shown here: ${where}</p>`;
}
