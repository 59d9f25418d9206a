import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmod, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sourceEntries } from "../../../src/source/entries.js";
import { END, type Item, type ZipItem, tarOf, tarWithGlobal, zipOf } from "./archives.js";

const signal = new AbortController().signal;
const COMMIT = "8eb91a7c72c38199fbd6f482fbe2f47335901ffb";
let dir: string;
let serial = 0;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "openim-bundler-source-"));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

interface Options {
  readonly strip?: number;
  readonly commit?: string;
}

function open(path: string, { strip = 0, commit }: Options = {}, at = signal) {
  const source = { strip, ...(commit === undefined ? {} : { commit }) };
  return sourceEntries({ name: "app", path }, source, { signal: at });
}

/** What comes out, in the order in which it comes. */
async function read(path: string, options?: Options): Promise<Item[]> {
  const items: Item[] = [];
  for await (const entry of open(path, options)) {
    const chunks: Uint8Array[] = [];
    for await (const chunk of entry.content()) chunks.push(chunk);
    const bytes = Buffer.concat(chunks);
    expect(bytes.length).toBe(entry.size);
    items.push({
      path: entry.type === "directory" ? `${entry.path}/` : entry.path,
      ...(entry.type === "file" ? { bytes, executable: entry.executable } : {}),
      ...(entry.linkpath === undefined ? {} : { linkpath: entry.linkpath }),
    });
  }
  return items;
}

async function file(bytes: Uint8Array): Promise<string> {
  serial += 1;
  const path = join(dir, `archive-${serial}`);
  await writeFile(path, bytes);
  return path;
}

async function readBytes(bytes: Uint8Array, options?: Options): Promise<Item[]> {
  return read(await file(bytes), options);
}

/** Expects the archive to be refused with words that name the source, the file and the reason. */
async function refused(bytes: Uint8Array, why: RegExp, options?: Options): Promise<void> {
  const path = await file(bytes);
  const error: unknown = await read(path, options).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toMatchObject({ code: "INTEGRITY", details: { source: "app", file: path } });
  expect((error as Error).message).toContain(`Source app: ${path}: `);
  expect((error as Error).message).toMatch(why);
}

const text = (words: string) => Buffer.from(words);
const tree: Item[] = [
  { path: "top/" },
  { path: "top/main.go", bytes: text("package main\n".repeat(100)), executable: false },
  { path: "top/run.sh", bytes: text("#!/bin/sh\n"), executable: true },
  { path: "top/empty", bytes: text(""), executable: false },
  { path: "top/docs/简体.md", bytes: randomBytes(7000), executable: false },
  { path: "top/docs/link", linkpath: "../main.go" },
  { path: "top/10", bytes: text("ten"), executable: false },
  { path: "top/9", bytes: text("nine"), executable: false },
  { path: "top/__proto__", bytes: text("plain"), executable: false },
];

/** Every check that does not depend on the format is made with all of them. */
const formats = {
  "a zip": (items: readonly Item[]) => zipOf(items),
  "a zip without compression": (items: readonly Item[]) => zipOf(items, { compress: false }),
  "a zip64": (items: readonly Item[]) => zipOf(items, { zip64: true }),
  "a zip with data descriptors": (items: readonly Item[]) =>
    zipOf(items.map((item) => ({ ...item, descriptor: !item.path.endsWith("/") }))),
  "a tar.gz": (items: readonly Item[]) => gzipSync(tarOf(items)),
  "a tar": (items: readonly Item[]) => tarOf(items),
};

