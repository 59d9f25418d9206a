import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile, link } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import fc from "fast-check";
import { Header, type HeaderData } from "tar";
import { describe, expect, it } from "vitest";
import { BundlerError } from "../../../src/core/errors.js";
import { type StreamedEntry, TarStreamReader } from "../../../src/tar/stream.js";
import { unpackedPath } from "../../../src/tar/unpacked-path.js";
import { tarOf } from "./archive.js";
import { processorTime } from "../../support/processor-time.js";

const run = promisify(execFile);
const END = Buffer.alloc(1024);

interface Seen extends StreamedEntry {
  readonly head: string;
}

/** Reads an archive in chunks that end at the given places, taken round and round. */
function read(bytes: Buffer, steps: readonly number[] = [4096], headBytes = 8): readonly Seen[] {
  const seen: Seen[] = [];
  const reader = new TarStreamReader({
    name: "layer.tar",
    headBytes,
    onEntry: (entry, head) => seen.push({ ...entry, head: head.toString("latin1") }),
  });
  for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
    const next = Math.min(bytes.length, at + (steps[turn % steps.length] ?? 1));
    reader.write(new Uint8Array(bytes.subarray(at, next)));
    at = next;
  }
  reader.end();
  return seen;
}

/** A hand-made entry; a body makes it as long as it says, `size` says something else. */
function entry(fields: HeaderData, data = ""): Buffer {
  const header = new Header({ mode: 0o644, uid: 0, gid: 0, mtime: new Date(0), ...fields });
  header.size = fields.size ?? Buffer.byteLength(data);
  header.encode();
  const padded = Buffer.alloc(Math.ceil(Buffer.byteLength(data) / 512) * 512);
  padded.write(data);
  return Buffer.concat([header.block!, padded]);
}

function fault(bytes: Buffer): string {
  try {
    read(bytes);
  } catch (error) {
    expect(error).toBeInstanceOf(BundlerError);
    expect((error as BundlerError).code).toBe("INTEGRITY");
    return (error as BundlerError).message;
  }
  throw new Error("It was accepted.");
}

const file = fc.record({
  path: fc.stringMatching(/^[a-z]{1,8}(?:\/[a-z]{1,8}){0,3}$/),
  bytes: fc.uint8Array({ maxLength: 1300 }).map((bytes) => Buffer.from(bytes)),
  executable: fc.boolean(),
});
const files = fc
  .uniqueArray(file, { maxLength: 6, selector: ({ path }) => path })
  .filter((all) => !all.some((a) => all.some((b) => b.path.startsWith(`${a.path}/`))));

