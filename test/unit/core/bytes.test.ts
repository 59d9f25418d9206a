import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatBytes, parseBytes } from "../../../src/core/bytes.js";

describe("sizes for people", () => {
  it.each([
    [0, "0 B"],
    [1023, "1023 B"],
    [1024, "1.0 KiB"],
    [1536, "1.5 KiB"],
    [1024 * 1024 - 1, "1.0 MiB"],
    [5 * 1024 ** 3, "5.0 GiB"],
    [5000 * 1024 ** 4, "5000.0 TiB"],
  ])("%d bytes are %s", (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  it("never show four digits before a larger unit would do", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1024 ** 4 }), (bytes) => {
        expect(Number.parseFloat(formatBytes(bytes))).toBeLessThan(1024);
      }),
    );
  });
});

describe("sizes that people write", () => {
  it.each([
    ["0", 0],
    ["65536", 65_536],
    ["512B", 512],
    ["4KiB", 4096],
    ["4GiB", 4 * 1024 ** 3],
    ["2TiB", 2 * 1024 ** 4],
  ])("%s are %d bytes", (text, bytes) => {
    expect(parseBytes(text)).toBe(bytes);
  });

  it.each(["", "4GB", "4G", "4 GiB", "1.5GiB", "-1", "4gib", "9007199254740992", "9000TiB", "1e3"])(
    "%j is none",
    (text) => {
      expect(parseBytes(text)).toBeUndefined();
    },
  );

  it("are read back, whatever the unit", () => {
    const units = ["", "B", "KiB", "MiB", "GiB", "TiB"];
    fc.assert(
      fc.property(fc.nat(4096), fc.nat(5), (count, unit) => {
        expect(parseBytes(`${count}${units[unit] ?? ""}`)).toBe(
          count * 1024 ** Math.max(0, unit - 1),
        );
      }),
    );
  });
});
