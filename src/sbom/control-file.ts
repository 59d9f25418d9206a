import { LIMITS } from "../core/limits.js";

/** A paragraph's fields by their names in lower case, continuation lines joined by line feeds. */
export type Paragraph = ReadonlyMap<string, string>;

/** What one field may have, in characters; what is beyond is cut. */
const MAX_VALUE = 8192;

/**
 * The paragraphs of a Debian control file (Debian policy, 5.1), from which only the fields asked
 * for, in lower case, are kept. Lines that are neither field nor continuation are passed over.
 */
export function* paragraphsOf(
  bytes: Buffer,
  wanted: ReadonlySet<string>,
): Generator<Paragraph, void, void> {
  let fields = new Map<string, string>();
  let current: string | undefined;
  for (const line of linesOf(bytes)) {
    if (line.trim() === "") {
      if (fields.size > 0) yield fields;
      fields = new Map();
      current = undefined;
    } else if (line.startsWith(" ") || line.startsWith("\t")) {
      const value = current === undefined ? undefined : fields.get(current);
      if (current === undefined || value === undefined || value.length > MAX_VALUE) continue;
      fields.set(current, `${value}\n${line.slice(1)}`.slice(0, MAX_VALUE));
    } else {
      const colon = line.indexOf(":");
      const name = colon < 1 ? "" : line.slice(0, colon).toLowerCase();
      current = wanted.has(name) ? name : undefined;
      // Of a field that is given twice the first counts, as for dpkg.
      if (current === undefined || fields.has(current)) continue;
      fields.set(
        current,
        line
          .slice(colon + 1)
          .trim()
          .slice(0, MAX_VALUE),
      );
    }
  }
  if (fields.size > 0) yield fields;
}

/** A text's lines one by one, without holding them all; a line is cut at 64 KiB. */
export function* linesOf(bytes: Buffer): Generator<string, void, void> {
  const end = Math.min(bytes.length, LIMITS.packageText);
  for (let at = 0; at < end;) {
    const found = bytes.indexOf(0x0a, at);
    const stop = found < 0 || found > end ? end : found;
    const line = bytes.toString("utf8", at, Math.min(stop, at + MAX_LINE));
    yield line.endsWith("\r") ? line.slice(0, -1) : line;
    at = stop + 1;
  }
}

const MAX_LINE = 64 * 1024;
