import { execFile, execFileSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync, realpathSync, statSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SUPPORTED_PLATFORMS } from "../../../src/core/platform.js";
import { describeMachine, readElfHeader } from "../../../src/image/elf.js";
import { ELF_ARENA_BYTES, ElfReader } from "../../../src/walk/elf-reader.js";
import type { ElfProgram } from "../../../src/walk/types.js";
import { programFor } from "./sample.js";
import { processorTime } from "../../support/processor-time.js";

const run = promisify(execFile);
const arena = Buffer.alloc(ELF_ARENA_BYTES);

/** Reads a file in chunks, as a layer's stream has it. */
function read(bytes: Buffer, chunk = 64 * 1024, headBytes = 4096): ElfProgram | undefined {
  const head = bytes.subarray(0, headBytes);
  const header = readElfHeader(head);
  if (header === undefined) return undefined;
  let found: ElfProgram | undefined;
  const reader = new ElfReader(header, head, { size: bytes.length, arena }, (program) => {
    found = program;
  });
  for (let at = head.length; at < bytes.length; at += chunk) {
    reader.write(bytes.subarray(at, at + chunk));
  }
  reader.end();
  return found;
}

/** A dynamic 32-bit ARM file with everything that is looked at, put together by hand. */
function armFile({ gap = 0, goGap = 0 } = {}): Buffer {
  const strings = Buffer.from("\0libc.so.6\0libm.so.6\0GLIBC_2.4\0GLIBC_2.34\0GLIBC_PRIVATE\0");
  const at = (text: string): number => strings.indexOf(`${text}\0`);
  const words = (...values: number[]): Buffer => {
    const bytes = Buffer.alloc(4 * values.length);
    values.forEach((value, index) => bytes.writeUInt32LE(value, 4 * index));
    return bytes;
  };
  const base = 0x1_0000;
  const interpreter = Buffer.from("/lib/ld-linux-armhf.so.3\0");
  const parts: Buffer[] = [];
  let offset = 52 + 4 * 32;
  const place = (bytes: Buffer): number => {
    const padding = (16 - (offset % 16)) % 16;
    parts.push(Buffer.alloc(padding), bytes);
    const start = offset + padding;
    offset = start + bytes.length;
    return start;
  };
  const interpreterAt = place(interpreter);
  const stringsAt = place(strings);
  const version = (name: string, next: number) => words(0, 0, at(name), next);
  const versionsAt = place(
    Buffer.concat([
      words(0x0003_0001, at("libc.so.6"), 16, 0),
      ...[version("GLIBC_2.34", 16), version("GLIBC_2.4", 16), version("GLIBC_PRIVATE", 0)],
    ]),
  );
  place(Buffer.alloc(gap));
  const dataAt = place(Buffer.alloc(goGap));
  const dynamicAt = place(
    words(
      ...[1, at("libc.so.6"), 1, at("libm.so.6"), 5, base + stringsAt, 10, strings.length],
      ...[0x6fff_fffe, base + versionsAt, 0x6fff_ffff, 1, 0, 0],
    ),
  );
  const goAt = place(goBlock("go1.20.14", "path\tmain\nbuild\tGOARM=6\n"));
  const dataEnd = offset;
  const attributes = Buffer.from([
    ...[0x41, 26, 0, 0, 0, ...Buffer.from("aeabi\0"), 1, 16, 0, 0, 0],
    ...[5, ...Buffer.from("7-A\0"), 6, 10, 28, 1, 8, 1],
  ]);
  const attributesAt = place(attributes);
  const sectionsAt = place(
    Buffer.concat([
      Buffer.alloc(40),
      words(0, 0x7000_0003, 0, 0, attributesAt, attributes.length, 0, 0, 1, 0),
    ]),
  );
  const head = Buffer.alloc(52 + 4 * 32);
  Buffer.from([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1]).copy(head);
  head.writeUInt16LE(3, 16);
  head.writeUInt16LE(40, 18);
  head.writeUInt32LE(52, 28);
  head.writeUInt32LE(sectionsAt, 32);
  head.writeUInt32LE(0x500_0400, 36);
  [52, 32, 4, 40, 2, 0].forEach((value, index) => head.writeUInt16LE(value, 40 + 2 * index));
  const segment = (index: number, type: number, start: number, length: number, flags: number) =>
    words(type, start, base + start, base + start, length, length, flags, 4).copy(
      head,
      52 + 32 * index,
    );
  segment(0, 3, interpreterAt, interpreter.length, 4);
  segment(1, 1, 0, dataAt, 5);
  segment(2, 1, dataAt, dataEnd - dataAt, 6);
  segment(3, 2, dynamicAt, goAt - dynamicAt, 6);
  return Buffer.concat([head, ...parts]);
}