describe.each(Object.entries(formats))("%s", (_name, make) => {
  it("gives its entries in its own order, with modes, links and bytes", async () => {
    expect(await readBytes(make(tree))).toEqual(tree);
  });

  it("loses its leading folders, and what lies above", async () => {
    const items = await readBytes(make([{ path: "README", bytes: text("x") }, ...tree]), {
      strip: 1,
    });
    expect(items.map(({ path }) => path)).toEqual(
      tree.slice(1).map(({ path }) => path.slice("top/".length)),
    );
  });

  it("gives a folder once", async () => {
    const items = [{ path: "a/" }, { path: "a/b", bytes: text("b"), executable: false }];
    expect(await readBytes(make([...items, { path: "a/" }]))).toEqual(items);
  });

  it("may be empty", async () => {
    expect(await readBytes(make([]))).toEqual([]);
  });

  it.each([
    ["a path that climbs out", "a/../../etc/passwd", /leaves its folder/],
    ["an absolute path", "/etc/passwd", /absolute/],
    ["a backslash", "a\\b", /backslash/],
    ["a control character", "a\u0007b", /control character/],
    ["an empty part", "a//b", /empty or \. part/],
    ["a name no file can have", "x".repeat(256), /too long for a name/],
    ["a path no file can have", "x/".repeat(2100) + "x", /too long for a path/],
  ])("is refused with %s", async (_what, path, why) => {
    await refused(make([{ path, bytes: text("x") }]), why);
  });

  it.each([
    ["to an absolute path", "a/link", "/etc/passwd", /absolute path/],
    ["out of the tree", "a/link", "../../x", /links out/],
    ["with .. in its middle", "a/link", "b/../../a", /in its middle/],
    ["with a backslash", "a/link", "..\\..\\x", /backslash/],
  ])("is refused with a link %s", async (_what, path, linkpath, why) => {
    await refused(make([{ path, linkpath }]), why);
  });

  it("is refused when stripping makes a link lead out", async () => {
    const items = [{ path: "top/link", linkpath: "../other" }];
    expect(await readBytes(make(items))).toEqual(items);
    await refused(make(items), /links out/, { strip: 1 });
  });

  it("is refused when a path goes through a link or a file", async () => {
    const below = { path: "a/b/c", bytes: text("x") };
    await refused(make([{ path: "a/b", linkpath: "../x" }, below]), /"a\/b" is a symlink/);
    await refused(make([{ path: "a/b", bytes: text("") }, below]), /"a\/b" is a file/);
    await refused(make([below, { path: "a/b", linkpath: "../x" }]), /occurs twice/);
  });

  it("is refused when a path occurs twice", async () => {
    const twice = { path: "a/b", bytes: text("x") };
    await refused(make([twice, twice]), /"a\/b" is refused: its path occurs twice/);
    const met = [
      { path: "x/b", bytes: text("1") },
      { path: "y/b", bytes: text("2") },
    ];
    expect(await readBytes(make(met))).toHaveLength(2);
    await refused(make(met), /"y\/b" is refused: its path occurs twice/, { strip: 1 });
  });

  it("is refused wherever it is cut off", async () => {
    const whole = make(tree);
    for (const part of [0.1, 0.3, 0.5, 0.8]) {
      await refused(whole.subarray(0, Math.floor(whole.length * part)), /./);
    }
    await refused(whole.subarray(0, whole.length - 1), /./);
  });

  it("comes back the same, whatever tree it was made of", async () => {
    const name = fc
      .stringMatching(/^[a-zA-Z0-9 ._+é漢-]{1,40}$/)
      .filter((s) => !/^\.{1,2}$/.test(s));
    const path = fc.array(name, { minLength: 1, maxLength: 6 }).map((parts) => parts.join("/"));
    const item = fc.oneof(
      fc.record({ path, bytes: fc.uint8Array({ maxLength: 3000 }), executable: fc.boolean() }),
      fc.record({ path, linkpath: name }),
      path.map((folder) => ({ path: `${folder}/` })),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(item, { maxLength: 12 }), async (items) => {
        // A tree: no path twice, none below a file or link.
        const bare = (one: Item): string => one.path.replace(/\/$/, "");
        const good = items.filter((one, index) =>
          items.slice(0, index).every((other) => {
            const [a, b] = [`${bare(one)}/`, `${bare(other)}/`];
            const folder = (which: Item) => which.path.endsWith("/");
            return (
              a !== b && (!a.startsWith(b) || folder(other)) && (!b.startsWith(a) || folder(one))
            );
          }),
        );
        const bytesOf = (one: Item): Item =>
          "bytes" in one ? { ...one, bytes: Buffer.from(one.bytes ?? []) } : one;
        expect(await readBytes(make(good))).toEqual(good.map(bytesOf));
      }),
      { numRuns: 25 },
    );
  });
});

