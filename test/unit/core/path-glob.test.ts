import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { globMatches } from "../../../src/core/path-glob.js";
import { processorTime } from "../../support/processor-time.js";

describe("a glob for paths", () => {
  it.each([
    ["usr/bin/tool", "usr/bin/tool", true],
    ["/usr/bin/tool", "usr/bin/tool", true],
    ["usr/lib", "usr/lib/jvm/libjava.so", true],
    ["usr/li", "usr/lib/jvm", false],
    ["usr/*/tool", "usr/bin/tool", true],
    ["usr/*/tool", "usr/local/bin/tool", false],
    ["usr/**/tool", "usr/local/bin/tool", true],
    ["usr/**/tool", "usr/tool", true],
    ["**/*.so", "usr/lib/jvm/libjava.so", true],
    ["**/*.so", "usr/lib/jvm/libjava.so.1", false],
    ["opt/too?", "opt/tool", true],
    ["opt/too?", "opt/too", false],
    ["opt/*a*b", "opt/xaxaxb", true],
    ["**", "anything/at/all", true],
    ["/", "/", true],
    ["/", "etc/passwd", false],
  ])("%s against %s: %s", (glob, path, expected) => {
    expect(globMatches(glob, path)).toBe(expected);
  });

  it("agrees with the regular expression that says the same", () => {
    const word = fc.stringMatching(/^[ab*?]{1,4}$/);
    const name = fc.stringMatching(/^[ab]{1,4}$/);
    const paths = (part: fc.Arbitrary<string>) =>
      fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("/"));
    fc.assert(
      fc.property(paths(fc.oneof(word, fc.constant("**"))), paths(name), (glob, path) => {
        const parts = glob
          .split("/")
          .map((part) =>
            part === "**"
              ? "(?:[^/]+/)*"
              : `${part.replaceAll(/\*+/g, "[^/]*").replaceAll("?", "[^/]")}/`,
          );
        const same = new RegExp(`^${parts.join("")}(?:[^/]+/)*$`);
        expect(globMatches(glob, path)).toBe(same.test(`${path}/`));
      }),
    );
  });

  it("is not slowed down by stars", async () => {
    const took = await processorTime(() => {
      expect(globMatches(`${"*a".repeat(500)}b`, "a".repeat(5000))).toBe(false);
      expect(globMatches("**/a/".repeat(200) + "b", "a/".repeat(2000))).toBe(false);
    });
    expect(took).toBeLessThan(4000);
  });
});
