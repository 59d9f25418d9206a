import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { splitLines } from "../../../src/core/lines.js";

function split(chunks: readonly Uint8Array[], longest?: number): string[] {
  const lines: string[] = [];
  const splitter = splitLines((line) => lines.push(line), longest);
  for (const chunk of chunks) splitter.push(chunk);
  splitter.end();
  return lines;
}

describe("lines of an output", () => {
  it("are the same however the bytes come, with LF and with CRLF", () => {
    const line = fc.string({ unit: "grapheme" }).filter((text) => !/[\r\n]/.test(text));
    fc.assert(
      fc.property(
        fc.array(line, { minLength: 1 }),
        fc.constantFrom("\n", "\r\n"),
        fc.integer({ min: 1, max: 7 }),
        (lines, end, size) => {
          const bytes = Buffer.from(lines.map((text) => text + end).join(""));
          const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, n) =>
            bytes.subarray(n * size, (n + 1) * size),
          );
          expect(split(chunks)).toEqual(lines);
        },
      ),
    );
  });

  it("need no break at the end, and an end alone is no line", () => {
    expect(split([Buffer.from("a\nb")])).toEqual(["a", "b"]);
    expect(split([Buffer.from("a\n")])).toEqual(["a"]);
    expect(split([])).toEqual([]);
  });

  it("that are too long lose their rest and nothing else", () => {
    expect(split([Buffer.from("abcd"), Buffer.from("efgh\nxy\n")], 5)).toEqual(["abcde", "xy"]);
  });
});