function goBlock(version: string, modules: string): Buffer {
  const text = (value: string) =>
    Buffer.concat([
      Buffer.from([0x80 | (value.length & 0x7f), value.length >> 7]),
      Buffer.from(value),
    ]);
  return Buffer.concat([
    Buffer.from("\xff Go buildinf:\x08\x02", "latin1"),
    Buffer.alloc(16),
    text(version),
    text(modules),
  ]);
}

describe("an ELF file that streams by", () => {
  it("tells its loader, needs, glibc, ARM version and Go's build info", () => {
    const found = read(armFile());
    expect(found).toMatchObject({
      format: "elf",
      header: { bits: 32, machine: 40, type: "shared" },
      interpreter: "/lib/ld-linux-armhf.so.3",
      needed: ["libc.so.6", "libm.so.6"],
      glibc: "2.34",
      armVersion: 7,
      armFloat: "hard",
    });
    expect(found?.go?.equals(goBlock("go1.20.14", "path\tmain\nbuild\tGOARM=6\n"))).toBe(true);
  });

  it("tells the same in chunks of any size, behind any distance", () => {
    const near = read(armFile());
    fc.assert(
      fc.property(
        fc.record({ gap: fc.nat(200_000), goGap: fc.nat(20_000) }),
        fc.integer({ min: 1, max: 9000 }),
        fc.integer({ min: 52 + 128, max: 8192 }),
        (gaps, chunk, head) => {
          expect(read(armFile(gaps), chunk, head)).toEqual(near);
        },
      ),
      { numRuns: 100 },
    );
  });

  it("goes by GOARM where a Go program says nothing else", () => {
    const bytes = armFile();
    // No sections, as Go's own linker strips them.
    bytes.writeUInt16LE(0, 48);
    expect(read(bytes)).toMatchObject({ armVersion: 6 });
  });

  it("is told without what lies beyond the room for one file", () => {
    const far = read(armFile({ gap: 13 * 1024 * 1024 }), 1024 * 1024);
    expect(far).toMatchObject({ interpreter: "/lib/ld-linux-armhf.so.3", glibc: "2.34" });
  });

  it.each(SUPPORTED_PLATFORMS)("of a static program for %s is told by its header", (platform) => {
    const bytes = programFor(platform);
    const header = readElfHeader(bytes)!;
    expect(read(bytes)).toEqual({
      format: "elf",
      header,
      ...(platform.startsWith("linux/arm/") ? { armFloat: "hard" } : {}),
    });
  });

  it("never fails and takes its time from the file's size alone, whatever is in it", async () => {
    const whole = armFile();
    const poke = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 12 });
    const word = fc.array(
      fc.tuple(
        fc.nat(whole.length - 4),
        fc.constantFrom(0xffff_ffff, 0x7fff_ffff, 0x8000_0000, whole.length - 1, 1, 0, 0xffff),
      ),
      { maxLength: 6 },
    );
    const took = await processorTime(() =>
      fc.assert(
        fc.property(poke, word, fc.nat(whole.length), fc.boolean(), (bytes, words, cut, wide) => {
          const spoilt = Buffer.from(whole);
          if (wide) spoilt[4] = 2;
          for (const [at, value] of bytes) if (at > 5) spoilt[at] = value;
          for (const [at, value] of words) if (at > 5) spoilt.writeUInt32LE(value, at);
          read(spoilt.subarray(0, Math.max(64, cut)), 1000);
        }),
        { numRuns: 3000 },
      ),
    );
    expect(took).toBeLessThan(30_000);
  });

  it("reads nothing outside itself: what an earlier file left in the arena stays unread", () => {
    const secret = "/lib/secret-of-the-file-before.so";
    const bytes = armFile();
    const header = readElfHeader(bytes)!;
    // The interpreter's segment ends behind the file's end, where the arena has other bytes.
    const cut = bytes.subarray(0, 700);
    cut.writeUInt32LE(690, 52 + 4);
    cut.writeUInt32LE(4096, 52 + 16);
    cut.fill(0x41, 690);
    arena.fill(`${secret}\0`);
    const found: ElfProgram[] = [];
    new ElfReader(header, cut, { size: 700, arena }, (one) => found.push(one)).end();
    expect(JSON.stringify(found)).not.toContain("secret");
    expect(found[0]).not.toHaveProperty("interpreter");
  });
});

