import type { Digest } from "../core/digest.js";
import { BundlerError } from "../core/errors.js";
import { type LayerIndex, type LayerNode, MAX_LINK, MAX_LINKS } from "./layer-index.js";

/** A layer whose index is made when it is first asked for. */
export interface IndexedLayer {
  readonly digest: Digest;
  readonly index: () => Promise<LayerIndex>;
}

/** A symbolic link that was followed. */
export interface FollowedLink {
  readonly path: string;
  readonly target: string;
}

/** Something of an image's final file system. */
export interface FoundFile {
  /** Without a slash before it; links on the way are followed. Empty for the root. */
  readonly path: string;
  readonly node: LayerNode;
  /** Position of the layer that it comes from, base first. */
  readonly layer: number;
  readonly links: readonly FollowedLink[];
}

/** Why nothing is at a path. */
export interface MissingFile {
  /** The first path on the way that is not there. */
  readonly missing: string;
  /** The layer that took it away, where one did. */
  readonly removedBy?: number;
  /** There is something on the way that is no folder. */
  readonly notAFolder?: boolean;
  readonly links: readonly FollowedLink[];
}

/** Characters of paths, each as often as it has parts, that are looked up for one file. */
const MAX_LOOKED_UP = 500_000_000;

interface Placed {
  readonly node: LayerNode;
  readonly layer: number;
}

const ROOT: LayerNode = { type: "directory", size: 0, mode: 0o755, linkpath: "", dataOffset: 0 };

/**
 * What an image has at a path once its layers lie over each other as an engine puts them (OCI
 * image-spec, layer.md). Asks the layers from the top down and leaves alone those below the one that
 * decides.
 * @param layers base first.
 * @throws BundlerError INTEGRITY for more links after each other than Linux follows, longer ones, or
 *   such as would take for ever; whatever an index throws.
 */
export async function findFile(
  layers: readonly IndexedLayer[],
  path: string,
): Promise<FoundFile | MissingFile> {
  const links: FollowedLink[] = [];
  let waiting = partsOf(path);
  let at: string[] = [];
  let lookedUp = 0;
  const refuse = (why: string): never => {
    throw new BundlerError("INTEGRITY", `${JSON.stringify(path)} leads through ${why}.`);
  };
  let found: Placed = { node: ROOT, layer: Math.max(layers.length - 1, 0) };
  for (let part = waiting.shift(); part !== undefined; part = waiting.shift()) {
    if (part === "..") {
      at.pop();
      continue;
    }
    const here = [...at, part];
    lookedUp += here.length * here.reduce((sum, { length }) => sum + length + 1, 0);
    if (lookedUp > MAX_LOOKED_UP) refuse("links that take too long to follow");
    const placed = await placedAt(layers, here);
    if ("missing" in placed) return { ...placed, links };
    found = placed;
    const { type, linkpath } = placed.node;
    if (type === "symlink") {
      if (links.length === MAX_LINKS) refuse(`more than ${MAX_LINKS} symbolic links`);
      if (linkpath.length > MAX_LINK) {
        refuse(`a symbolic link of more than ${MAX_LINK} characters`);
      }
      links.push({ path: here.join("/"), target: linkpath });
      if (linkpath.startsWith("/")) at = [];
      waiting = [...partsOf(linkpath), ...waiting];
    } else if (type !== "directory" && waiting.length > 0) {
      return { missing: here.join("/"), notAFolder: true, links };
    } else at = here;
  }
  if (at.length === 0) found = { node: ROOT, layer: Math.max(layers.length - 1, 0) };
  else if (found.node.type === "symlink" || found.node.type === "directory") {
    // A path that ends in a link or in `..` stands where the link led.
    const last = await placedAt(layers, at);
    if ("missing" in last) return { ...last, links };
    found = last;
  }
  return { path: at.join("/"), ...found, links };
}

/**
 * The names in a folder of the final file system, sorted, each with what is there; links are not
 * followed.
 * @param path a folder's as {@link findFile} gives it.
 */
export async function listFolder(
  layers: readonly IndexedLayer[],
  path: string,
): Promise<readonly { readonly name: string; readonly node: LayerNode; readonly layer: number }[]> {
  const prefixes = prefixesOf(path === "" ? [] : path.split("/"));
  const start = path === "" ? "" : `${path}/`;
  const found = new Map<string, Placed | undefined>();
  for (let layer = layers.length - 1; layer >= 0; layer -= 1) {
    const index = await indexOf(layers, layer);
    for (const [own, node] of index.nodes) {
      if (!own.startsWith(start) || own.includes("/", start.length)) continue;
      const name = own.slice(start.length);
      if (!found.has(name)) found.set(name, { node, layer });
    }
    const hides = prefixes.some((prefix) => hidesBelow(index, prefix));
    if (hides || index.opaque.has(path)) break;
    for (const gone of index.gone) {
      if (!gone.startsWith(start) || gone.includes("/", start.length)) continue;
      const name = gone.slice(start.length);
      if (!found.has(name)) found.set(name, undefined);
    }
  }
  return [...found]
    .flatMap(([name, placed]) => (placed === undefined ? [] : [{ name, ...placed }]))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** What stands at a path of which every folder is known to be one. */
async function placedAt(
  layers: readonly IndexedLayer[],
  parts: readonly string[],
): Promise<Placed | Omit<MissingFile, "links">> {
  const path = parts.join("/");
  const prefixes = prefixesOf(parts);
  for (let layer = layers.length - 1; layer >= 0; layer -= 1) {
    const index = await indexOf(layers, layer);
    const node = index.nodes.get(path);
    if (node?.type === "link") return linkedFrom(layers, layer, node, path);
    if (node !== undefined) return { node, layer };
    if (prefixes.some((prefix) => hidesBelow(index, prefix))) {
      return { missing: path, removedBy: layer };
    }
  }
  return { missing: path };
}

/** A hard link to a file that lower layers have. */
async function linkedFrom(
  layers: readonly IndexedLayer[],
  layer: number,
  { linkpath }: LayerNode,
  path: string,
): Promise<Placed | Omit<MissingFile, "links">> {
  const target = partsOf(linkpath).reduce<string[]>(
    (parts, part) => (part === ".." ? parts.slice(0, -1) : [...parts, part]),
    [],
  );
  // Each step goes down by a layer, so this ends.
  const below = await placedAt(layers.slice(0, layer), target);
  return "missing" in below ? { missing: path } : below;
}

/** Whether a layer hides what lower layers have at a path and below it. */
function hidesBelow(index: LayerIndex, { path, folder }: Prefix): boolean {
  if (index.gone.has(path) || index.opaque.has(folder)) return true;
  const type = index.nodes.get(path)?.type;
  return type !== undefined && type !== "directory";
}

interface Prefix {
  readonly path: string;
  readonly folder: string;
}

/** `a/b`: `a` in the root, and `a/b` in `a`. */
function prefixesOf(parts: readonly string[]): readonly Prefix[] {
  let folder = "";
  return parts.map((part) => {
    const prefix = { path: folder === "" ? part : `${folder}/${part}`, folder };
    folder = prefix.path;
    return prefix;
  });
}

function partsOf(path: string): string[] {
  return path.split("/").filter((part) => part !== "" && part !== ".");
}

function indexOf(layers: readonly IndexedLayer[], at: number): Promise<LayerIndex> {
  const layer = layers[at];
  if (layer === undefined) throw new Error(`There is no layer ${at}.`);
  return layer.index();
}
