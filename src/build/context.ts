import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { type Digest, digestOf } from "../core/digest.js";
import { BundlerError, systemCode } from "../core/errors.js";
import { nearest } from "../core/nearest.js";
import type { Source } from "../definition/types.js";
import type { LockedSource } from "../plan/build-types.js";
import { sourceEntries } from "../source/entries.js";
import { fetchSource } from "../source/fetch.js";
import {
  type OwnEntry,
  changed,
  findOwnEntry,
  insideDefinition,
  readContextFolder,
  readOwnText,
} from "./context-folder.js";
import { type Ignores, ignoresNothing, parseIgnore } from "./ignore.js";
import type { BuildContext, BuildableComponent } from "./types.js";

/** Raised when the same inputs are laid out otherwise, so that no older result is taken for the new one. */
export const CONTEXT_VERSION = 1;

/** A Dockerfile, or a list of what to ignore, in bytes. */
const MAX_TEXT = 1024 * 1024;

/** A build's context as far as it is known without unpacking its sources. */
export interface OpenContext {
  /** The recipe's or folder's entries that go in, sorted by path. */
  readonly own: readonly OwnEntry[];
  /** What stays out, of those and of the tree below them. */
  readonly ignores: Ignores;
  readonly dockerfile: {
    readonly path: string;
    /** For messages: `hello/Dockerfile`. */
    readonly shown: string;
    readonly text: string;
  };
  /** Over all of `own`, over what is ignored, and over which sources go where. */
  readonly digest: Digest;
}

/** A source that a build takes, and where it goes. */
export interface UsedSource {
  readonly source: Source;
  /** The root of the context, or `sources/<name>/`. */
  readonly place: "root" | "folder";
}

/**
 * The sources that a build takes, the tree at the root first, the others by name.
 * @throws BundlerError DEFINITION for one that is not declared.
 */
export function usedSources(
  { name, build }: BuildableComponent,
  sources: readonly Source[],
): readonly UsedSource[] {
  const find = (wanted: string): Source => {
    const source = sources.find((one) => one.name === wanted);
    if (source !== undefined) return source;
    throw new BundlerError(
      "DEFINITION",
      `${name} is built from the source ${JSON.stringify(wanted)}, which is not declared under sources.`,
      { details: { component: name, source: wanted } },
    );
  };
  return [
    ...(build.source === undefined ? [] : [{ source: find(build.source), place: "root" as const }]),
    ...build.sources
      .toSorted()
      .map((wanted) => ({ source: find(wanted), place: "folder" as const })),
  ];
}

/**
 * Reads what a component's build has of its own, and finds its Dockerfile: there, or in the tree of
 * its source, which is fetched for it.
 * @throws BundlerError DEFINITION, FILE; what fetching a source throws; INTERRUPTED.
 */
export async function openContext(
  component: BuildableComponent,
  locked: readonly LockedSource[],
  context: BuildContext,
): Promise<OpenContext> {
  const { build } = component;
  const { signal } = context;
  const folder = await ownFolder(component, context);
  const used = usedSources(component, context.definition.sources);
  const ignoreNames = [`${build.dockerfile}.dockerignore`, ".dockerignore"];
  const texts = new Map<string, { readonly shown: string; readonly text: string }>();
  const read: OwnEntry[] = [];
  for (const path of [build.dockerfile, ...ignoreNames]) {
    if (folder === undefined) break;
    const entry = await findOwnEntry(folder.root, path, signal);
    if (entry === undefined) continue;
    const shown = join(folder.shown, path);
    if (entry.type !== "file") {
      throw new BundlerError("DEFINITION", `${shown} is a ${kindOf(entry)}, not a file.`, {
        details: { component: component.name, file: shown },
      });
    }
    texts.set(path, { shown, text: await readOwnText(entry, shown, MAX_TEXT) });
    read.push(entry);
  }
  const ignoresOf = (): Ignores => {
    const file = ignoreNames.map((path) => texts.get(path)).find((one) => one !== undefined);
    return file === undefined
      ? ignoresNothing
      : withDockerfile(parseIgnore(file.shown, file.text), build.dockerfile);
  };
  // With a Dockerfile from elsewhere, what is to be ignored may be said there too.
  const known = texts.has(build.dockerfile) ? ignoresOf() : ignoresNothing;
  const all =
    folder === undefined ? [] : await readContextFolder(folder.root, folder.shown, signal, known);
  for (const entry of read) checkSame(entry, all);
  const lists = read.filter(({ path }) => path !== build.dockerfile);
  const digest = contextDigest(all, lists, used);
  const root = used.find(({ place }) => place === "root")?.source;
  if (!texts.has(build.dockerfile) && root !== undefined) {
    const wanted = [build.dockerfile, ...ignoreNames].filter((path) => !texts.has(path));
    for (const [path, text] of await readFromSource(root, wanted, locked, context))
      texts.set(path, { shown: `${root.name}/${path}`, text });
  }
  const found = texts.get(build.dockerfile);
  if (found === undefined) {
    const places = [folder?.shown, root && `the source ${root.name}`].filter(Boolean);
    throw new BundlerError(
      "DEFINITION",
      `${component.name}: there is no ${build.dockerfile} in ${places.join(" or ")}.`,
      {
        hint: "Name the Dockerfile by its path inside the context: `dockerfile:` of the component's build.",
        details: { component: component.name, dockerfile: build.dockerfile },
      },
    );
  }
  const ignores = ignoresOf();
  return {
    own: all.filter(({ path }) => !ignores(path)),
    ignores,
    dockerfile: { path: build.dockerfile, ...found },
    digest,
  };
}