describe("a zip", () => {
  const one = (extra: Partial<ZipItem>): Buffer =>
    zipOf([{ path: "a", bytes: text("hello hello hello hello"), ...extra }]);

  it("carries the commit that git made it of", async () => {
    expect(await readBytes(zipOf(tree, { comment: COMMIT }), { commit: COMMIT })).toEqual(tree);
    await refused(zipOf(tree, { comment: "0".repeat(40) }), /its comment is "0{40}", expected/, {
      commit: COMMIT,
    });
    await refused(zipOf(tree), /it has no comment, expected the commit 8eb91a7c/, {
      commit: COMMIT,
    });
  });

  it.each([
    ["a wrong CRC", { crc: 1 }, /its CRC is [0-9a-f]{8}, expected 00000001/],
    ["a wrong CRC behind its data", { crc: 1, descriptor: true }, /its CRC is/],
    ["more bytes than it says", { size: 5, descriptor: true }, /more than its 5 bytes/],
    ["fewer bytes than it says", { size: 50, descriptor: true }, /it has 23 of its 50 bytes/],
    ["an encrypted entry", { flags: 1 }, /"a" is encrypted/],
    ["an entry that only its local header calls encrypted", { localFlags: 1 }, /encrypted/],
    ["another name in the local header", { localName: "b" }, /something else than the directory/],
    ["an unknown compression", { method: 12 }, /packed by method 12/],
    ["a device", { mode: 0o020644 }, /neither a file nor a folder nor a link/],
    ["a file that is called a folder", { path: "a/", mode: 0o100644 }, /neither a file/],
    ["a link of 5000 bytes", { linkpath: "x".repeat(5000) }, /links to a path of 5000 bytes/],
  ] as const)("is refused with %s", async (_what, extra, why) => {
    await refused(one(extra), why);
  });

  it("is refused before its first entry when any name is bad", async () => {
    const path = await file(zipOf([...tree, { path: "../evil", bytes: text("x") }]));
    await expect(open(path).next()).rejects.toMatchObject({ code: "INTEGRITY" });
  });

  it("is refused when it grows out of proportion", async () => {
    const bomb = zipOf([{ path: "zeros", bytes: Buffer.alloc(70 * 1024 ** 2) }]);
    expect(bomb.length).toBeLessThan(100_000);
    await refused(bomb, /more than 200 times its size/);
  });

  it("is refused when entries share their bytes", async () => {
    const zip = zipOf([
      { path: "a", bytes: randomBytes(200) },
      { path: "b", bytes: randomBytes(200) },
    ]);
    const second = zip.lastIndexOf(Buffer.from([0x50, 0x4b, 0x01, 0x02]));
    zip.writeUInt32LE(0, second + 42);
    await refused(zip, /overlaps another/);
  });

  it("is refused when something follows its end, or hides in its comment", async () => {
    await refused(Buffer.concat([zipOf(tree), text("more")]), /does not end where the file ends/);
    await refused(zipOf(tree, { comment: `x${zipOf([]).toString("latin1")}y` }), /./);
  });

  it("is refused, and nothing else, however it is damaged", async () => {
    const zip64 = zipOf(tree, { zip64: true });
    const plain = zipOf(tree);
    await fc.assert(
      fc.asyncProperty(
        fc.boolean(),
        fc.nat(),
        fc.integer({ min: 0, max: 255 }),
        async (is64, from, byte) => {
          const zip = Buffer.from(is64 ? zip64 : plain);
          // The directory and the end records are what a parser believes.
          const at = zip.length - 1 - (from % 900);
          zip[at] = byte;
          const error: unknown = await readBytes(zip).then(
            () => undefined,
            (thrown: unknown) => thrown,
          );
          if (error !== undefined) expect(error).toMatchObject({ code: "INTEGRITY" });
        },
      ),
      { numRuns: 150 },
    );
  });

  it("can be left at any moment", async () => {
    const path = await file(
      zipOf([{ path: "big", bytes: randomBytes(8_000_000) }], { compress: true }),
    );
    for (let times = 0; times < 10; times += 1) {
      for await (const entry of open(path)) {
        for await (const chunk of entry.content()) {
          expect(chunk.length).toBeGreaterThan(0);
          break;
        }
        break;
      }
    }
    const stop = new AbortController();
    await expect(async () => {
      for await (const entry of open(path, {}, stop.signal)) {
        for await (const chunk of entry.content()) stop.abort(chunk);
      }
    }).rejects.toMatchObject({ code: "INTERRUPTED" });
  });
});

