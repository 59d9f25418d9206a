import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, open, readFile, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import fc from "fast-check";
import { Header, type HeaderData } from "tar";
import { describe, expect, it } from "vitest";
import { encodeHeader } from "../../../src/tar/header.js";
import { layoutTar } from "../../../src/tar/layout.js";
import { readTarIndex, scanTar } from "../../../src/tar/scan.js";
import { readWindow, streamWindow, windowOf } from "../../../src/tar/window.js";
import { MTIME, tarOf, withWindow } from "./archive.js";
import { processorTime } from "../../support/processor-time.js";

const run = promisify(execFile);

const name = fc.stringMatching(/^[a-z0-9_-][a-z0-9._ é中-]{0,30}$/);
const files = fc
  .uniqueArray(
    fc.record({
      path: fc.array(name, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("/")),
      bytes: fc.uint8Array({ maxLength: 1500 }).map((bytes) => Buffer.from(bytes)),
      executable: fc.boolean(),
    }),
    { maxLength: 8, selector: ({ path }) => path },
  )
  .filter((all) => !all.some((a) => all.some((b) => b.path.startsWith(`${a.path}/`))));

const two = tarOf([
  { path: "a/one", bytes: Buffer.alloc(700, 1) },
  { path: "a/two", bytes: Buffer.alloc(512, 2), executable: true },
]);

async function faultsOf(bytes: Buffer, dialect: "own" | "foreign" = "own"): Promise<string[]> {
  const { faults } = await withWindow(bytes, (window) => scanTar(window, dialect));
  return faults.map(({ kind }) => kind);
}

/** A hand-made entry, as no writer of ours would make it. */
function entry(fields: HeaderData, data = ""): Buffer {
  const header = new Header({ mode: 0o644, uid: 0, gid: 0, mtime: new Date(0), ...fields });
  header.size = Buffer.byteLength(data);
  header.encode();
  const padded = Buffer.alloc(Math.ceil(header.size / 512) * 512);
  padded.write(data);
  return Buffer.concat([header.block!, padded]);
}
const END = Buffer.alloc(1024);

describe("the tar layout", () => {
  it("is read back as it was laid out, inside another file too", async () => {
    await fc.assert(
      fc.asyncProperty(files, fc.nat(2000), async (inputs, offset) => {
        await withWindow(
          tarOf(inputs),
          async (window) => {
            const entries = await readTarIndex(window, "own");
            const found = entries.filter(({ type }) => type === "file");
            expect(found.map(({ path, executable }) => ({ path, executable }))).toEqual(
              inputs.map(({ path, executable }) => ({ path, executable })),
            );
            for (const [at, { path, bytes }] of inputs.entries()) {
              expect(found[at]!.mtime).toBe(MTIME);
              expect(found[at]!.path).toBe(path);
              expect(await readWindow(windowOf(window, found[at]!), 1500)).toEqual(bytes);
            }
          },
          offset,
        );
      }),
      { numRuns: 50 },
    );
  });

  it("is what GNU tar and busybox list and unpack", async () => {
    await fc.assert(
      fc.asyncProperty(files, async (inputs) => {
        await withWindow(tarOf(inputs), async (_window, path) => {
          for (const tar of [
            ["tar"],
            ...(existsSync("/usr/bin/busybox") ? [["busybox", "tar"]] : []),
          ]) {
            const [program, ...args] = tar as [string, ...string[]];
            const to = await mkdtemp(join(tmpdir(), "unpacked-"));
            const { stderr } = await run(program, [...args, "-xf", path, "-C", to]);
            expect(stderr).toBe("");
            for (const { path: file, bytes } of inputs) {
              expect(await readFile(join(to, file))).toEqual(bytes);
            }
            await rm(to, { recursive: true });
          }
          const { stdout } = await run("tar", [
            "--full-time",
            "--utc",
            "--numeric-owner",
            "-tvf",
            path,
          ]);
          for (const line of stdout.split("\n").filter(Boolean)) {
            expect(line).toMatch(
              /^(drwxr-xr-x|-rw-r--r--|-rwxr-xr-x) 0\/0 +\d+ 2023-11-14 22:13:20 /,
            );
          }
        });
      }),
      { numRuns: 8 },
    );
  });

  it("gives each folder an entry before its first file, and each only once", () => {
    const { entries } = layoutTar(
      ["r/a", "r/s/b", "r/c", "r/s/d"].map((path) => ({ path, size: 0, content: "" })),
      0,
    );
    expect(entries.map(({ path }) => path)).toEqual(["r", "r/a", "r/s", "r/s/b", "r/c", "r/s/d"]);
  });

  it("splits long names and refuses those that ustar cannot hold", () => {
    const header = (path: string): Buffer =>
      encodeHeader({ path, type: "file", executable: false, size: 0, mtime: 0 });
    const folder = "d".repeat(100);
    expect(new Header(header(`${folder}/${"f".repeat(99)}`)).path).toBe(
      `${folder}/${"f".repeat(99)}`,
    );
    for (const path of [
      `a/${"f".repeat(101)}`,
      `${"d".repeat(160)}/f`,
      "f".repeat(101),
      "/etc/passwd",
      "a/../b",
      "a//b",
      "./a",
      "a\nb",
      "a\\b",
      "",
    ]) {
      expect(() => header(path), path).toThrow(expect.objectContaining({ code: "FILE" }));
    }
  });

  it("holds files over 8 GiB, as GNU tar reads them", async () => {
    const dir = await mkdtemp(join(tmpdir(), "sparse-"));
    try {
      const size = 9 * 2 ** 30 + 5;
      const layout = layoutTar(
        [
          { path: "big", size, content: "" },
          { path: "after", size: 3, content: "" },
        ],
        MTIME,
      );
      const path = join(dir, "big.tar");
      const handle = await open(path, "w+");
      await truncate(path, layout.size);
      for (const { header, headerOffset } of layout.entries) {
        await handle.write(header, 0, header.length, headerOffset);
      }
      await handle.write("end", layout.entries[1]!.dataOffset);
      const window = { handle, name: "big.tar", offset: 0, length: layout.size };
      let entries: Awaited<ReturnType<typeof readTarIndex>> = [];
      const took = await processorTime(async () => {
        entries = await readTarIndex(window, "own");
      });
      // To read 9 GiB of zeros takes longer.
      expect(took).toBeLessThan(1000);
      expect(entries.map((one) => [one.path, one.size])).toEqual([
        ["big", size],
        ["after", 3],
      ]);
      expect((await readWindow(windowOf(window, entries[1]!), 3)).toString()).toBe("end");
      await handle.close();
      const { stdout } = await run("tar", ["-tvf", path]);
      expect(stdout).toContain(` ${size} `);
      expect(stdout).toContain(" after");
    } finally {
      await rm(dir, { recursive: true });
    }
  });
});

