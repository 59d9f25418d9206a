import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { Header } from "tar";
import { describe, expect, it } from "vitest";
import { type DiffId, digestOf } from "../../../src/core/digest.js";
import { parsePlatform } from "../../../src/core/platform.js";
import { type ProgramLayer, findForeignPrograms } from "../../../src/image/foreign-programs.js";
import { sampleProgram } from "../../../src/sample/elf.js";
import { type LayerFile, makeLayer } from "../../../src/sample/layer.js";

const { signal } = new AbortController();

function program(platform: string): Buffer {
  return sampleProgram({ platform: parsePlatform(platform), message: "hello\n", then: "exit" });
}

const AMD64 = program("linux/amd64");
const ARM64 = program("linux/arm64");

function layerOf(files: readonly LayerFile[], tar = makeLayer(files).tar): ProgramLayer {
  const gzip = gzipSync(tar, { level: 1 });
  return {
    digest: digestOf(gzip),
    diffId: digestOf(tar) as string as DiffId,
    // oxlint-disable-next-line @typescript-eslint/require-await -- a stream of one chunk
    open: async function* () {
      yield gzip;
    },
  };
}

async function find(layers: readonly ProgramLayer[], platform = "linux/arm64"): Promise<string[]> {
  const found = await findForeignPrograms(layers, parsePlatform(platform), { signal });
  return found.map(({ path, layer, machine }) => {
    const index = layers.findIndex(({ digest }) => digest === layer);
    return `${index} ${path}: ${machine}`;
  });
}

/** A layer with an entry that sample layers have no word for. */
function withEntry(files: readonly LayerFile[], fields: object): ProgramLayer {
  const header = new Header({
    mode: 0o644,
    uid: 0,
    gid: 0,
    size: 0,
    mtime: new Date(0),
    ...fields,
  });
  header.encode();
  return layerOf(files, Buffer.concat([makeLayer(files).tar.subarray(0, -1024), header.block!]));
}

/** A Windows program's head: PE32+, of a subsystem, with or without .NET's directory. */
function windowsProgram({ subsystem = 3, dotnet = false } = {}): Buffer {
  const bytes = Buffer.alloc(600);
  bytes.write("MZ", 0);
  bytes.writeUInt32LE(0x80, 0x3c);
  bytes.write("PE\0\0", 0x80);
  bytes.writeUInt16LE(0x8664, 0x84);
  bytes.writeUInt16LE(0x20b, 0x98);
  bytes.writeUInt16LE(subsystem, 0x98 + 68);
  if (dotnet) bytes.writeUInt32LE(0x2000, 0x98 + 112 + 14 * 8);
  return bytes;
}

