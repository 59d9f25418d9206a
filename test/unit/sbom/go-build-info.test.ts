import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { findGoModules } from "../../../src/sbom/go-build-info.js";

function varint(length: number): Buffer {
  const bytes: number[] = [];
  for (let left = length; ; left >>= 7) {
    if (left < 0x80) return Buffer.from([...bytes, left]);
    bytes.push((left & 0x7f) | 0x80);
  }
}

/** A block as Go's linker writes it since 1.18. */
function block(version: string, modules: string): Buffer {
  const header = Buffer.alloc(32);
  header.write("\xff Go buildinf:\x08\x02", "latin1");
  const text = Buffer.from(modules);
  const marks = Buffer.alloc(16, 0xf0);
  return Buffer.concat([
    header,
    varint(version.length),
    Buffer.from(version),
    varint(text.length + 32),
    marks,
    text,
    marks,
    Buffer.from("what follows"),
  ]);
}

const told = (bytes: Buffer): string[] =>
  findGoModules(bytes).packages.map(({ name, version, purl }) => `${name} ${version} ${purl}`);

describe("Go's build info", () => {
  it("tells the standard library, the program's module and all others, replaced where they were", () => {
    const text = [
      "path\tgithub.com/acme/tool/cmd/tool",
      "mod\tgithub.com/acme/tool\t(devel)\t",
      "dep\tgithub.com/Masterminds/semver/v3\tv3.2.1\th1:x=",
      "dep\tgolang.org/x/net\tv0.17.0\th1:y=",
      "=>\tgithub.com/fork/net\tv0.18.0\th1:z=",
      "dep\texample.org/local\tv1.0.0",
      "=>\t./local\t(devel)\t",
      "dep\tgopkg.in/yaml.v3\tv3.0.1+incompatible\th1:z=",
      "build\tGOARCH=arm64",
      "",
    ].join("\n");
    expect(told(block("go1.22.1 X:boringcrypto", text))).toEqual([
      "stdlib 1.22.1 pkg:golang/stdlib@1.22.1",
      "github.com/acme/tool (devel) pkg:golang/github.com/acme/tool",
      "github.com/Masterminds/semver/v3 v3.2.1 pkg:golang/github.com/masterminds/semver/v3@v3.2.1",
      "github.com/fork/net v0.18.0 pkg:golang/github.com/fork/net@v0.18.0",
      "example.org/local v1.0.0 pkg:golang/example.org/local@v1.0.0",
      "gopkg.in/yaml.v3 v3.0.1+incompatible pkg:golang/gopkg.in/yaml.v3@v3.0.1%2Bincompatible",
    ]);
  });

  it("of Go before 1.18 is passed over, and said to be", () => {
    const old = block("go1.17", "");
    old[15] = 0;
    expect(findGoModules(old)).toEqual({
      packages: [],
      skipped: "was built by Go before 1.18, whose build info is not read",
    });
  });

  it("cut or damaged anywhere never makes the finder throw", () => {
    const sound = block("go1.22.1", `dep\ta.b/c\tv1\n${"dep\tx.y/z\tv2\n".repeat(20)}`);
    fc.assert(
      fc.property(
        fc.nat(sound.length),
        fc.array(fc.tuple(fc.nat(sound.length - 1), fc.nat(255)), { maxLength: 8 }),
        (length, changes) => {
          const bytes = Buffer.from(sound);
          for (const [at, value] of changes) bytes[at] = value;
          expect(findGoModules(bytes.subarray(0, length)).packages.length).toBeLessThan(25);
        },
      ),
      { numRuns: 300 },
    );
  });

  const hasGo = spawnSync("go", ["version"]).status === 0;
  it.skipIf(!hasGo)("of a program just built tells what `go version -m` tells", () => {
    const dir = mkdtempSync(path.join(tmpdir(), "go-"));
    try {
      const program = build(dir);
      const file = readFileSync(program);
      const lines = execFileSync("go", ["version", "-m", program], { encoding: "utf8" }).split(
        "\n",
      );
      const version = /: go(\d[\d.]*\S*)/.exec(lines[0]!)![1]!;
      const listed = lines.flatMap((line) => {
        const [, kind, name, number] = line.split("\t");
        return kind === "mod" || kind === "dep" ? [`${name!} ${number!}`] : [];
      });
      expect(listed.length).toBeGreaterThan(1);
      const at = file.indexOf(Buffer.from("\xff Go buildinf:", "latin1"));
      const found = findGoModules(file.subarray(at)).packages;
      expect(found.map((one) => `${one.name} ${one.version}`)).toEqual([
        `stdlib ${version}`,
        ...listed,
      ]);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});

/** A program of two modules, one of them replaced by a folder. */
function build(dir: string): string {
  const files = {
    "dep/go.mod": "module example.org/dep\n\ngo 1.18\n",
    "dep/dep.go": "package dep\n\nvar Word = 1\n",
    "go.mod":
      "module example.org/tool\n\ngo 1.18\n\nrequire example.org/dep v1.4.0\n\nreplace example.org/dep v1.4.0 => ./dep\n",
    "main.go": 'package main\n\nimport "example.org/dep"\n\nfunc main() { println(dep.Word) }\n',
  };
  mkdirSync(path.join(dir, "dep"));
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(dir, name), text);
  const env = { ...process.env, GOFLAGS: "-mod=mod", GOPROXY: "off", CGO_ENABLED: "0" };
  execFileSync("go", ["build", "-buildvcs=false", "-o", "tool", "."], { cwd: dir, env });
  return path.join(dir, "tool");
}
