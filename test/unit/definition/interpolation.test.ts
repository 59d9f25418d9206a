import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { expandVariables, variablesIn } from "../../../src/definition/interpolation.js";

const names = fc.stringMatching(/^[A-Z_][A-Z0-9_]{0,8}$/);
const plain = fc.stringMatching(/^[ -~]{0,10}$/).map((text) => text.replace(/[${}]/g, "."));

describe("variables of a compose value", () => {
  it.each([
    ["$A-${B}", ["A", "B"]],
    ["$$A $${B}", []],
    ["${A:-x${B:-y${C}}}", ["A", "B", "C"]],
    ["${A:?please set}", ["A"]],
    ["${A:+b}${A+b}${A-}${A?}", ["A", "A", "A", "A"]],
    ["a$$$A", ["A"]],
  ])("%s uses %j", (text, expected) => {
    const { uses, malformed } = variablesIn(text);
    expect(uses.map(({ name }) => name)).toEqual(expected);
    expect(malformed).toBeUndefined();
  });

  it.each(["$", "$1", "${}", "${A", "${A:}", "${A b}", "${-x}", "a $ b", "${A:-${B}"])(
    "%s is not what Compose reads",
    (text) => {
      expect(variablesIn(text).malformed).toMatch(/^\$/);
    },
  );

  it("replaces a variable by its value, or else by its fallback", () => {
    const valueOf = (name: string): string | undefined => ({ A: "1", EMPTY: "" })[name];
    expect(expandVariables("${A}:$A:${B:-2}:${B}:${B:-${A}}:$$A:${A:-x}", valueOf)).toBe(
      "1:1:2::1:$A:1",
    );
  });

  it("puts together what was taken apart", () => {
    const part = fc.oneof(
      plain.map((text) => ({ text, use: undefined, value: text })),
      fc.constant({ text: "$$", use: undefined, value: "$" }),
      names.map((name) => ({ text: `\${${name}}`, use: name, value: `<${name}>` })),
      fc.tuple(names, plain).map(([name, fallback]) => ({
        text: `\${${name}:-${fallback}}`,
        use: name,
        value: `<${name}>`,
      })),
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 8 }), (parts) => {
        const text = parts.map((one) => one.text).join("");
        expect(variablesIn(text).uses.map(({ name }) => name)).toEqual(
          parts.flatMap(({ use }) => use ?? []),
        );
        expect(expandVariables(text, (name) => `<${name}>`)).toBe(
          parts.map(({ value }) => value).join(""),
        );
      }),
    );
  });

  it("takes any text in a time that grows with its length", () => {
    const deep = `${"${A:-".repeat(20_000)}${"}".repeat(20_000)}`;
    expect(variablesIn(deep).malformed).toBeDefined();
    expect(variablesIn("${A".repeat(50_000)).malformed).toBeDefined();
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom("$", "{", "}", "A", ":-", "?", "1"), { maxLength: 30 }),
        (pieces) => {
          const text = pieces.join("");
          variablesIn(text);
          expandVariables(text, () => undefined);
        },
      ),
    );
  });
});
