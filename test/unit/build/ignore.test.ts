import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseIgnore } from "../../../src/build/ignore.js";
import { containing } from "./lab.js";
import { processorTime } from "../../support/processor-time.js";

const ignored = (text: string, paths: readonly string[]): string[] =>
  paths.filter(parseIgnore("hello/.dockerignore", text));

describe("a .dockerignore", () => {
  it.each([
    [
      "a name, at the root alone",
      "temp",
      ["temp", "temp/a", "x/temp", "temp2"],
      ["temp", "temp/a"],
    ],
    ["one character", "temp?", ["temp", "tempa", "temp/", "x/tempa"], ["tempa"]],
    ["any run in one folder", "*/*.md", ["a.md", "b/a.md", "c/b/a.md"], ["b/a.md"]],
    [
      "a run of any folders",
      "**/*.go",
      ["a.go", "b/a.go", "c/b/a.go", "a.gox"],
      ["a.go", "b/a.go", "c/b/a.go"],
    ],
    ["everything inside", "node/**", ["node", "node/a", "node/b/c"], ["node/a", "node/b/c"]],
    [
      "folders in the middle",
      "a/**/z",
      ["a/z", "a/b/z", "a/b/c/z", "b/a/z"],
      ["a/z", "a/b/z", "a/b/c/z"],
    ],
    ["a class", "[a-c]x", ["ax", "cx", "dx", "-x"], ["ax", "cx"]],
    ["a class turned round", "[^a-c]x", ["ax", "dx"], ["dx"]],
    ["an escaped star", "a\\*", ["a*", "ab"], ["a*"]],
    [
      "what a regular expression would mean otherwise",
      "a+(b).$",
      ["a+(b).$", "aab.", "a+(b)x$"],
      ["a+(b).$"],
    ],
    ["a leading slash and dots, cleaned away", "/./a/../b/", ["a", "b", "b/c"], ["b", "b/c"]],
    [
      "comments, blank lines and the dot, passed over",
      "# a\n\n  \n.\n b ",
      ["a", "b", "# a"],
      ["b"],
    ],
  ])("understands %s", (_, text, paths, expected) => {
    expect(ignored(text, paths)).toEqual(expected);
  });

  it("lets the last fitting pattern decide", () => {
    const paths = ["README.md", "a.md", "README-secret.md", "docs/keep/x", "docs/y"];
    expect(ignored("*.md\n!README*.md\nREADME-secret.md\ndocs\n!docs/keep", paths)).toEqual([
      "a.md",
      "README-secret.md",
      "docs/y",
    ]);
  });

  it.each([
    ["a class that is not closed", "ok\nsrc/[ab", "hello/.dockerignore:2: "],
    ["a backslash at the end", "a\\", "hello/.dockerignore:1: "],
    ["an exclamation mark alone", "!", "hello/.dockerignore:1: "],
  ])("refuses %s, with its line", (_, text, message) => {
    expect(() => parseIgnore("hello/.dockerignore", text)).toThrow(
      expect.objectContaining({ code: "DEFINITION", message: containing(message) }),
    );
  });

  it("answers as the regular expressions do that Docker makes of its patterns", () => {
    const piece = fc.constantFrom("a", "b", "/", "*", "**", "?", "**/", ".", "/**/");
    const pattern = fc
      .array(piece, { minLength: 1, maxLength: 8 })
      .map((list) => `x${list.join("")}`);
    const path = fc
      .array(fc.constantFrom("x", "a", "b", "/", "."), { minLength: 1, maxLength: 10 })
      .map((list) => `x${list.join("")}`.replace(/\/+/g, "/").replace(/\/$/, ""));
    fc.assert(
      fc.property(pattern, path, (glob, name) => {
        // Cleaning is posix.normalize's; what it changes is none of this test's business.
        fc.pre(!/\/\/|\/$|(^|\/)\.\.?(\/|$)/.test(glob));
        expect(ignored(glob, [name]).length > 0).toBe(dockerMatches(glob, name));
      }),
      { numRuns: 2000 },
    );
  });

  it("takes no longer for a pattern made to take long", async () => {
    const took = await processorTime(() => {
      expect(ignored(`${"**/*a".repeat(40)}!`, [`${"a/".repeat(120)}b`])).toEqual([]);
    });
    expect(took).toBeLessThan(4000);
  });
});

/** github.com/moby/patternmatcher, `Pattern.compile` and `MatchesOrParentMatches`. */
function dockerMatches(glob: string, name: string): boolean {
  let source = "^";
  for (let at = 0; at < glob.length; at += 1) {
    const char = glob[at]!;
    if (char === "*" && glob[at + 1] === "*") {
      at += 1;
      if (glob[at + 1] === "/") at += 1;
      source += at + 1 >= glob.length ? ".*" : "(.*/)?";
    } else if (char === "*") source += "[^/]*";
    else if (char === "?") source += "[^/]";
    else source += char === "." ? "\\." : char;
  }
  const regex = new RegExp(`${source}$`);
  const parts = name.split("/");
  return parts.some((_, depth) => regex.test(parts.slice(0, depth + 1).join("/")));
}
