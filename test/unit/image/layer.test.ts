import { createHash, randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { walkLayer } from "../../../src/image/layer.js";
import { makeLayer } from "../../../src/sample/layer.js";

const layer = makeLayer([
  { path: "bin/tool", content: randomBytes(300_000), executable: true },
  { path: "etc/name", content: "openim" },
]);
const { signal } = new AbortController();

async function* chunks(bytes: Buffer, size = 10_000): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) {
    await Promise.resolve();
    yield bytes.subarray(at, at + size);
  }
}

const ignore = (): void => undefined;

describe("walkLayer", () => {
  it.each(["none", "gzip"] as const)(
    "shows each entry and proves the diffID by its bytes (%s)",
    async (how) => {
      const seen: string[] = [];
      const bytes = how === "none" ? layer.tar : gzipSync(layer.tar);
      const diffId = await walkLayer(
        chunks(bytes),
        ({ path, type, size, mode }, head) =>
          seen.push(`${path} ${type} ${size} ${mode.toString(8)} ${head.length}`),
        { signal },
      );
      expect(diffId).toBe(layer.diffId);
      expect(diffId).toBe(`sha256:${createHash("sha256").update(layer.tar).digest("hex")}`);
      expect(seen).toEqual([
        "bin directory 0 755 0",
        "bin/tool file 300000 755 64",
        "etc directory 0 755 0",
        "etc/name file 6 644 6",
      ]);
    },
  );

  it("hashes what stands behind the end blocks, too", async () => {
    const longer = Buffer.concat([layer.tar, Buffer.alloc(9000)]);
    const diffId = await walkLayer(chunks(longer), ignore, { signal });
    expect(diffId).toBe(`sha256:${createHash("sha256").update(longer).digest("hex")}`);
  });

  it("reads a file as it lies on the disk", async () => {
    const dir = await mkdtemp(join(tmpdir(), "layer-"));
    try {
      await writeFile(join(dir, "blob"), layer.gzip);
      const stream = createReadStream(join(dir, "blob"));
      expect(await walkLayer(stream, ignore, { signal })).toBe(layer.diffId);
    } finally {
      await rm(dir, { recursive: true });
    }
  });

  it("refuses a damaged or cut gzip stream, and a damaged tar inside a whole one", async () => {
    const zipped = gzipSync(layer.tar);
    const walk = (bytes: Buffer) => walkLayer(chunks(bytes), ignore, { signal, name: "L" });
    const integrity = (message: RegExp) => ({
      code: "INTEGRITY",
      message: expect.stringMatching(message) as string,
    });
    const spoilt = Buffer.from(zipped);
    spoilt.fill(0xff, 1000, 1100);
    await expect(walk(spoilt)).rejects.toMatchObject(integrity(/L is (no whole gzip|damaged)/));
    await expect(walk(zipped.subarray(0, -20))).rejects.toMatchObject(
      integrity(/L is no whole gzip stream: unexpected end of file/),
    );
    const only = { signal, name: "L", only: "gzip" } as const;
    await expect(walkLayer(chunks(layer.tar), ignore, only)).rejects.toMatchObject(
      integrity(/L is no gzip file/),
    );
    await expect(walk(gzipSync(layer.tar.subarray(0, 5000)))).rejects.toMatchObject(
      integrity(/L is damaged: at byte 5000, it ends inside an entry/),
    );
  });

  it("passes on what the stream throws, and lets go of it", async () => {
    for (const how of ["none", "gzip"] as const) {
      let closed = false;
      const failing = async function* (): AsyncGenerator<Buffer> {
        try {
          yield (how === "none" ? layer.tar : layer.gzip).subarray(0, 2000);
          await Promise.resolve();
          throw new TypeError("The disk is gone.");
        } finally {
          closed = true;
        }
      };
      await expect(walkLayer(failing(), ignore, { signal })).rejects.toThrow("The disk is gone.");
      expect(closed).toBe(true);
    }
  });

  it("passes on what the visitor throws, and stops reading", async () => {
    for (const how of ["none", "gzip"] as const) {
      const walk = walkLayer(
        chunks(how === "none" ? layer.tar : layer.gzip),
        () => {
          throw new RangeError("Seen enough.");
        },
        { signal },
      );
      await expect(walk).rejects.toThrow("Seen enough.");
    }
  });

  it.each(["none", "gzip"] as const)("stops when it is told to (%s)", async (how) => {
    const stop = new AbortController();
    const endless = async function* (): AsyncGenerator<Buffer> {
      yield how === "none" ? layer.tar : layer.gzip;
      stop.abort();
      for (;;) {
        await new Promise((resolve) => setTimeout(resolve, 1));
        yield Buffer.alloc(100);
      }
    };
    await expect(walkLayer(endless(), ignore, { signal: stop.signal })).rejects.toMatchObject({
      code: "INTERRUPTED",
    });
  });

  it("needs no more memory for a larger layer", async () => {
    // 256 MiB of zeros, which gzip makes a quarter of a megabyte of: nobody holds them.
    const header = makeLayer([{ path: "z", content: "" }]).tar.subarray(0, 512);
    const size = 256 * 1024 * 1024;
    header.write(`${size.toString(8).padStart(11, "0")}\0`, 124);
    header.fill(" ", 148, 156);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
    const zeros = gzipSync(Buffer.alloc(4 * 1024 * 1024));
    const stream = async function* (): AsyncGenerator<Buffer> {
      yield gzipSync(header);
      for (let at = 0; at < 64; at += 1) {
        await Promise.resolve();
        yield zeros;
      }
    };
    const before = process.memoryUsage().rss;
    let most = 0;
    const watch = setInterval(() => (most = Math.max(most, process.memoryUsage().rss)), 10);
    const seen: number[] = [];
    await walkLayer(stream(), (entry) => seen.push(entry.size), { signal });
    clearInterval(watch);
    expect(seen).toEqual([size]);
    expect(most - before).toBeLessThan(128 * 1024 * 1024);
  });
});
