import { redact } from "./errors.js";

/** Blanks out what could be a credential. */
export type Redactor = (text: string) => string;

/** Shorter ones would blank out half of any text. */
export const SHORTEST = 4;

/** Knows some secret values, beside whatever looks like a credential. */
export function redactorOf(secrets: Iterable<string>): Redactor {
  const values = [...new Set(secrets)].filter((value) => value.length >= SHORTEST);
  if (values.length === 0) return redact;
  // The longest first: one may be the beginning of another.
  const known = values.sort((a, b) => b.length - a.length).map(escape);
  const pattern = new RegExp(known.join("|"), "g");
  return (text) => redact(text.replace(pattern, "***"));
}

function escape(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
