import type { Flag } from "./syntax.js";

/** The `from=` of a RUN's `--mount`, and where it stands in the flag's value. */
export interface MountSource {
  readonly image: string;
  readonly start: number;
  readonly end: number;
}

/**
 * Where a mount comes from. The value of `--mount` is one record of CSV: fields with commas or
 * quotes inside are quoted, quotes in them doubled.
 */
export function mountSource(flag: Flag): MountSource | undefined {
  const value = flag.value ?? "";
  let found: MountSource | undefined;
  let at = 0;
  while (at <= value.length) {
    const isQuoted = value[at] === '"';
    const start = isQuoted ? at + 1 : at;
    const end = isQuoted ? closingQuote(value, start) : endOfField(value, start);
    const field = value.slice(start, end);
    if (/^from=/i.test(field)) {
      const from = start + "from=".length;
      found = { image: value.slice(from, end), start: from, end };
    }
    at = endOfField(value, end) + 1;
  }
  return found?.image === "" ? undefined : found;
}

function endOfField(value: string, from: number): number {
  const comma = value.indexOf(",", from);
  return comma < 0 ? value.length : comma;
}

function closingQuote(value: string, from: number): number {
  for (let at = from; at < value.length; at += 1) {
    if (value[at] !== '"') continue;
    if (value[at + 1] !== '"') return at;
    at += 1;
  }
  return value.length;
}
