import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { BundlerError } from "../../../src/core/errors.js";
import { parseConfig } from "../../../src/image/config.js";
import { readJson } from "../../../src/image/read-json.js";

const read = (text: string | Uint8Array): unknown => readJson("The config", Buffer.from(text));

describe("reading JSON as engines do", () => {
  it("gives what JSON.parse gives, of every document without a name that comes twice", () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: "binary" }), fc.nat(3), (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        const known = (() => {
          try {
            return read(text);
          } catch (error) {
            expect(String(error)).toMatch(/one field to an engine/);
            return undefined;
          }
        })();
        if (known !== undefined && !/[.eE]/.test(text) && !text.includes("\\ud")) {
          expect(known).toEqual(JSON.parse(text, (_, value: unknown) => (value === 0 ? 0 : value)));
        }
      }),
    );
  });

  it("takes and refuses the texts that JSON.parse takes and refuses", () => {
    const piece = fc.constantFrom(
      ...["{", "}", "[", "]", ",", ":", '"a"', '"b\\n"', '"\\x"', '"\u0001"', "01", "-", "-0"],
      ...["1.5e3", "1.", "true", "nul", "null", " ", "\t", "\u00a0", '"', "\\", '"\\u00e9"', "+1"],
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 9 }), (pieces) => {
        const text = pieces.join("");
        const outcome = (parse: () => unknown): boolean => {
          try {
            parse();
            return true;
          } catch (error) {
            // Taken by JSON.parse alone, and refused here for that reason.
            if (String(error).includes("twice")) return true;
            return false;
          }
        };
        expect(outcome(() => read(text))).toBe(outcome(() => JSON.parse(text)));
      }),
      { numRuns: 5000 },
    );
  });

  it.each([
    ["a name twice", '{"config":{"Cmd":["a"],"Cmd":["b"]}}', /has "Cmd" twice in config/],
    ["an object twice", '{"config":{},"os":"linux","config":{}}', /has "config" twice\./],
    [
      "a name in two cases",
      '{"architecture":"arm64","Architecture":"amd64"}',
      /both "architecture" and "Architecture"/,
    ],
    ["a name with a long s", '{"os":"linux","o\u017f":"x"}', /one field to an engine/],
    ["a name with the Kelvin sign", '{"K":1,"\u212a":2}', /one field to an engine/],
    ["an escaped name", '{"os":"linux","\\u006fs":"x"}', /has "os" twice/],
    ["a name twice among labels", '{"Labels":{"a":"1","a":"2"}}', /has "a" twice in Labels/],
    ["a name twice deep in a list", '{"layers":[{"size":1,"Size":2}]}', /in layers\.0/],
  ])("refuses %s as ambiguous", (_, text, message) => {
    expect(() => read(text)).toThrow(message);
    try {
      read(text);
    } catch (error) {
      expect((error as BundlerError).details).toHaveProperty("ambiguous");
    }
  });

  it("takes labels, annotations, volumes and ports that differ in case alone", () => {
    for (const map of ["Labels", "annotations", "Volumes", "exposedports"]) {
      expect(read(`{"${map}":{"Maintainer":"x","maintainer":"y"}}`)).toEqual({
        [map]: { Maintainer: "x", maintainer: "y" },
      });
    }
  });

  it("refuses a byte order mark, bytes that are no UTF-8, and depth without end", () => {
    expect(() => read("\ufeff{}")).toThrow(/is not JSON \(byte 0\)/);
    expect(() => read(Uint8Array.of(0x22, 0xff, 0x22))).toThrow(/not UTF-8/);
    expect(() => read("[".repeat(100_000))).toThrow(/nested more than/);
    expect(() => read('{"a":'.repeat(100_000))).toThrow(/nested more than/);
    expect(() => read('{"a": tru')).toThrow(/byte 6/);
    expect(() => read('{"a": "b')).toThrow(/cut short/);
  });

  it("replaces half a surrogate pair as Go does, and keeps a whole one", () => {
    expect(read(String.raw`["\ud800x", "\udc00", "\ud83d\ude00"]`)).toEqual([
      "\ufffdx",
      "\ufffd",
      "\u{1f600}",
    ]);
  });

  it("reads eight megabytes of escapes, names or brackets in no time and without trouble", () => {
    expect(read(`"${"\\n".repeat(4_000_000)}"`)).toHaveLength(4_000_000);
    expect(read(`[${"1,".repeat(2_000_000)}1]`)).toHaveLength(2_000_001);
  });

  it("does not let a name reach an object's prototype", () => {
    const value = read('{"__proto__":{"os":"x"},"constructor":1}') as object;
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(Object.keys(value)).toEqual(["__proto__", "constructor"]);
  });
});

describe("an image config", () => {
  const config = (more: string): (() => unknown) => {
    const bytes = Buffer.from(`{"os":"linux","architecture":"arm64"${more}}`);
    return () => parseConfig("The config", bytes);
  };

  it("may leave out what Go takes for nothing", () => {
    for (const more of [
      ',"rootfs":{"type":"layers"}',
      ',"rootfs":{}',
      ',"rootfs":null',
      "",
      ',"rootfs":{"type":"layers","diff_ids":null},"created":null,"history":null,"config":null',
    ]) {
      expect(config(more)()).toMatchObject({ diffIds: [] });
    }
  });

  it.each([
    ["no architecture", '{"os":"linux"}', /names no architecture.*engines refuse/],
    ["a null one", '{"os":"linux","architecture":null}', /names no architecture/],
    ["no operating system", '{"architecture":"arm64"}', /names no operating system/],
  ])("that has %s is refused in words", (_, text, message) => {
    expect(() => parseConfig("The config", Buffer.from(text))).toThrow(message);
  });

  it.each([
    ["a text for a list", ',"config":{"Entrypoint":"/x"}'],
    ["a number for a text", ',"config":{"User":0}'],
    ["a list for a map", ',"config":{"Labels":[]}'],
    ["a number for a map", ',"config":{"Labels":1e3}'],
    ["a fraction for a struct", ',"config":{"Healthcheck":1.0}'],
    ["a date of its own", ',"created":"yesterday"'],
    ["a day that no month has", ',"created":"2023-02-31T00:00:00Z"'],
    ["a root of another kind", ',"rootfs":{"type":"x"}'],
  ])("with %s is refused as engines do", (_, more) => {
    expect(config(more)).toThrow(/does not have the expected shape/);
  });

  it("says of arm without a variant that it may be any", () => {
    const anyArm = (text: string): boolean => parseConfig("x", Buffer.from(text)).anyArm;
    expect(anyArm('{"os":"linux","architecture":"arm"}')).toBe(true);
    expect(anyArm('{"os":"linux","architecture":"arm","variant":"v6"}')).toBe(false);
    expect(anyArm('{"os":"linux","architecture":"armhf"}')).toBe(false);
  });
});
