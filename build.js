// Bundles the program into dist/, split so that a command loads what it needs, and lists its commands for oclif.
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { Plugin } from "@oclif/core/config";
import { build } from "rolldown";

const root = import.meta.dirname;

/** What is loaded by its file's name: the library, oclif's commands and hook, programs of worker threads. */
function entries() {
  const modules = readdirSync(path.join(root, "src"), { recursive: true })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => name.replaceAll(path.sep, "/").slice(0, -".ts".length));
  const worker = (name) => /([^/]+)-worker$/.exec(name)?.[1];
  return Object.fromEntries([
    ...modules
      .filter((name) => /^(index|cli\/(run|command-not-found)|commands\/.*)$/.test(name))
      .map((name) => [name, `src/${name}.ts`]),
    ...modules.filter(worker).map((name) => [`workers/${worker(name)}`, `src/${name}.ts`]),
  ]);
}

/** The licences of the packages whose code is in the bundle go with it, as they ask. */
const licences = {
  name: "licences",
  generateBundle(_, bundle) {
    const modules = Object.values(bundle).flatMap(({ moduleIds }) => moduleIds ?? []);
    const folders = modules.map(
      (id) => /^.*[\\/]node_modules[\\/](?:@[^\\/]+[\\/])?[^\\/]+/.exec(id)?.[0],
    );
    const read = (folder, name) => readFileSync(path.join(folder, name), "utf8").trim();
    const texts = [...new Set(folders.filter(Boolean))].sort().map((folder) => {
      const { name, version, license } = JSON.parse(read(folder, "package.json"));
      const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
      const text = file === undefined ? "" : `\n\n${read(folder, file)}`;
      return `${name} ${version} (${license})${text}\n`;
    });
    const source = texts.join(`\n${"-".repeat(80)}\n\n`);
    this.emitFile({ type: "asset", fileName: "licences.txt", source });
  },
};

/** undici without what nothing here uses (fetch, WebSocket, caches, mocks), which is most of it. */
const undici = {
  name: "undici",
  resolveId: (id) => (id === "undici" ? "\0undici" : undefined),
  load: (id) =>
    id === "\0undici"
      ? `import api from "undici/lib/api/index.js";
         import Dispatcher from "undici/lib/dispatcher/dispatcher.js";
         import Agent from "undici/lib/dispatcher/agent.js";
         import ProxyAgent from "undici/lib/dispatcher/proxy-agent.js";
         Object.assign(Dispatcher.prototype, api);
         export { Agent, ProxyAgent };`
      : undefined,
};

await build({
  cwd: root,
  input: entries(),
  platform: "node",
  // oclif can run commands from TypeScript and looks for a compiler; ours are built.
  external: ["typescript", "ts-node", "tsx"],
  plugins: [undici, licences],
  output: {
    dir: "dist",
    cleanDir: true,
    chunkFileNames: "chunks/[name]-[hash].js",
    sourcemap: true,
    sourcemapExcludeSources: true,
    // Names stay: oclif tells errors apart by those of their classes.
    minify: { compress: true, mangle: false, codegen: true },
  },
});

const plugin = new Plugin({
  ...{ root, type: "core", isRoot: true },
  ...{ ignoreManifest: true, errorOnManifestCreate: true, respectNoCacheDefault: true },
});
await plugin.load();
const manifest = `${JSON.stringify(plugin.manifest, undefined, 2)}\n`;
writeFileSync(path.join(root, "oclif.manifest.json"), manifest);
