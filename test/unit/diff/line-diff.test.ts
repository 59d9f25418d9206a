import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { unifiedDiff } from "../../../src/diff/line-diff.js";

/** Applies a unified diff as `patch` does, strictly. */
function apply(old: string, diff: string): string {
  const source = old === "" ? [] : old.split(/(?<=\n)/);
  const out: string[] = [];
  let at = 0;
  const lines = diff.split(/(?<=\n)/).filter((line) => line !== "");
  for (const [index, line] of lines.entries()) {
    const [, start, count] = /^@@ -(\d+)(?:,(\d+))? /.exec(line) ?? [];
    if (start !== undefined) {
      const from = count === "0" ? Number(start) : Number(start) - 1;
      out.push(...source.slice(at, from));
      at = from;
      continue;
    }
    if (line.startsWith("\\")) continue;
    const bare = lines[index + 1]?.startsWith("\\") === true ? line.slice(1, -1) : line.slice(1);
    if (line.startsWith("+")) out.push(bare);
    else {
      if (source[at] !== bare)
        throw new Error(`Line ${at + 1} is ${String(source[at])}, not ${bare}`);
      if (line.startsWith(" ")) out.push(bare);
      at += 1;
    }
  }
  return [...out, ...source.slice(at)].join("");
}

const text = fc
  .tuple(fc.array(fc.constantFrom("a", "b", "c", "", "+x", "-y"), { maxLength: 30 }), fc.boolean())
  .map(([lines, ends]) =>
    lines
      .map((line) => `${line}\n`)
      .join("")
      .slice(0, ends ? undefined : -1),
  );

describe("unifiedDiff", () => {
  it("says nothing of the same text", () => {
    fc.assert(
      fc.property(text, (one) => {
        expect(unifiedDiff(one, one)).toBe("");
      }),
    );
  });

  it("makes the new text of the old one when it is applied", () => {
    fc.assert(
      fc.property(text, text, (old, next) => {
        expect(apply(old, unifiedDiff(old, next) ?? "")).toBe(next);
      }),
    );
  });

  it("shows a last line without its line break as any other", () => {
    const show = (line: string): string => (/^secret$/.test(line) ? "***" : line);
    expect(unifiedDiff("", "secret", show)).toBe(
      "@@ -0,0 +1 @@\n+***\n\\ No newline at end of file\n",
    );
  });

  it("keeps three lines around what differs", () => {
    const lines = Array.from({ length: 30 }, (_, at) => `line ${at + 1}\n`);
    const next = lines.with(14, "changed\n").join("");
    expect(unifiedDiff(lines.join(""), next)).toBe(
      "@@ -12,7 +12,7 @@\n line 12\n line 13\n line 14\n-line 15\n+changed\n line 16\n line 17\n line 18\n",
    );
  });

  it("tells a whole replacement where there is too much to look for, and nothing of huge texts", () => {
    const many = (word: string): string =>
      Array.from({ length: 5000 }, (_, at) => `${word} ${at}\n`).join("");
    expect(apply(many("a"), unifiedDiff(many("a"), many("b")) ?? "")).toBe(many("b"));
    expect(unifiedDiff("\n".repeat(30_000), "")).toBeUndefined();
  });
});