/** As with Docker, the Dockerfile cannot be ignored away. */
function withDockerfile(listed: Ignores, dockerfile: string): Ignores {
  const ignores = (path: string): boolean => path !== dockerfile && listed(path);
  return Object.assign(ignores, { whole: listed.whole && !dockerfile.includes("/") });
}

/** @throws BundlerError LOCK when a file that was read alone is another one now. */
function checkSame(entry: OwnEntry, all: readonly OwnEntry[]): void {
  if (entry.type !== "file") return;
  const now = all.find(({ path }) => path === entry.path);
  if (now !== undefined && (now.type !== "file" || now.digest !== entry.digest)) {
    throw changed(entry.file);
  }
}

/** The folder of a recipe, or of the definition; undefined when a source's tree is all there is. */
async function ownFolder(
  { name, build }: BuildableComponent,
  { definition, recipesDir }: BuildContext,
): Promise<{ readonly root: string; readonly shown: string } | undefined> {
  const { recipe, context } = build;
  if (recipe !== undefined) {
    const recipes = await listRecipes(recipesDir);
    if (recipes.includes(recipe)) {
      return { root: join(recipesDir, recipe), shown: join("templates/build", recipe) };
    }
    const near = nearest(recipe, recipes);
    throw new BundlerError(
      "DEFINITION",
      `${name}: openim-bundler has no recipe ${JSON.stringify(recipe)}.`,
      {
        hint:
          near === undefined
            ? `Its recipes are ${recipes.join(", ") || "none"}.`
            : `Did you mean "${near}"?`,
        details: { component: name, recipe },
      },
    );
  }
  if (context === undefined) return undefined;
  return { root: await insideDefinition(definition.dir, context), shown: context };
}

async function listRecipes(dir: string): Promise<readonly string[]> {
  try {
    const entries = await readdir(dir, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return [];
    throw new BundlerError("FILE", `The recipes in ${dir} cannot be read.`, { cause: error });
  }
}

/** Texts out of a source's tree, in one reading of it. */
async function readFromSource(
  source: Source,
  paths: readonly string[],
  locked: readonly LockedSource[],
  context: BuildContext,
): Promise<ReadonlyMap<string, string>> {
  const pinned = locked.find(({ name }) => name === source.name);
  if (pinned === undefined) return new Map();
  const fetched = await fetchSource(source, pinned, context);
  const texts = new Map<string, string>();
  for await (const entry of sourceEntries(fetched, source, context)) {
    if (entry.type !== "file" || !paths.includes(entry.path)) continue;
    if (entry.size > MAX_TEXT) {
      throw new BundlerError(
        "DEFINITION",
        `${source.name}/${entry.path} has ${entry.size} bytes; at most ${MAX_TEXT} are accepted.`,
        { details: { source: source.name, file: entry.path } },
      );
    }
    const chunks: Uint8Array[] = [];
    for await (const chunk of entry.content()) chunks.push(chunk);
    texts.set(entry.path, Buffer.concat(chunks).toString("utf8"));
    if (texts.size === paths.length) break;
  }
  return texts;
}

/** @param lists the `.dockerignore` files, which count even where they ignore themselves. */
function contextDigest(
  entries: readonly OwnEntry[],
  lists: readonly OwnEntry[],
  used: readonly UsedSource[],
): Digest {
  const unlisted = lists.filter(({ path }) => entries.every((one) => one.path !== path));
  const files = [...entries, ...unlisted].map((entry) => {
    switch (entry.type) {
      case "file":
        return [entry.executable ? "x" : "-", entry.path, entry.digest];
      case "symlink":
        return ["l", entry.path, entry.linkpath];
      case "directory":
        return ["d", entry.path];
    }
  });
  const trees = used.map(({ source, place }) => [place, source.name, source.strip]);
  return digestOf(JSON.stringify({ version: CONTEXT_VERSION, trees, files }));
}

function kindOf({ type }: OwnEntry): string {
  return type === "symlink" ? "symbolic link" : "folder";
}
