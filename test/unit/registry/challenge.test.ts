import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseChallenges } from "../../../src/registry/challenge.js";

const plain = (header: string): unknown =>
  parseChallenges(header).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]);

describe("parseChallenges", () => {
  it("reads what Docker Hub sends", () => {
    const header =
      'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/redis:pull,push"';
    expect(plain(header)).toEqual([
      [
        "bearer",
        {
          realm: "https://auth.docker.io/token",
          service: "registry.docker.io",
          scope: "repository:library/redis:pull,push",
        },
      ],
    ]);
  });

  it("tells several challenges in one header apart", () => {
    expect(plain('Negotiate, Basic realm="a, b", charset=UTF-8, Bearer realm = "x"')).toEqual([
      ["negotiate", {}],
      ["basic", { realm: "a, b", charset: "UTF-8" }],
      ["bearer", { realm: "x" }],
    ]);
    expect(plain('Negotiate YIIabc==, Basic realm="r"')).toEqual([
      ["negotiate", {}],
      ["basic", { realm: "r" }],
    ]);
  });

  it("undoes escapes in quoted strings", () => {
    expect(plain('Basic realm="say \\"hi\\" \\\\ there"')).toEqual([
      ["basic", { realm: 'say "hi" \\ there' }],
    ]);
  });

  it("takes the first of two parameters with one name", () => {
    expect(plain('Bearer realm="a",REALM="b"')).toEqual([["bearer", { realm: "a" }]]);
  });

  it.each(["", ",,,", "=", 'Bearer realm="open', "\u0000"])("survives %j", (header) => {
    expect(() => parseChallenges(header)).not.toThrow();
  });

  it("reads back whatever is written by the rules", () => {
    const token = fc.stringMatching(/^[A-Za-z][A-Za-z0-9-]{0,10}$/);
    const challenge = fc.record({
      scheme: token,
      parameters: fc.uniqueArray(fc.tuple(token, fc.string({ maxLength: 20 })), {
        selector: ([name]) => name.toLowerCase(),
        minLength: 1,
        maxLength: 4,
      }),
    });
    fc.assert(
      fc.property(fc.array(challenge, { maxLength: 4 }), (challenges) => {
        const header = challenges
          .map(({ scheme, parameters }) => {
            const list = parameters.map(
              ([name, value]) => `${name}="${value.replace(/["\\]/g, "\\$&")}"`,
            );
            return `${scheme} ${list.join(", ")}`;
          })
          .join(", ");
        const expected = challenges.map(({ scheme, parameters }) => [
          scheme.toLowerCase(),
          Object.fromEntries(parameters.map(([name, value]) => [name.toLowerCase(), value])),
        ]);
        expect(plain(header)).toEqual(expected);
      }),
    );
  });

  it("never fails or hangs on arbitrary text", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 200 }), (text) => {
        for (const { scheme } of parseChallenges(text)) expect(scheme).not.toBe("");
      }),
    );
  });
});
