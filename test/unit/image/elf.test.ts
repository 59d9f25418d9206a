import { closeSync, openSync, readSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SUPPORTED_PLATFORMS, parsePlatform } from "../../../src/core/platform.js";
import {
  ELF_HEADER_BYTES,
  type ElfHeader,
  describeMachine,
  elfFits,
  readElfHeader,
} from "../../../src/image/elf.js";
import { sampleProgram } from "../../../src/sample/elf.js";

function headerFor(platform: string): ElfHeader {
  const program = sampleProgram({
    platform: parsePlatform(platform),
    message: "hello\n",
    then: "exit",
  });
  const header = readElfHeader(program.subarray(0, ELF_HEADER_BYTES));
  if (header === undefined) throw new Error("No ELF header.");
  return header;
}

/** Pairs of different platforms of which the first runs the second's programs. */
const RUNS_TOO = [
  "linux/amd64 linux/386",
  "linux/arm/v7 linux/arm/v6",
  "linux/arm/v6 linux/arm/v7",
];

describe("an ELF header", () => {
  it.each(SUPPORTED_PLATFORMS)("of %s fits its platform, and as good as no other", (platform) => {
    for (const other of SUPPORTED_PLATFORMS) {
      const fits = platform === other || RUNS_TOO.includes(`${platform} ${other}`);
      expect(`${other}: ${elfFits(headerFor(other), parsePlatform(platform))}`).toBe(
        `${other}: ${fits}`,
      );
    }
  });

  it.each([
    ["linux/amd64", "x86-64"],
    ["linux/arm64", "aarch64"],
    ["linux/arm/v7", "ARM 32-bit (hard float)"],
    ["linux/386", "x86 32-bit"],
    ["linux/ppc64le", "ppc64le"],
    ["linux/s390x", "s390x"],
    ["linux/riscv64", "riscv64"],
    ["linux/loong64", "loong64"],
  ])("of %s is told as %s", (platform, name) => {
    expect(describeMachine(headerFor(platform))).toBe(name);
  });

  it.runIf(process.platform === "linux" && process.arch in { x64: 1, arm64: 1 })(
    "of the program that runs this test fits this machine",
    () => {
      const bytes = Buffer.alloc(ELF_HEADER_BYTES);
      const file = openSync(process.execPath, "r");
      readSync(file, bytes);
      closeSync(file);
      const header = readElfHeader(bytes);
      expect(header).toMatchObject({ bits: 64, bigEndian: false });
      expect(["program", "shared"]).toContain(header?.type);
      const [mine, other] = process.arch === "x64" ? ["amd64", "arm64"] : ["arm64", "amd64"];
      expect(elfFits(header!, parsePlatform(mine))).toBe(true);
      expect(elfFits(header!, parsePlatform(other))).toBe(false);
    },
  );

  it("is told apart by byte order, address size and system", () => {
    const amd64 = headerFor("linux/amd64");
    const ppc64le = headerFor("linux/ppc64le");
    const fits = (header: ElfHeader, platform: string) => elfFits(header, parsePlatform(platform));
    expect(fits({ ...amd64, bits: 32 }, "linux/amd64")).toBe(false);
    expect(describeMachine({ ...amd64, bits: 32 })).toMatch(/x32/);
    expect(fits({ ...ppc64le, bigEndian: true }, "linux/ppc64le")).toBe(false);
    expect(describeMachine({ ...ppc64le, bigEndian: true })).toBe("ppc64 (big-endian)");
    expect(fits({ ...amd64, osAbi: 3 }, "linux/amd64")).toBe(true);
    expect(fits({ ...amd64, osAbi: 9 }, "linux/amd64")).toBe(false);
    expect(describeMachine({ ...amd64, osAbi: 9 })).toBe("x86-64 for FreeBSD");
    const arm = headerFor("linux/arm/v7");
    expect(describeMachine({ ...arm, flags: 0x0500_0200 })).toBe("ARM 32-bit (soft float)");
    expect(describeMachine({ ...arm, flags: 0x0500_0000 })).toBe("ARM 32-bit");
    expect(describeMachine({ ...amd64, machine: 4711 })).toBe("machine number 4711, 64-bit");
  });

  it("is not seen in a platform that nothing is known of as a fault", () => {
    expect(elfFits(headerFor("linux/amd64"), { os: "linux", architecture: "mips64le" })).toBe(true);
  });

  it("is none where bytes are missing, or others", () => {
    const program = sampleProgram({
      platform: parsePlatform("linux/arm64"),
      message: "x",
      then: "exit",
    });
    expect(readElfHeader(program.subarray(0, 63))).toBeUndefined();
    expect(readElfHeader(Buffer.from("#!/bin/sh\n".repeat(10)))).toBeUndefined();
    const spoilt = Buffer.from(program);
    spoilt[4] = 3;
    expect(readElfHeader(spoilt)).toBeUndefined();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        readElfHeader(Buffer.concat([Buffer.from("\x7fELF", "latin1"), bytes]));
      }),
    );
  });
});