describe("TarStreamReader", () => {
  it("gives every entry with its first bytes, wherever the chunks end", () => {
    fc.assert(
      fc.property(
        files,
        fc.array(fc.integer({ min: 1, max: 1500 }), { minLength: 1, maxLength: 5 }),
        fc.nat(700),
        (inputs, steps, headBytes) => {
          const seen = read(tarOf(inputs), steps, headBytes).filter(({ type }) => type === "file");
          expect(seen).toEqual(
            inputs.map(({ path, bytes, executable }) => ({
              path,
              type: "file",
              size: bytes.length,
              mode: executable ? 0o755 : 0o644,
              linkpath: "",
              head: bytes.subarray(0, headBytes).toString("latin1"),
            })),
          );
        },
      ),
      { numRuns: 100 },
    );
  });

  it.each(["gnu", "pax", "ustar"])("reads what GNU tar writes in the format %s", async (format) => {
    const dir = await mkdtemp(join(tmpdir(), "stream-"));
    try {
      const deep = format === "ustar" ? "d/é" : `d/${"long".repeat(40)}/é`;
      await mkdir(join(dir, "in", deep), { recursive: true });
      await writeFile(join(dir, "in", deep, "file"), "content of it", { mode: 0o750 });
      await link(join(dir, "in", deep, "file"), join(dir, "in/hard"));
      await symlink(`${"../".repeat(format === "ustar" ? 3 : 40)}etc`, join(dir, "in/soft"));
      await run("mkfifo", [join(dir, "in/pipe")]);
      const archive = join(dir, "a.tar");
      const args = [
        `--format=${format}`,
        "--sort=name",
        "-C",
        join(dir, "in"),
        "-cf",
        archive,
        ".",
      ];
      await run("tar", args);
      const seen = read(await readFile(archive), [333]);
      const summary = Object.fromEntries(seen.map(({ path, type }) => [path, type]));
      expect(summary).toMatchObject({
        "": "directory",
        hard: "link",
        soft: "symlink",
        pipe: "other",
      });
      expect(seen.find(({ path }) => path === `${deep}/file`)).toMatchObject({
        type: "file",
        size: 13,
        mode: 0o750,
        head: "content ",
      });
      expect(seen.find(({ type }) => type === "link")?.linkpath).toBe(`./${deep}/file`);
      expect(seen.find(({ type }) => type === "symlink")?.linkpath).toMatch(/^(\.\.\/)+etc$/);
    } finally {
      await rm(dir, { recursive: true });
    }
  });

  it("tolerates missing end blocks and missing last padding", () => {
    const one = entry({ path: "a", type: "File" }, "aaa");
    const paths = (...parts: Buffer[]) => read(Buffer.concat(parts)).map(({ path }) => path);
    expect(paths(one)).toEqual(["a"]);
    expect(paths(one, END.subarray(0, 512))).toEqual(["a"]);
    expect(paths(one.subarray(0, 515))).toEqual(["a"]);
    expect(paths(one, END, Buffer.alloc(20_000))).toEqual(["a"]);
    expect(paths()).toEqual([]);
  });

  it("refuses what is damaged, and says at which byte", () => {
    const one = entry({ path: "a", type: "File" }, "x".repeat(600));
    const spoilt = Buffer.from(one);
    spoilt[3] = 0x41;
    expect(fault(Buffer.concat([one, spoilt]))).toBe(
      "layer.tar is damaged: at byte 1536, there is no header whose checksum holds.",
    );
    expect(fault(one.subarray(0, 512 + 599))).toMatch(/at byte 1111, it ends inside an entry/);
    expect(fault(one.subarray(0, 300))).toMatch(/at byte 300, it ends in the middle of a header/);
    expect(fault(Buffer.concat([END.subarray(0, 512), one]))).toMatch(
      /at byte 512, a block of zeros stands before a header/,
    );
    expect(fault(Buffer.alloc(1024, "no tar at all "))).toMatch(/at byte 0, .*checksum/);
  });

  it("refuses too long extensions", () => {
    const huge = entry({ path: "x", type: "ExtendedHeader", size: 2 ** 21 });
    expect(fault(huge)).toMatch(/an extended header has 2097152 bytes/);
  });

  it("never throws anything but what is wrong, whatever is in it", () => {
    const block = fc.oneof(
      fc.constant(END),
      fc.uint8Array({ minLength: 512, maxLength: 512 }).map((bytes) => Buffer.from(bytes)),
      fc
        .record({
          path: fc.constantFrom("a", "b/", "x".repeat(99)),
          type: fc.constantFrom<NonNullable<HeaderData["type"]>>(
            "File",
            "ExtendedHeader",
            "GlobalExtendedHeader",
            "NextFileHasLongPath",
            "NextFileHasLongLinkpath",
            "SymbolicLink",
          ),
          data: fc.constantFrom("", "12 path=abc\n", "11 size=-1\n", "9 size=x\n", "\0", "zzz"),
        })
        .map(({ path, type, data }) => entry({ path, type }, data)),
    );
    fc.assert(
      fc.property(
        fc.array(block, { maxLength: 6 }),
        fc.integer({ min: 1, max: 600 }),
        (all, step) => {
          try {
            read(Buffer.concat(all), [step]);
          } catch (error) {
            expect(error).toBeInstanceOf(BundlerError);
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe("unpackedPath", () => {
  it.each([
    ["a/b", "a/b"],
    ["./a//b/", "a/b"],
    ["/etc/./passwd", "etc/passwd"],
    ["../../etc/../x", "x"],
    [".", ""],
    ["./", ""],
    ["a/..b/.c...", "a/..b/.c..."],
  ])("puts %s at %s", (path, to) => {
    expect(unpackedPath(path)).toBe(to);
  });

  it("takes time linear in the path", async () => {
    const path = `a${"/".repeat(1_000_000)}b`;
    expect(await processorTime(() => unpackedPath(path))).toBeLessThan(2000);
  });
});
