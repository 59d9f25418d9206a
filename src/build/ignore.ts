import { posix } from "node:path";
import { BundlerError } from "../core/errors.js";

/** Longer lists are no help to anybody and cost time for every file. */
const MAX_PATTERNS = 2000;

/** Whether a path of the context stays out of it. */
export interface Ignores {
  (path: string): boolean;
  /** What lies in a folder that stays out does so too: nothing of it is taken back. */
  readonly whole: boolean;
}

export const ignoresNothing: Ignores = Object.assign(() => false, { whole: true });

/**
 * Reads a `.dockerignore` as Docker does (docs.docker.com, "Build context", ".dockerignore files";
 * github.com/moby/patternmatcher): the last pattern that fits a path or a folder above it decides,
 * and `!` takes it back.
 * @throws BundlerError DEFINITION naming the line of a pattern that means nothing.
 */
export function parseIgnore(file: string, text: string): Ignores {
  const patterns = text
    .replace(/^\ufeff/, "")
    .split("\n")
    .flatMap((line, position) => {
      const trimmed = line.trim();
      if (trimmed === "" || trimmed.startsWith("#")) return [];
      const back = trimmed.startsWith("!");
      const glob = clean(back ? trimmed.slice(1).trim() : trimmed);
      if (glob === "" && back) throw fault(file, position, line, "there is nothing after the !");
      // Docker passes over the pattern for the context itself.
      if (glob === "" || glob === ".") return [];
      const tokens = tokenize(glob, (why) => fault(file, position, line, why));
      return [{ back, tokens }];
    });
  if (patterns.length > MAX_PATTERNS) {
    throw new BundlerError(
      "DEFINITION",
      `${file} has ${patterns.length} patterns; at most ${MAX_PATTERNS} are accepted.`,
    );
  }
  const ignores = (path: string): boolean => {
    const parts = path.split("/");
    const names = parts.map((_, depth) => parts.slice(0, depth + 1).join("/"));
    let ignored = false;
    for (const { back, tokens } of patterns) {
      // A pattern that would change nothing need not be tried.
      if (ignored === back && names.some((name) => fits(tokens, name))) ignored = !back;
    }
    return ignored;
  };
  return Object.assign(ignores, { whole: patterns.every(({ back }) => !back) });
}

function clean(pattern: string): string {
  if (pattern === "") return "";
  return posix
    .normalize(pattern)
    .replace(/^\/+/, "")
    .replace(/(?<!\\)\/$/, "");
}

function fault(file: string, position: number, line: string, why: string): BundlerError {
  return new BundlerError(
    "DEFINITION",
    `${file}:${position + 1}: the pattern ${JSON.stringify(line.trim().slice(0, 200))} is not understood: ${why}.`,
  );
}

type Token =
  | { readonly kind: "char"; readonly char: string }
  /** `?`, or a class such as `[a-z]`. */
  | { readonly kind: "one"; readonly test: (char: string) => boolean }
  /** `*`: any run within a name. */
  | { readonly kind: "run" }
  /** A closing `**`: anything. */
  | { readonly kind: "all" }
  /** `**` with more behind it: nothing, or any folders. */
  | { readonly kind: "folders" };

function tokenize(glob: string, fail: (why: string) => BundlerError): readonly Token[] {
  const chars = Array.from(glob);
  const tokens: Token[] = [];
  for (let at = 0; at < chars.length; at += 1) {
    const char = chars[at] ?? "";
    if (char === "*" && chars[at + 1] === "*") {
      at += 1;
      if (chars[at + 1] === "/") at += 1;
      tokens.push({ kind: at + 1 >= chars.length ? "all" : "folders" });
    } else if (char === "*") {
      tokens.push({ kind: "run" });
    } else if (char === "?") {
      tokens.push({ kind: "one", test: () => true });
    } else if (char === "[") {
      const end = classEnd(chars, at);
      if (end === undefined) throw fail("a [ is not closed");
      tokens.push({ kind: "one", test: classTest(chars.slice(at + 1, end)) });
      at = end;
    } else if (char === "\\") {
      at += 1;
      const escaped = chars[at];
      if (escaped === undefined) throw fail("it ends with a backslash");
      tokens.push({ kind: "char", char: escaped });
    } else {
      tokens.push({ kind: "char", char });
    }
  }
  return tokens;
}

function classEnd(chars: readonly string[], open: number): number | undefined {
  for (let at = open + 2; at < chars.length; at += 1) {
    if (chars[at - 1] === "\\") continue;
    if (chars[at] === "]") return at;
  }
  return undefined;
}

function classTest(body: readonly string[]): (char: string) => boolean {
  const negated = body[0] === "^";
  const rest = (negated ? body.slice(1) : body).filter((char) => char !== "\\");
  const ranges: [low: string, high: string][] = [];
  for (let at = 0; at < rest.length; at += 1) {
    const low = rest[at] ?? "";
    const high = rest[at + 1] === "-" ? rest[at + 2] : undefined;
    ranges.push([low, high ?? low]);
    if (high !== undefined) at += 2;
  }
  return (char) => ranges.some(([low, high]) => low <= char && char <= high) !== negated;
}

/**
 * Whether the tokens fit the whole path. Works from the end of both, one row of answers for each
 * token, so that no pattern takes longer than its length times the path's.
 */
function fits(tokens: readonly Token[], path: string): boolean {
  const chars = Array.from(path);
  let after = chars.map(() => false);
  after.push(true);
  for (const token of tokens.toReversed()) {
    const row = after.map(() => false);
    let behindSlash = false;
    for (let at = chars.length; at >= 0; at -= 1) {
      const char = chars[at];
      const rest = after[at + 1] ?? false;
      if (char === "/" && rest) behindSlash = true;
      row[at] = step(token, { char, here: after[at] ?? false, rest, same: row[at + 1] ?? false });
      if (token.kind === "folders" && behindSlash) row[at] = true;
    }
    after = row;
  }
  return after[0] ?? false;
}

function step(
  token: Token,
  at: {
    readonly char: string | undefined;
    /** Whether the tokens that follow fit from here, and from the next character on. */
    readonly here: boolean;
    readonly rest: boolean;
    /** Whether this token and those that follow fit from the next character on. */
    readonly same: boolean;
  },
): boolean {
  const { char, here, rest, same } = at;
  switch (token.kind) {
    case "char":
      return char === token.char && rest;
    case "one":
      return char !== undefined && char !== "/" && token.test(char) && rest;
    case "run":
      return here || (char !== undefined && char !== "/" && same);
    case "all":
      return here || (char !== undefined && same);
    case "folders":
      return here;
  }
}
