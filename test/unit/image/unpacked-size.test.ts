import { mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readUnpackedSize, unpackedSize } from "../../../src/image/unpacked-size.js";

const GIB = 1024 ** 3;

function gzip(size: number, told: number): Parameters<typeof unpackedSize>[0] {
  const tail = Buffer.alloc(4);
  tail.writeUInt32LE(told);
  return { size, head: Buffer.from("1f8b08".padEnd(36, "0"), "hex"), tail };
}

function zstd(size: number, header: string): Parameters<typeof unpackedSize>[0] {
  const head = Buffer.from(`28b52ffd${header}`, "hex");
  return { size, head, tail: Buffer.alloc(4) };
}

describe("the unpacked size of a gzip layer", () => {
  it("is what the end of the file says, however well it compresses", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 20_000 }),
          fc.nat(200_000).map((length) => new Uint8Array(length)),
        ),
        fc.integer({ min: 0, max: 9 }),
        (content, level) => {
          const file = gzipSync(content, { level: level });
          const head = file.subarray(0, 18);
          const layer = { size: file.length, head, tail: file.subarray(-4) };
          expect(unpackedSize(layer)).toBe(content.length);
        },
      ),
    );
  });

  it.each([
    ["is an estimate where only the last of several members tells", gzip(10_000, 4000), 40_000],
    ["is an estimate where the end says nothing", gzip(10_000, 0), 40_000],
    ["is an estimate where the number was cut at 4 GiB", gzip(0.9 * GIB, 100), 4 * 0.9 * GIB],
    ["is at least an estimate from 1 GiB on", gzip(GIB, 2 * GIB), 4 * GIB],
    ["is what is told where that is more", gzip(GIB, 4 * GIB - 1), 4 * GIB],
    [
      "of a blob that is shorter than a trailer is an estimate",
      { ...gzip(3, 0), tail: Buffer.alloc(3) },
      12,
    ],
  ])("%s", (_, layer, size) => {
    expect(unpackedSize(layer)).toBe(size);
  });
});

describe("the unpacked size of other layers", () => {
  it("is that of the blob for a plain tar", () => {
    expect(unpackedSize({ ...gzip(10_240, 7), head: Buffer.from("bin/") })).toBe(10_240);
  });

  // The first three are what zstd 1.5 writes for 30, 300 and 70000 bytes.
  it.each([
    ["one byte, one segment", "241e6d0000", 30],
    ["two bytes", "642c004d00", 300],
    ["four bytes", "a470110100", 70_000],
    ["eight bytes", "e00000000002000000", 2 ** 33],
    ["two bytes behind a window and a dictionary's name", "415899" + "2c00", 300],
  ])("is what a zstd frame's header says in %s", (_, header, size) => {
    expect(unpackedSize(zstd(25, header))).toBe(size);
  });

  it.each([
    ["has no size", "04586d0000"],
    ["is cut", "a470"],
    ["claims more than any layer has", "e0ffffffffffffff7f"],
    ["is the first of several", "241e6d0000"],
  ])("is an estimate where a zstd frame's header %s", (_, header) => {
    expect(unpackedSize(zstd(100_000, header))).toBe(400_000);
  });

  it("is an estimate where a frame to be skipped comes first", () => {
    const head = Buffer.from("502a4d1804000000".padEnd(36, "0"), "hex");
    expect(unpackedSize({ ...zstd(1000, ""), head })).toBe(4000);
  });

  it("is never less than nothing, nor too large to be counted, whatever the bytes are", () => {
    const bytes = (length: number) =>
      fc.uint8Array({ minLength: 0, maxLength: length }).map((data) => Buffer.from(data));
    fc.assert(
      fc.property(
        fc.maxSafeNat().map((size) => size % 2 ** 40),
        fc
          .tuple(fc.constantFrom("28b52ffd", "1f8b08", ""), bytes(14))
          .map(([magic, rest]) => Buffer.concat([Buffer.from(magic, "hex"), rest])),
        bytes(4),
        (size, head, tail) => {
          const unpacked = unpackedSize({ size, head, tail });
          expect(unpacked).toBeGreaterThanOrEqual(0);
          expect(unpacked).toBeLessThanOrEqual(4 * 2 ** 40);
          expect(Number.isSafeInteger(unpacked)).toBe(true);
        },
      ),
    );
  });
});

describe("a blob in a file", () => {
  let dir: string;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "unpacked-"));
  });
  afterAll(() => rm(dir, { recursive: true, force: true }));

  it.each([
    ["gzip", gzipSync(Buffer.alloc(5000)), 5000],
    ["a plain tar", Buffer.alloc(1024), 1024],
    ["zstd", Buffer.from("28b52ffd642c004d00001000000100272ac00290ea003a", "hex"), 300],
    ["next to nothing", Buffer.from("x"), 1],
  ])("tells as its bytes do: %s", async (_what, bytes, size) => {
    const file = join(dir, "blob");
    await writeFile(file, bytes);
    const handle = await open(file);
    const window = { handle, name: "blob", offset: 0, length: bytes.length };
    expect(await readUnpackedSize({ size: bytes.length }, window)).toBe(size);
    await handle.close();
  });
});
