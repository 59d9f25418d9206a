import { describe, expect, it } from "vitest";
import { parsePlatform } from "../../../src/core/platform.js";
import { needsEmulation } from "../../../src/rehearse/emulation.js";

const engine = (platform: string, local = true) => ({ platform: parsePlatform(platform), local });
const kernel = (flags?: string) => () =>
  Promise.resolve({
    mounted: true,
    enabled: true,
    packaged: [],
    handlers:
      flags === undefined
        ? []
        : [
            {
              name: "qemu-aarch64",
              architecture: "arm64",
              enabled: true,
              interpreter: "/usr/bin/qemu-aarch64-static",
              flags,
            },
          ],
  });

describe("an engine", () => {
  it("runs its own platform, and what its processor runs too, without an emulator", async () => {
    for (const [own, bundle] of [
      ["linux/arm64", "linux/arm64"],
      ["linux/amd64", "linux/386"],
      ["linux/arm64", "linux/arm/v7"],
      ["linux/arm/v7", "linux/arm/v6"],
    ] as const) {
      expect(await needsEmulation(engine(own), parsePlatform(bundle), kernel())).toBe(false);
    }
  });

  it("runs another one under an emulator that works in containers", async () => {
    const bundle = parsePlatform("linux/arm64");
    expect(await needsEmulation(engine("linux/amd64"), bundle, kernel("PF"))).toBe(true);
    expect(await needsEmulation(engine("linux/amd64", false), bundle, kernel())).toBe(true);
  });

  it.each([undefined, "P"])(
    "does not without one (flags %s), and says what mends it",
    async (flags) => {
      const asked = needsEmulation(
        engine("linux/amd64"),
        parsePlatform("linux/arm64"),
        kernel(flags),
      );
      await expect(asked).rejects.toMatchObject({
        code: "BUILDER",
        hint: expect.stringContaining("openim-bundler doctor --platform linux/arm64") as string,
      });
    },
  );
});