describe("findForeignPrograms", () => {
  it("finds programs for other machines, executable or not, with their layer", async () => {
    const layers = [
      layerOf([
        { path: "usr/bin/right", content: ARM64, executable: true },
        { path: "usr/bin/wrong", content: AMD64, executable: true },
        { path: "usr/lib/libwrong.so.1", content: AMD64 },
        { path: "usr/bin/script", content: "#!/bin/sh\n".repeat(20), executable: true },
      ]),
      layerOf([{ path: "opt/tool", content: program("linux/arm/v7") }]),
    ];
    expect(await find(layers)).toEqual([
      "1 opt/tool: ARM 32-bit (hard float)",
      "0 usr/bin/wrong: x86-64",
      "0 usr/lib/libwrong.so.1: x86-64",
    ]);
    expect(await find(layers, "linux/amd64")).toEqual([
      "1 opt/tool: ARM 32-bit (hard float)",
      "0 usr/bin/right: aarch64",
    ]);
  });

  it("finds the program that runs this test where it does not belong", async () => {
    // The head alone would do, but a layer holds whole files.
    const content = readFileSync(process.execPath).subarray(0, 1024 * 1024);
    const layers = [layerOf([{ path: "bin/node", content, executable: true }])];
    const machines: Readonly<Record<string, string>> = { x64: "x86-64", arm64: "aarch64" };
    const machine = machines[process.arch];
    if (process.platform !== "linux" || machine === undefined) return;
    expect(await find(layers, "linux/s390x")).toEqual([`0 bin/node: ${machine}`]);
  });

  it("leaves objects alone, which are only linked", async () => {
    const object = Buffer.from(AMD64);
    object.writeUInt16LE(1, 16);
    expect(await find([layerOf([{ path: "crt1.o", content: object }])])).toEqual([]);
  });

  it("finds programs of other systems where they may be executed", async () => {
    const macOS = Buffer.alloc(600);
    macOS.writeUInt32LE(0xfeed_facf, 0);
    macOS.writeUInt32LE(0x0100_000c, 4);
    const universal = Buffer.alloc(600);
    universal.writeUInt32BE(0xcafe_babe, 0);
    universal.writeUInt32BE(2, 4);
    const javaClass = Buffer.from(universal);
    javaClass.writeUInt32BE(55, 4);
    const files = [
      { path: "mac", content: macOS },
      { path: "universal", content: universal },
      { path: "Some.class", content: javaClass },
      { path: "tool.exe", content: windowsProgram() },
      { path: "assembly.dll", content: windowsProgram({ dotnet: true }) },
      { path: "boot.efi", content: windowsProgram({ subsystem: 10 }) },
      { path: "mz", content: "MZ".repeat(300) },
    ];
    expect(await find([layerOf(files.map((file) => ({ ...file, executable: true })))])).toEqual([
      "0 mac: macOS arm64",
      "0 tool.exe: Windows x86-64",
      "0 universal: macOS universal",
    ]);
    expect(await find([layerOf(files)])).toEqual([]);
  });

  it("forgets what a later layer replaces or takes away", async () => {
    const wrong = (path: string): LayerFile => ({ path, content: AMD64 });
    const below = layerOf(["a", "d/b", "d/e/c", "f/g", "h"].map(wrong));
    expect(await find([below, layerOf([{ path: "a", content: ARM64 }])])).not.toContain(
      "0 a: x86-64",
    );
    const paths = async (above: ProgramLayer) =>
      (await find([below, above])).map((line) => line.replace(/:.*/, ""));
    expect(await paths(layerOf([{ path: "d/.wh.b", content: "" }]))).toEqual([
      "0 a",
      "0 d/e/c",
      "0 f/g",
      "0 h",
    ]);
    expect(await paths(layerOf([{ path: ".wh.d", content: "" }]))).toEqual(["0 a", "0 f/g", "0 h"]);
    expect(await paths(layerOf([{ path: "d/.wh..wh..opq", content: "" }, wrong("d/n")]))).toEqual([
      "0 a",
      "1 d/n",
      "0 f/g",
      "0 h",
    ]);
    expect(await paths(layerOf([{ path: ".wh..wh..opq", content: "" }]))).toEqual([]);
    // A link in a folder's place hides all below it; a folder in a folder's place hides nothing.
    expect(await paths(withEntry([], { path: "d", type: "SymbolicLink", linkpath: "f" }))).toEqual([
      "0 a",
      "0 f/g",
      "0 h",
    ]);
    expect(await paths(withEntry([], { path: "d/", type: "Directory" }))).toHaveLength(5);
    expect(await paths(withEntry([], { path: "h/", type: "Directory" }))).toHaveLength(4);
  });

  it("knows a program by each of its hard links", async () => {
    const layers = [
      withEntry([{ path: "a", content: AMD64 }], { path: "b", type: "Link", linkpath: "./a" }),
      layerOf([{ path: ".wh.a", content: "" }]),
    ];
    expect(await find(layers)).toEqual(["0 b: x86-64"]);
  });

  it("reports a path as an engine unpacks it", async () => {
    const layer = withEntry([], { path: "x", type: "File" });
    const odd = makeLayer([{ path: "odd", content: AMD64 }]).tar;
    const header = new Header(odd, 0);
    header.path = "./up//odd";
    header.encode();
    const tar = Buffer.concat([header.block!, odd.subarray(512)]);
    expect(await find([layer, layerOf([], tar)])).toEqual(["1 up/odd: x86-64"]);
  });

  it("refuses a layer that is not what the config says", async () => {
    const layer = { ...layerOf([]), diffId: digestOf("other") as string as DiffId };
    await expect(find([layer])).rejects.toMatchObject({ code: "INTEGRITY" });
  });

  it("agrees with a model of layers that is nothing but a map", async () => {
    const path = fc
      .array(fc.constantFrom("a", "b", "c"), { minLength: 1, maxLength: 3 })
      .map((parts) => parts.join("/"));
    const change = fc.record({
      path,
      what: fc.constantFrom("right" as const, "wrong" as const, "gone" as const),
    });
    // Within one layer, no path twice and none below another: no tool writes that.
    const changes = fc
      .uniqueArray(change, { maxLength: 4, selector: (one) => one.path })
      .filter((all) => !all.some((a) => all.some((b) => b.path.startsWith(`${a.path}/`))));
    await fc.assert(
      fc.asyncProperty(fc.array(changes, { maxLength: 4 }), async (all) => {
        const model = new Map<string, number>();
        for (const [index, layer] of all.entries()) {
          for (const { path, what } of layer) {
            for (const other of [...model.keys()]) {
              // A file replaces what is below it, and a folder that leads to it replaces a file.
              const above = what !== "gone" && path.startsWith(`${other}/`);
              if (other === path || other.startsWith(`${path}/`) || above) model.delete(other);
            }
            if (what === "wrong") model.set(path, index);
          }
        }
        const layers = all.map((layer, index) =>
          layerOf([
            // Makes each layer's digest its own.
            { path: "layer", content: String(index) },
            ...layer.map(({ path, what }) =>
              what === "gone"
                ? { path: path.replace(/[^/]+$/, ".wh.$&"), content: "" }
                : { path, content: what === "wrong" ? AMD64 : ARM64 },
            ),
          ]),
        );
        // The folders of a whiteout are folders, too: the model must not keep files in their place.
        for (const [index, layer] of all.entries()) {
          for (const { path, what } of layer.filter((one) => one.what === "gone")) {
            for (const [other, at] of model) {
              if (what === "gone" && at < index && path.startsWith(`${other}/`))
                model.delete(other);
            }
          }
        }
        const expected = [...model]
          .map(([path, index]) => `${index} ${path}: x86-64`)
          .sort((a, b) => (a.slice(2) < b.slice(2) ? -1 : 1));
        expect(await find(layers)).toEqual(expected);
      }),
      { numRuns: 60 },
    );
  });
});
