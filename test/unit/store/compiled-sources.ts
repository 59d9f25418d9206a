import { mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import ts from "typescript";

const PROJECT = resolve(dirname(fileURLToPath(import.meta.url)), "../../..");

/** The sources of some rooms as JavaScript, for processes of their own that can be killed. */
export interface CompiledSources {
  /** For an import statement: `file:///…/store/store.js`. */
  url(path: string): string;
  remove(): Promise<void>;
}

/** Only strips the types, of the sources as they are now. */
export async function compileSources(rooms: readonly string[]): Promise<CompiledSources> {
  const dir = await mkdtemp(join(tmpdir(), "openim-bundler-compiled-"));
  const compilerOptions: ts.CompilerOptions = {
    module: ts.ModuleKind.ESNext,
    target: ts.ScriptTarget.ES2022,
    verbatimModuleSyntax: true,
  };
  const workers: Record<string, string> = {};
  for (const room of rooms) {
    await mkdir(join(dir, room), { recursive: true });
    for (const name of await readdir(join(PROJECT, "src", room))) {
      if (!name.endsWith(".ts")) continue;
      const source = await readFile(join(PROJECT, "src", room, name), "utf8");
      const { outputText } = ts.transpileModule(source, { compilerOptions });
      const module = name.replace(/\.ts$/, ".js");
      await writeFile(join(dir, room, module), outputText);
      const worker = /^(.*)-worker\.js$/.exec(module)?.[1];
      if (worker !== undefined) workers[`#workers/${worker}`] = `./${room}/${module}`;
    }
  }
  await writeFile(join(dir, "package.json"), JSON.stringify({ type: "module", imports: workers }));
  await symlink(join(PROJECT, "node_modules"), join(dir, "node_modules"));
  return {
    url: (path) => pathToFileURL(join(dir, path)).href,
    remove: () => rm(dir, { recursive: true, force: true }),
  };
}