/** Some of this machine's own programs and libraries. */
function installed(limit: number): readonly string[] {
  const folders = [
    "/usr/bin",
    "/usr/sbin",
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
  ];
  const files = new Set<string>();
  for (const folder of folders) {
    if (!existsSync(folder)) continue;
    const names = readdirSync(folder).sort();
    const step = Math.max(1, Math.floor(names.length / limit));
    for (let at = 0; at < names.length; at += step) {
      try {
        const path = realpathSync(join(folder, names[at]!));
        const { size } = statSync(path);
        if (statSync(path).isFile() && size < 8 * 1024 * 1024) files.add(path);
      } catch {
        // A broken link.
      }
    }
  }
  return [...files];
}

function has(tool: string): boolean {
  try {
    execFileSync(tool, ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

describe.runIf(process.platform === "linux" && has("readelf"))("binutils", () => {
  it("reads the same out of this machine's programs", async () => {
    let read_ = 0;
    for (const path of installed(25)) {
      const found = read(readFileSync(path));
      if (found === undefined || found.header.type === "object") continue;
      const { stdout } = await run("readelf", ["-hldVW", path], { maxBuffer: 64 * 1024 * 1024 });
      const [, needs = ""] = stdout.split("Version needs section");
      const versions = [...needs.matchAll(/Name: GLIBC_(\d+)\.(\d+)(?:\.(\d+))?\s/g)].map(
        ([, major, minor, patch = "0"]) => [major, minor, patch].map(Number),
      );
      const newest = versions
        .sort((a, b) => a[0]! - b[0]! || a[1]! - b[1]! || a[2]! - b[2]!)
        .at(-1);
      expect({ path, ...found, header: undefined, go: undefined }).toEqual({
        path,
        format: "elf",
        header: undefined,
        go: undefined,
        ...optional("interpreter", /Requesting program interpreter: (.*)\]/.exec(stdout)?.[1]),
        ...optional("glibc", newest?.join(".").replace(/^(\d+\.\d+)\.0$/, "$1")),
        ...(stdout.includes("Dynamic section at")
          ? {
              needed: [...stdout.matchAll(/\(NEEDED\)\s+Shared library: \[(.*)\]/g)].map(
                ([, name]) => name,
              ),
            }
          : {}),
      });
      read_ += 1;
    }
    expect(read_).toBeGreaterThan(10);
  });
});

function optional(key: string, value: string | undefined): object {
  return value === undefined ? {} : { [key]: value };
}

describe.runIf(process.platform === "linux" && has("file"))("Debian's file", () => {
  it("names the same machines, and the same loaders", async () => {
    const paths = installed(40);
    const { stdout } = await run("file", ["-b", ...paths], { maxBuffer: 16 * 1024 * 1024 });
    const lines = stdout.trimEnd().split("\n");
    expect(lines).toHaveLength(paths.length);
    for (const [index, path] of paths.entries()) {
      const line = lines[index]!;
      const found = read(readFileSync(path));
      expect(`${path}: ${found !== undefined}`).toBe(
        `${path}: ${/^(?:setuid |setgid |sticky )*ELF /.test(line)}`,
      );
      if (found === undefined) continue;
      const names: Readonly<Record<string, RegExp>> = {
        "x86-64": /64-bit LSB .*x86-64/,
        aarch64: /64-bit LSB .*ARM aarch64/,
        "x86 32-bit": /32-bit LSB .*Intel/,
      };
      expect(line).toMatch(names[describeMachine(found.header)] ?? /./);
      expect(/interpreter ([^,]+)/.exec(line)?.[1]).toBe(found.interpreter);
    }
  });
});