describe("reading our own archives", () => {
  it("notices the archive ending at any byte", async () => {
    await withWindow(two, async (window) => {
      for (let length = 0; length < two.length; length += 1) {
        if (length % 512 > 3 && length % 512 < 509) continue;
        const { faults } = await scanTar({ ...window, length }, "own");
        expect(faults.length, `cut to ${length}`).toBeGreaterThan(0);
      }
      expect((await scanTar(window, "own")).faults).toEqual([]);
    });
  });

  it("notices any change of a byte outside the files' data", async () => {
    await withWindow(two, async (window) => {
      const { entries } = await scanTar(window, "own");
      const isData = (at: number): boolean =>
        entries.some(({ dataOffset, size }) => at >= dataOffset && at < dataOffset + size);
      const dir = await mkdtemp(join(tmpdir(), "flip-"));
      const path = join(dir, "flip.tar");
      await writeFile(path, two);
      const handle = await open(path, "r+");
      for (let at = 0; at < two.length; at += 1) {
        if (isData(at)) continue;
        const flipped = two[at]! ^ (1 << (at % 8));
        await handle.write(Buffer.from([flipped]), 0, 1, at);
        const { faults } = await scanTar({ ...window, handle }, "own");
        expect(faults.length, `byte ${at}`).toBeGreaterThan(0);
        await handle.write(two, at, 1, at);
      }
      await handle.close();
      await rm(dir, { recursive: true });
    });
  });

  it("names the file and the byte", async () => {
    const broken = Buffer.from(two);
    broken[512 + 20] = 0x41;
    await withWindow(broken, async (window) => {
      await expect(readTarIndex(window, "own")).rejects.toMatchObject({
        code: "INTEGRITY",
        details: { file: "test.tar", offset: 512, fault: "checksum" },
      });
    });
  });

  it.each([
    ["a link", entry({ path: "a", type: "SymbolicLink", linkpath: "/etc" }), "type"],
    ["a hard link", entry({ path: "a", type: "Link", linkpath: "b" }), "type"],
    ["a device", entry({ path: "a", type: "CharacterDevice" }), "type"],
    ["an absolute path", entry({ path: "/a", type: "File" }), "path"],
    ["a path out of its folder", entry({ path: "a/../../b", type: "File" }), "path"],
    ["a dot path", entry({ path: "./a", type: "File" }), "path"],
    ["an owner", entry({ path: "a", type: "File", uid: 1000 }), "header"],
    ["a mode of its own", entry({ path: "a", type: "File", mode: 0o4755 }), "header"],
    ["an extended header", entry({ path: "a", type: "ExtendedHeader" }, "12 path=xyz\n"), "type"],
    ["a name twice", Buffer.concat([entry({ path: "a" }), entry({ path: "a" })]), "duplicate"],
  ])("refuses %s", async (_what, bytes, kind) => {
    expect(await faultsOf(Buffer.concat([bytes, END]))).toContain(kind);
  });

  it.each([
    ["bytes after the end", Buffer.concat([two, Buffer.from("x")]), "trailing"],
    ["zeros after the end", Buffer.concat([two, Buffer.alloc(512)]), "trailing"],
    ["one end block", two.subarray(0, -512), "end"],
    ["no end blocks", two.subarray(0, -1024), "end"],
    ["no data", two.subarray(0, 1024 + 100), "truncated"],
    ["nothing at all", Buffer.alloc(0), "end"],
  ])("refuses %s", async (_what, bytes, kind) => {
    expect(await faultsOf(bytes)).toEqual([kind]);
  });
});

