import { mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "rolldown";

const PROJECT = resolve(import.meta.dirname, "../../..");

/** Modules of the sources as JavaScript, for processes of their own that can be killed. */
export interface CompiledSources {
  /** For an import statement: `file:///…/store/store.js`. */
  url(module: string): string;
  remove(): Promise<void>;
}

/** The sources as they are now, with what they import of each other; `store/store` names a module. */
export async function compileSources(modules: readonly string[]): Promise<CompiledSources> {
  const dir = await mkdtemp(join(tmpdir(), "openim-bundler-compiled-"));
  const files = await readdir(join(PROJECT, "src"), { recursive: true });
  const workers = files.flatMap((file) => {
    const [, path, name] = /^(.*?([^/]+)-worker)\.ts$/.exec(file.replaceAll("\\", "/")) ?? [];
    return path === undefined ? [] : [[`workers/${name ?? ""}`, `src/${path}.ts`] as const];
  });
  await build({
    cwd: PROJECT,
    input: Object.fromEntries([
      ...modules.map((name) => [name, `src/${name}.ts`] as const),
      ...workers,
    ]),
    platform: "node",
    external: (id) => !/^[./]/.test(id),
    output: { dir },
    logLevel: "warn",
  });
  const imports = { "#workers/*": "./workers/*.js" };
  await writeFile(join(dir, "package.json"), JSON.stringify({ type: "module", imports }));
  await symlink(join(PROJECT, "node_modules"), join(dir, "node_modules"));
  return {
    url: (module) => pathToFileURL(join(dir, `${module}.js`)).href,
    remove: () => rm(dir, { recursive: true, force: true }),
  };
}
