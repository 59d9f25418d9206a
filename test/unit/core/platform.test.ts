import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  SUPPORTED_PLATFORMS,
  formatPlatform,
  normalizePlatform,
  parsePlatform,
  platformDistance,
  platformMatches,
  platformSlug,
} from "../../../src/core/platform.js";

const anyPlatform = fc.constantFrom(...SUPPORTED_PLATFORMS);

describe("platforms", () => {
  it.each([
    ["linux/arm64", "linux/arm64"],
    ["arm64v8", "linux/arm64"],
    ["aarch64", "linux/arm64"],
    ["linux/arm64/v8", "linux/arm64"],
    ["x86_64", "linux/amd64"],
    ["linux/amd64/v3", "linux/amd64/v3"],
    ["arm32v7", "linux/arm/v7"],
    ["linux/arm", "linux/arm/v7"],
    ["LINUX/ARM/V6", "linux/arm/v6"],
    ["loongarch64", "linux/loong64"],
  ])("reads %s as %s", (text, expected) => {
    expect(formatPlatform(parsePlatform(text))).toBe(expected);
  });

  it.each(["", "linux", "linux/", "linux/m68k", "linux/arm64/v8/x", "linux/arm64/eight", "a/b"])(
    "refuses %j",
    (text) => {
      expect(() => parsePlatform(text)).toThrow(/Unknown platform/);
    },
  );

  it("reads back what it writes", () => {
    fc.assert(
      fc.property(anyPlatform, (text) => {
        expect(formatPlatform(parsePlatform(text))).toBe(text);
        expect(platformSlug(parsePlatform(text))).not.toContain("/");
      }),
    );
  });

  it("normalises once and for all", () => {
    const part = fc.string({ minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(part, part, fc.option(part, { nil: undefined }), (os, architecture, variant) => {
        const once = normalizePlatform({
          os,
          architecture,
          ...(variant === undefined ? {} : { variant }),
        });
        expect(normalizePlatform(once)).toEqual(once);
      }),
    );
  });

  it.each([
    ["linux/arm/v7", "linux/arm/v7", 0],
    ["linux/arm/v7", "linux/arm/v6", 1],
    ["linux/arm/v6", "linux/arm/v7", undefined],
    ["linux/arm64", "linux/arm/v7", undefined],
    ["linux/amd64", "linux/amd64/v2", undefined],
    ["linux/amd64/v3", "linux/amd64", 2],
    ["linux/arm64", "linux/arm64/v9", undefined],
    ["linux/amd64", "linux/386", undefined],
  ])("on %s an image for %s has distance %s", (target, offered, distance) => {
    expect(platformDistance(parsePlatform(target), parsePlatform(offered))).toBe(distance);
  });

  it("lets every platform run its own images", () => {
    for (const one of SUPPORTED_PLATFORMS) {
      expect(platformMatches(parsePlatform(one), parsePlatform(one))).toBe(true);
    }
  });
});
