import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { expandWord } from "../../../src/dockerfile/expand.js";

const VALUES: Readonly<Record<string, string>> = { X: "value", EMPTY: "", Y_2: "other" };

function expand(word: string, escape: "\\" | "`" = "\\"): string {
  return expandWord(word, {
    escape,
    lookup: (name) => VALUES[name],
    fail: (message, offset) => {
      throw new RangeError(`${offset}: ${message}`);
    },
  });
}

describe("expandWord", () => {
  it.each([
    ["plain", "plain"],
    ["$X", "value"],
    ["a$X-b", "avalue-b"],
    ["$Xb", ""],
    ["${X}b", "valueb"],
    ["${Y_2}", "other"],
    ["$NONE|", "|"],
    ["$1$X", "value"],
    ["$", "$"],
    ["$/x", "$/x"],
    ["${X:-d}${NONE:-d}${EMPTY:-d}", "valuedd"],
    ["${X-d}${NONE-d}${EMPTY-d}", "valued"],
    ["${X:+a}${NONE:+a}${EMPTY:+a}", "a"],
    ["${X+a}${NONE+a}${EMPTY+a}", "aa"],
    ["${NONE:-${NONE:-$X}}", "value"],
    ['${NONE:-"a}b"}', "a}b"],
    ["${X:?}", "value"],
    ["'$X'", "$X"],
    ['"$X"', "value"],
    ['"\\$X \\" \\\\ \\n"', '$X " \\ \\n'],
    ["\\$X", "$X"],
    ["a\\", "a"],
  ])("makes of %s %s", (word, value) => {
    expect(expand(word)).toBe(value);
  });

  it("obeys the escape directive", () => {
    expect(expand("C:\\x`$X", "`")).toBe("C:\\x$X");
  });

  it.each([
    ["a${X", "1: a ${ is not closed"],
    ["${", "0: a variable's name is missing after ${"],
    ["${}", "0: a variable's name is missing"],
    ["${X:-a", "5: a ${ is not closed"],
    ["${X:}", "0: ${X:}…} is not a substitution"],
    ["a${X#v}", "1: ${X#…} is not a substitution that every BuildKit knows"],
    ["${X%%e}", "0: ${X%…} is not a substitution"],
    ["${X/a/b}", "0: ${X/…} is not a substitution"],
    ["'a", "0: a single quote is not closed"],
    ['"a', "0: a double quote is not closed"],
    ["${NONE:?wanted}", "0: NONE is missing: wanted"],
    ["${NONE?}", "0: NONE is not allowed to be unset"],
    ["${EMPTY:?}", "0: EMPTY is not allowed to be empty"],
    ["${N:-".repeat(200), "deeper than 100 levels"],
    ["x".repeat(9000), "more than 8192 characters"],
  ])("refuses %s", (word, message) => {
    expect(() => expand(word)).toThrow(message);
  });

  it("leaves a single-quoted text as it is, whatever is in it", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 100 }), (text) => {
        const inside = text.replaceAll("'", "");
        expect(expand(`'${inside}'`)).toBe(inside);
      }),
    );
  });
});
