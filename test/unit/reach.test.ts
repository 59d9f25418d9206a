import { readFile, readdir } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "vitest";

const src = path.resolve(import.meta.dirname, "../../src");

/** Every module that can be loaded from a file of src/, types aside, with the way to it. */
async function reachable(start: string): Promise<Map<string, string[]>> {
  const found = new Map<string, string[]>([[start, [start]]]);
  for (const [file, way] of found) {
    if (!file.startsWith(src)) continue;
    const text = await readFile(file, "utf8");
    const statements = text.matchAll(
      /^\s*(?:import|export)\s+(?!type\s)(?:[^"';]*?\sfrom\s+)?"([^"]+)"|import\("([^"]+)"\)/gm,
    );
    for (const [statement, stated, dynamic] of statements) {
      const names = /\{([^}]*)\}/.exec(statement)?.[1];
      if (names?.split(",").every((name) => /^\s*(type\s|$)/.test(name))) continue;
      const target = stated ?? dynamic ?? "";
      const next = target.startsWith(".")
        ? path.resolve(path.dirname(file), target.replace(/\.js$/, ".ts"))
        : target;
      if (!found.has(next)) found.set(next, [...way, next]);
    }
  }
  return found;
}

const NETWORK =
  /^(undici|node:(http|https|http2|net|tls|dns|dgram)(\/.*)?)$|src\/(http|registry|acquire|sample)\//;

describe("network code", () => {
  it("is found where there is some", async () => {
    const modules = [...(await reachable(path.join(src, "jobs/create.ts"))).keys()];
    expect(modules.some((name) => NETWORK.test(name))).toBe(true);
  });

  it.each([
    "verify/verify.ts",
    "walk/walk.ts",
    "walk/layer-worker.ts",
    "bundle/hash-worker.ts",
    "bundle/reader.ts",
    "inspect/inspect-bundle.ts",
    "inspect/image-file.ts",
    "inspect/list-files.ts",
    "diff/diff.ts",
    "commands/diff.ts",
    "commands/verify.ts",
    "report/write-report.ts",
    "commands/report.ts",
    "commands/inspect.ts",
    "sbom/read-packages.ts",
    "commands/sbom.ts",
  ])("cannot be reached from %s", async (start) => {
    const ways = await reachable(path.join(src, start));
    const network = [...ways]
      .filter(([name]) => NETWORK.test(name))
      .map(([, way]) => way.join(" → "));
    expect(network).toEqual([]);
  });
});

interface Import {
  readonly target: string;
  readonly how: "types" | "values" | "loaded";
}

/** What each module of src/ imports of the others. */
async function importsOfEach(): Promise<{ file: string; imported: readonly Import[] }[]> {
  const files = (await readdir(src, { recursive: true })).filter((file) => file.endsWith(".ts"));
  const entries = files.map(async (file) => {
    const text = await readFile(path.join(src, file), "utf8");
    const statements = text.matchAll(
      /^\s*(?:import|export)\s([^"';]*?\sfrom\s+)?"(\.[^"]+)"|import\("(\.[^"]+)"\)/gm,
    );
    const imported = Array.from(statements, ([, what = "", stated, loaded]): Import => {
      const target = path.join(path.dirname(file), stated ?? loaded ?? "").replace(/\.js$/, ".ts");
      if (stated === undefined) return { target, how: "loaded" };
      const names = /\{([^}]*)\}/.exec(what)?.[1]?.split(",");
      const types =
        what.startsWith("type ") || names?.every((name) => /^\s*(type\s|$)/.test(name)) === true;
      return { target, how: types ? "types" : "values" };
    });
    return { file, imported };
  });
  return Promise.all(entries);
}

/** Every circle that a walk along the imports closes. */
function circlesIn(imports: ReadonlyMap<string, readonly string[]>): string[] {
  const circles: string[] = [];
  const done = new Set<string>();
  const walk = (file: string, way: readonly string[]): void => {
    const at = way.indexOf(file);
    if (at >= 0) circles.push([...way.slice(at), file].join(" → "));
    if (at >= 0 || done.has(file)) return;
    for (const next of imports.get(file) ?? []) walk(next, [...way, file]);
    done.add(file);
  };
  for (const file of imports.keys()) walk(file, []);
  return circles;
}

describe("the imports of src/", () => {
  it("go round in no circle, types included", async () => {
    const modules = await importsOfEach();
    const imports = new Map(
      modules.map(({ file, imported }) => [file, imported.map(({ target }) => target)]),
    );
    expect(imports.get("verify/judge.ts")).toContain("verify/rules.ts");
    expect(circlesIn(imports)).toEqual([]);
  });

  it("would be told where they did", () => {
    const imports = new Map([
      ["a", ["b"]],
      ["b", ["c", "d"]],
      ["c", []],
      ["d", ["b"]],
    ]);
    expect(circlesIn(imports)).toEqual(["b → d → b"]);
  });
});

describe("the rooms of src/", () => {
  it("are the ones that the import rules name", async () => {
    const config = await readFile(path.resolve(src, "../oxlint.config.js"), "utf8");
    const rooms = (await readdir(src, { withFileTypes: true })).filter((entry) =>
      entry.isDirectory(),
    );
    for (const { name } of rooms) expect(config).toMatch(new RegExp(`\\b${name}\\b`));
  });
});

/** Rooms that a command may not even load when it runs: jobs are made of them. */
const INNER = ["acquire", "engine", "http", "registry", "source", "tar", "walk"];
/** What a command may import values of, without import(). */
const OPEN = /^(core|jobs|cli|ui|commands)\/|^(builder\/builder-names|image\/reference)\.ts$/;

describe("a command", () => {
  it("imports values of core, jobs, cli and ui alone, and loads calls when it runs", async () => {
    const commands = (await importsOfEach()).filter(({ file }) => file.startsWith("commands/"));
    const seen = commands.flatMap(({ file, imported }) =>
      imported
        .filter(({ how, target }) =>
          how === "loaded"
            ? INNER.some((room) => target.startsWith(`${room}/`))
            : how === "values" && !OPEN.test(target),
        )
        .map(({ target }) => `${file} → ${target}`),
    );
    expect(commands.flatMap(({ imported }) => imported.map(({ how }) => how))).toContain("loaded");
    expect(seen).toEqual([]);
  });
});