describe("a tar", () => {
  it("carries the commit that git made it of", async () => {
    const tar = gzipSync(tarOf(tree, COMMIT));
    expect(await readBytes(tar, { commit: COMMIT })).toEqual(tree);
    expect(await readBytes(tar)).toEqual(tree);
    await refused(tar, /it is of commit "8eb91a7c.*expected 0000/, { commit: "0".repeat(40) });
    await refused(tarOf(tree), /it carries no commit/, { commit: COMMIT });
  });

  it("may have long names, with UTF-8 wherever chunks meet", async () => {
    const items = [1, 2, 3].map((n) => ({
      path: `${"长".repeat(30)}/`.repeat(20) + String(n),
      bytes: randomBytes(10_001 * n),
      executable: false,
    }));
    expect(await readBytes(tarOf(items))).toEqual(items);
    expect(await readBytes(gzipSync(tarOf(items)))).toEqual(items);
  });

  it.each([
    ["a hard link", "Link", /hard link to "b"/],
    ["a device", "CharacterDevice", /neither a file nor a folder nor a link \(type "3"\)/],
    ["a pipe", "FIFO", /neither a file nor a folder nor a link \(type "6"\)/],
  ] as const)("is refused with %s", async (_what, kind, why) => {
    await refused(tarOf([{ path: "a", kind, linkpath: "b" }]), why);
  });

  it("is refused when it ends between two entries", async () => {
    const tar = tarOf([{ path: "a", bytes: text("x") }]);
    await refused(tar.subarray(0, tar.length - END.length), /without end blocks/);
    await refused(tar.subarray(0, tar.length - 512), /second end block/);
  });

  it("is refused when a header is damaged, or something follows its end", async () => {
    const tar = tarOf(tree);
    const damaged = Buffer.from(tar);
    damaged[3] = 0x7a;
    await refused(damaged, /no tar, or one of its headers is damaged/);
    await refused(Buffer.concat([tar, text("more")]), /follows its end/);
    await refused(Buffer.concat([tar, Buffer.alloc(2 * 1024 ** 2)]), /too much follows/);
    expect(await readBytes(Buffer.concat([tar, Buffer.alloc(9000)]))).toEqual(tree);
  });

  it("is refused when an extended header could be read in two ways", async () => {
    await refused(tarWithGlobal(tree, "11 size=10\n"), /a global header sets "size"/);
    await refused(tarWithGlobal(tree, "13 path=evil\n"), /a global header sets "path"/);
    // A length that is wrong, no length.
    for (const records of ["99 comment=x\n", "comment=x\n"]) {
      await refused(tarWithGlobal(tree, records), /an extended header's records are broken/);
    }
    await refused(tarWithGlobal(tree, "013 comment=x\n"), /broken/);
    await refused(tarWithGlobal(tree, "014 comment=x\n"), /odd length/);
    expect(await readBytes(tarWithGlobal(tree, "15 comment=x\ny\n"))).toEqual(tree);
    expect(await readBytes(tarWithGlobal(tree, "13 comment=x\n"))).toEqual(tree);
  });

  it("is refused when its gzip does not hold", async () => {
    const gzip = gzipSync(tarOf(tree));
    gzip.writeUInt32LE(1, gzip.length - 8);
    await refused(gzip, /its gzip is damaged/);
  });

  it("is refused when it grows out of proportion", async () => {
    await refused(
      gzipSync(tarOf([{ path: "zeros", bytes: Buffer.alloc(70 * 1024 ** 2) }])),
      /more than 200 times its size/,
    );
  });

  it("passes over what nobody reads, and refuses to be read out of turn", async () => {
    const path = await file(gzipSync(tarOf(tree)));
    const entries = [];
    for await (const entry of open(path)) entries.push(entry);
    expect(entries.map((entry) => entry.path)).toContain("top/__proto__");
    const late = entries.find((entry) => entry.path === "top/main.go")!.content();
    await expect(late[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: "INTERNAL" });
  });

  it("can be left at any moment", async () => {
    const path = await file(gzipSync(tarOf([{ path: "big", bytes: randomBytes(8_000_000) }])));
    for (let times = 0; times < 10; times += 1) {
      for await (const entry of open(path)) {
        for await (const chunk of entry.content()) {
          expect(chunk.length).toBeGreaterThan(0);
          break;
        }
        break;
      }
    }
  });
});

describe("what is no source archive", () => {
  it("is refused in words", async () => {
    await refused(text("<html>Please log in</html>"), /cut short/);
    await refused(text("<html>Please log in</html>".repeat(100)), /no tar/);
    await refused(Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0, 1, 2]), /compressed with xz/);
    await refused(text("PK\u0003\u0004 and no more"), /no end record/);
  });

  it("is a FILE error when it cannot be read at all", async () => {
    const path = join(dir, "nowhere.zip");
    await expect(read(path)).rejects.toMatchObject({
      code: "FILE",
      message: expect.stringContaining(`Source app: ${path}`) as string,
    });
  });
});

