/**
 * Whether a glob names a path or a folder above it: `*` and `?` stand for characters of one name,
 * `**` for any number of names. A slash at the beginning of either does not count; a glob without any
 * name, like `/`, means the root itself and nothing below it.
 *
 * Takes time in the product of both lengths at most, whatever they are made of.
 */
export function globMatches(glob: string, path: string): boolean {
  const names = segmentsOf(path);
  const patterns = segmentsOf(glob);
  if (patterns.length === 0) return names.length === 0;
  // What lies below a named folder is named with it.
  return wildcardMatches([...patterns, "**"], names, "**", nameMatches);
}

function segmentsOf(path: string): string[] {
  return path.split("/").filter((name) => name !== "");
}

function nameMatches(pattern: string, name: string): boolean {
  return wildcardMatches(
    Array.from(pattern),
    Array.from(name),
    "*",
    (one, char) => one === "?" || one === char,
  );
}

/** The usual two-pointer match: after a mismatch, the last star takes one more item. */
function wildcardMatches(
  patterns: readonly string[],
  items: readonly string[],
  star: string,
  matches: (pattern: string, item: string) => boolean,
): boolean {
  let at = 0;
  let pattern = 0;
  let back: { readonly pattern: number; at: number } | undefined;
  while (at < items.length) {
    const wanted = patterns[pattern];
    const item = items[at] ?? "";
    if (wanted === star) {
      back = { pattern, at };
      pattern += 1;
    } else if (wanted !== undefined && matches(wanted, item)) {
      pattern += 1;
      at += 1;
    } else if (back !== undefined) {
      back.at += 1;
      at = back.at;
      pattern = back.pattern + 1;
    } else return false;
  }
  return patterns.slice(pattern).every((one) => one === star);
}
