import { mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { digestOf } from "../../../src/core/digest.js";
import { MEDIA_TYPES } from "../../../src/image/media-types.js";
import { readUnpackedSize, unpackedSize } from "../../../src/image/unpacked-size.js";

const GIB = 1024 ** 3;

function gzip(size: number, told: number): Parameters<typeof unpackedSize>[0] {
  const tail = Buffer.alloc(4);
  tail.writeUInt32LE(told);
  return { compression: "gzip", size, head: Buffer.alloc(18), tail };
}

function zstd(size: number, header: string): Parameters<typeof unpackedSize>[0] {
  const head = Buffer.from(`28b52ffd${header}`, "hex");
  return { compression: "zstd", size, head, tail: Buffer.alloc(4) };
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
          const layer = { compression: "gzip", size: file.length, head, tail: file.subarray(-4) };
          expect(unpackedSize({ ...layer, compression: "gzip" })).toBe(content.length);
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
    expect(unpackedSize({ ...gzip(10_240, 7), compression: "none" })).toBe(10_240);
  });

  it("is an estimate for an unknown form", () => {
    expect(unpackedSize({ ...gzip(1000, 7), compression: undefined })).toBe(4000);
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

  it("is an estimate where there is no frame of zstd", () => {
    expect(unpackedSize({ ...zstd(1000, ""), head: Buffer.alloc(18) })).toBe(4000);
  });

  it("is never less than nothing, nor too large to be counted, whatever the bytes are", () => {
    const bytes = (length: number) =>
      fc.uint8Array({ minLength: 0, maxLength: length }).map((data) => Buffer.from(data));
    fc.assert(
      fc.property(
        fc.constantFrom("none", "gzip", "zstd", undefined),
        fc.maxSafeNat().map((size) => size % 2 ** 40),
        bytes(14).map((rest) => Buffer.concat([Buffer.from("28b52ffd", "hex"), rest])),
        bytes(4),
        (compression, size, head, tail) => {
          const unpacked = unpackedSize({ compression, size, head, tail });
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
    [MEDIA_TYPES.ociLayerGzip, gzipSync(Buffer.alloc(5000)), 5000],
    [MEDIA_TYPES.ociLayer, Buffer.alloc(1024), 1024],
    [
      MEDIA_TYPES.ociLayerZstd,
      Buffer.from("28b52ffd642c004d00001000000100272ac00290ea003a", "hex"),
      300,
    ],
    [MEDIA_TYPES.ociLayerGzip, Buffer.from("x"), 4],
  ])("tells as its media type %s says", async (mediaType, bytes, size) => {
    const file = join(dir, "blob");
    await writeFile(file, bytes);
    const blob = { mediaType, digest: digestOf(bytes), size: bytes.length };
    const handle = await open(file);
    const window = { handle, name: "blob", offset: 0, length: bytes.length };
    expect(await readUnpackedSize(blob, window)).toBe(size);
    await handle.close();
  });
});