const has = (command: string): boolean => {
  try {
    execFileSync(command, ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
};

describe.runIf(has("git"))("what git archive makes", () => {
  const env = { ...process.env, GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_NOSYSTEM: "1" };
  let repository: string;
  let commit: string;
  const long = `${"deep/".repeat(30)}file`;

  beforeAll(async () => {
    repository = join(dir, "repository");
    await mkdir(join(repository, dirname(long)), { recursive: true });
    await writeFile(join(repository, "main.go"), "package main\n".repeat(5000));
    await writeFile(join(repository, "文件.txt"), "text");
    await writeFile(join(repository, long), "deep");
    await writeFile(join(repository, "run.sh"), "#!/bin/sh\n");
    await chmod(join(repository, "run.sh"), 0o755);
    await symlink("run.sh", join(repository, "start"));
    const git = (...args: string[]): string =>
      execFileSync(
        "git",
        ["-C", repository, "-c", "user.name=t", "-c", "user.email=t@t", ...args],
        {
          env,
          encoding: "utf8",
        },
      );
    git("init", "-q");
    git("add", ".");
    git("commit", "-q", "-m", "one");
    commit = git("rev-parse", "HEAD").trim();
    for (const format of ["zip", "tar.gz", "tar"]) {
      git(
        "archive",
        `--format=${format}`,
        "--prefix=app-1/",
        "-o",
        join(dir, `git.${format}`),
        "HEAD",
      );
    }
  });

  it.each(["zip", "tar.gz", "tar"])("comes as the tree, commit checked: %s", async (format) => {
    const items = await read(join(dir, `git.${format}`), { strip: 1, commit });
    const files = items.filter(({ path }) => !path.endsWith("/"));
    expect(files.map(({ path }) => path).sort()).toEqual(
      ["main.go", "run.sh", "start", "文件.txt", long].sort(),
    );
    for (const { path, bytes, linkpath, executable } of files) {
      if (linkpath !== undefined) expect([path, linkpath]).toEqual(["start", "run.sh"]);
      else expect(bytes).toEqual(await readFile(join(repository, path)));
      if (path === "run.sh") expect(executable).toBe(true);
      if (path === "main.go") expect(executable).toBe(false);
    }
    await expect(
      read(join(dir, `git.${format}`), { commit: "0".repeat(40) }),
    ).rejects.toMatchObject({ code: "INTEGRITY" });
  });

  it.runIf(has("zip"))("and what zip makes of the same", async () => {
    const path = join(dir, "zip.zip");
    execFileSync("zip", ["-q", "-r", "-y", path, ".", "-x", ".git/*"], { cwd: repository });
    const items = await read(path);
    expect(items.find((item) => item.path === "start")?.linkpath).toBe("run.sh");
    expect(items.find((item) => item.path === long)?.bytes).toEqual(text("deep"));
    expect(items.find((item) => item.path === "run.sh")?.executable).toBe(true);
  });
});
