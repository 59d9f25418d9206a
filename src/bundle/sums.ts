import { comparePaths } from "./paths.js";

/** Bytes of the line that SHA256SUMS has for a path. */
export function sumLineSize(path: string): number {
  return 64 + 2 + Buffer.byteLength(path) + 1;
}

/** SHA256SUMS as `sha256sum -c` reads it, sorted by path. */
export function formatSums(sums: ReadonlyMap<string, string>): string {
  return [...sums]
    .toSorted(([a], [b]) => comparePaths(a, b))
    .map(([path, hex]) => `${hex}  ${path}\n`)
    .join("");
}

export interface ParsedSums {
  /** Path to 64 hexadecimal digits. */
  readonly sums: ReadonlyMap<string, string>;
  readonly problems: readonly { readonly line: number; readonly message: string }[];
}

/** Reads SHA256SUMS strictly: one form of line, each path once. */
export function parseSums(text: string): ParsedSums {
  const sums = new Map<string, string>();
  const problems: { line: number; message: string }[] = [];
  const lines = text.split("\n");
  if (lines.pop() !== "") problems.push({ line: lines.length + 1, message: "has no line end" });
  for (const [index, text] of lines.entries()) {
    const line = index + 1;
    const [, hex, path] = /^([0-9a-f]{64}) {2}(.+)$/s.exec(text) ?? [];
    if (hex === undefined || path === undefined) {
      problems.push({ line, message: "is not a sha256, two spaces and a path" });
    } else if (sums.has(path)) {
      problems.push({ line, message: `names ${JSON.stringify(path)} again` });
    } else sums.set(path, hex);
  }
  return { sums, problems };
}