describe("reading archives of other tools", () => {
  it("finds what GNU tar wrote, in each of its formats, with long names and links", async () => {
    const dir = await mkdtemp(join(tmpdir(), "gnu-"));
    try {
      const long = `${"d".repeat(120)}/${"f".repeat(140)}`;
      await mkdir(join(dir, "in", long, ".."), { recursive: true });
      await writeFile(join(dir, "in", long), "long");
      await writeFile(join(dir, "in", "short"), "short");
      await symlink(`../${"t".repeat(150)}`, join(dir, "in", "link"));
      for (const format of ["gnu", "pax", "posix"]) {
        const path = join(dir, `${format}.tar`);
        await run("tar", [`--format=${format}`, "-cf", path, "-C", join(dir, "in"), "."]);
        const handle = await open(path);
        const { size: length } = await handle.stat();
        const window = { handle, name: path, offset: 0, length };
        const entries = await readTarIndex(window, "foreign");
        expect(entries.map(({ path: one, type }) => `${type} ${one}`).sort()).toEqual(
          [`directory ${"d".repeat(120)}`, `file ${long}`, "file short", "symlink link"].sort(),
        );
        const find = (one: string): (typeof entries)[number] =>
          entries.find((candidate) => candidate.path === one)!;
        expect(find("link").linkpath).toBe(`../${"t".repeat(150)}`);
        const chunks: Buffer[] = [];
        for await (const chunk of streamWindow(windowOf(window, find(long)))) chunks.push(chunk);
        expect(Buffer.concat(chunks).toString()).toBe("long");
        await handle.close();
      }
    } finally {
      await rm(dir, { recursive: true });
    }
  });

  it("prefers a pax path to a ustar prefix", async () => {
    const pax = entry({ path: "x", type: "ExtendedHeader" }, "19 path=right/name\n");
    const header = entry({ path: `${"p".repeat(90)}/${"n".repeat(80)}`, type: "File" }, "data");
    await withWindow(Buffer.concat([pax, header, END]), async (window) => {
      expect(await readTarIndex(window, "foreign")).toMatchObject([
        { path: "right/name", size: 4 },
      ]);
    });
  });

  it.each([
    ["a device", entry({ path: "a", type: "BlockDevice" }), "type"],
    ["a path out of its folder", entry({ path: "../a", type: "File" }), "path"],
    [
      "a name twice, with other bytes",
      Buffer.concat([entry({ path: "a" }, "one"), entry({ path: "./a" }, "two")]),
      "duplicate",
    ],
    [
      "a sparse file",
      Buffer.concat([
        entry({ path: "x", type: "ExtendedHeader" }, "22 GNU.sparse.major=1\n"),
        entry({ path: "x", type: "ExtendedHeader" }, "22 GNU.sparse.minor=0\n"),
        entry({ path: "a", type: "File" }, "0\n".padEnd(512, "\0")),
      ]),
      "header",
    ],
    [
      "a long name without an entry",
      entry({ path: "x", type: "NextFileHasLongPath" }, "y\0"),
      "header",
    ],
    [
      "a huge long name",
      entry({ path: "x", type: "NextFileHasLongPath" }, "y".repeat(1_048_577)),
      "checksum",
    ],
  ])("refuses %s", async (_what, bytes, kind) => {
    expect(await faultsOf(Buffer.concat([bytes, END]), "foreign")).toContain(kind);
  });

  it("never fails on arbitrary bytes, nor follows them out of the file", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(two.length - 1), fc.nat(255)), { minLength: 1, maxLength: 20 }),
        fc.constantFrom("own" as const, "foreign" as const),
        async (changes, dialect) => {
          const bytes = Buffer.from(two);
          for (const [at, value] of changes) bytes[at] = value;
          await withWindow(bytes, async (window) => {
            const { entries } = await scanTar(window, dialect);
            for (const { dataOffset, size } of entries) {
              expect(dataOffset + size).toBeLessThanOrEqual(bytes.length);
            }
          });
        },
      ),
      { numRuns: 100 },
    );
  });
});
