import { BundlerError } from "../core/errors.js";
import { MAX_SYMLINKS } from "./look-up.js";
import type { FinalFile } from "./types.js";

/** Files and folders of one image, in all layers together; the largest have some hundred thousand. */
const MAX_NODES = 2_000_000;

/** Parts of paths followed for one image, symlinks' too. */
const MAX_STEPS = 100_000_000;

/** Characters of all paths of one image's final files. */
const MAX_CHARACTERS = 256 * 1024 * 1024;

/** The longest path that Linux opens, in bytes. */
const PATH_MAX = 4096;

/** What the trees of one image may take together, so that no archive takes all memory, or for ever. */
export class TreeBudget {
  readonly #name: string;
  #nodes: number;
  #steps: number;
  #characters: number;

  /** @param name what messages call the image */
  constructor(
    name: string,
    { nodes = MAX_NODES, steps = MAX_STEPS, characters = MAX_CHARACTERS } = {},
  ) {
    this.#name = name;
    this.#nodes = nodes;
    this.#steps = steps;
    this.#characters = characters;
  }

  /** @throws BundlerError INTEGRITY when it is used up. */
  take({
    nodes = 0,
    steps = 0,
    characters = 0,
  }: {
    readonly nodes?: number;
    readonly steps?: number;
    readonly characters?: number;
  }): void {
    this.#nodes -= nodes;
    this.#steps -= steps;
    this.#characters -= characters;
    if (this.#nodes >= 0 && this.#steps >= 0 && this.#characters >= 0) return;
    throw new BundlerError(
      "INTEGRITY",
      `${this.#name} has more files, or longer paths, than any image has.`,
    );
  }
}

/** A name in a tree of files. Without an entry, it is a folder that only the paths of others name. */
export interface TreeNode {
  entry?: FinalFile;
  /** Which layer has it. */
  readonly layer: number;
  children?: Map<string, TreeNode>;
}

export interface TreeFolder {
  readonly node: TreeNode;
  /** Where it really is, symlinks followed. */
  readonly path: string;
}

/** Told of everything that goes away, with all that is below it. */
type OnHidden = (node: TreeNode | undefined) => void;

/** Told of what engines unpack in different ways, or refuse. */
export type OnDoubt = (path: string, why: string) => void;

/** Files by their paths, of one layer or of several over each other. */
export class LayerTree {
  readonly #root: TreeNode;
  readonly #layer: number;
  readonly #budget: TreeBudget;
  readonly #onDoubt: OnDoubt;
  /** The folder that was asked for last: entries of one folder come one after the other. */
  #last: (TreeFolder & { readonly asked: string }) | undefined;

  /** @param layer that the files come from */
  constructor(layer: number, budget: TreeBudget, onDoubt: OnDoubt = () => undefined) {
    this.#layer = layer;
    this.#onDoubt = onDoubt;
    this.#root = { layer };
    this.#budget = budget;
  }

  /**
   * The folder at a path, made where there is none, as when a layer is unpacked: symlinks on the
   * way are followed inside the tree, whatever else stands in the way is replaced.
   */
  folder(asked: string): TreeFolder {
    if (asked === "") return { node: this.#root, path: "" };
    if (this.#last?.asked === asked) return this.#last;
    const ahead = asked.split("/").reverse();
    let at: { node: TreeNode; name: string }[] = [];
    let links = 0;
    let rest = Number.POSITIVE_INFINITY;
    for (let part = ahead.pop(); part !== undefined; part = ahead.pop()) {
      this.#budget.take({ steps: 1 });
      if (ahead.length < rest) rest = Number.POSITIVE_INFINITY;
      if (part === "" || part === ".") continue;
      if (part === "..") {
        at.pop();
        continue;
      }
      const parent = at.at(-1)?.node ?? this.#root;
      const child = parent.children?.get(part);
      const link = child?.entry?.type === "symlink" ? child.entry.linkpath : undefined;
      if (link !== undefined && link.length <= PATH_MAX && links < MAX_SYMLINKS) {
        links += 1;
        // What was to come behind the link.
        rest = Math.min(rest, ahead.length);
        if (link.startsWith("/")) at = [];
        ahead.push(...link.split("/").reverse());
        continue;
      }
      const isThere = child !== undefined && isFolder(child);
      if (!isThere && (child !== undefined || ahead.length >= rest)) {
        const why = "lies in what is no folder, or behind a link to no folder of its layer";
        this.#onDoubt(asked, `${why}, where engines refuse it`);
      }
      at.push({ name: part, node: isThere ? child : this.#make(parent, part) });
    }
    const folder = {
      node: at.at(-1)?.node ?? this.#root,
      path: at.map(({ name }) => name).join("/"),
      asked,
    };
    this.#last = folder;
    return folder;
  }

  /** Puts an entry into a folder; a folder keeps what is in it already, all else replaces it. */
  put(folder: TreeNode, name: string, entry: FinalFile): void {
    const known = folder.children?.get(name);
    if (known !== undefined && isFolder(known) && entry.type === "directory") {
      known.entry = entry;
      return;
    }
    // A folder or symlink of this name may be on the way to the folder asked for last.
    if (known !== undefined) this.#last = undefined;
    this.#make(folder, name).entry = entry;
  }

  /** The entry at a path whose folders are no symlinks. */
  entry(path: string): FinalFile | undefined {
    return this.#find(path)?.entry;
  }

  /** Whether anything is at a path, be it a folder that only the paths of others name. */
  has(path: string): boolean {
    return this.#find(path) !== undefined;
  }

  /** The entry at a path whose folders may be symlinks of this tree; nothing is made. */
  follow(path: string): FinalFile | undefined {
    let parts = path.split("/").reverse();
    let at: string[] = [];
    let links = 0;
    let found: FinalFile | undefined;
    for (let part = parts.pop(); part !== undefined; part = parts.pop()) {
      this.#budget.take({ steps: 1 });
      if (part === "" || part === ".") continue;
      if (part === "..") {
        at.pop();
        continue;
      }
      found = this.entry([...at, part].join("/"));
      // The last part is taken as it is: a hard link may be to a symlink.
      if (found?.type !== "symlink" || parts.length === 0) {
        at.push(part);
        continue;
      }
      links += 1;
      if (links > MAX_SYMLINKS || found.linkpath.length > PATH_MAX) return undefined;
      if (found.linkpath.startsWith("/")) at = [];
      parts = [...parts, ...found.linkpath.split("/").reverse()];
    }
    return found;
  }

  /** Takes a path away, with all below it. */
  remove(path: string, onHidden: OnHidden): void {
    const slash = path.lastIndexOf("/");
    const parent = slash < 0 ? this.#root : this.#find(path.slice(0, slash));
    const name = path.slice(slash + 1);
    onHidden(parent?.children?.get(name));
    parent?.children?.delete(name);
  }

  /** Takes away all that is in a folder. */
  empty(path: string, onHidden: OnHidden): void {
    const node = path === "" ? this.#root : this.#find(path);
    if (node?.children === undefined) return;
    onHidden({ children: node.children, layer: node.layer });
    delete node.children;
  }

  /** Lays another tree over this one, which takes over its nodes. */
  merge(upper: LayerTree, onHidden: OnHidden): void {
    const pairs: [lower: TreeNode, upper: TreeNode][] = [[this.#root, upper.#root]];
    for (let pair = pairs.pop(); pair !== undefined; pair = pairs.pop()) {
      const [lower, { children }] = pair;
      for (const [name, above] of children ?? []) {
        const below = lower.children?.get(name);
        if (below !== undefined && isFolder(below) && isFolder(above)) {
          if (above.entry !== undefined) below.entry = above.entry;
          pairs.push([below, above]);
          continue;
        }
        onHidden(below);
        lower.children ??= new Map();
        lower.children.set(name, above);
      }
    }
  }

  /** All files and folders by their paths, each folder before what is in it. */
  toMap(): ReadonlyMap<string, FinalFile> {
    const files = new Map<string, FinalFile>();
    const stack: [path: string, node: TreeNode][] = [["", this.#root]];
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
      const [path, { entry, children, layer }] = next;
      // Links lead short paths into deep folders: what was little to write may be much to hold.
      this.#budget.take({ characters: path.length });
      if (path !== "") files.set(path, entry ?? impliedFolder(path, layer));
      const prefix = path === "" ? "" : `${path}/`;
      for (const [name, child] of children ?? []) stack.push([prefix + name, child]);
    }
    return files;
  }

  /** A node and all nodes below it. */
  static *below(node: TreeNode | undefined): Generator<TreeNode, void, void> {
    const stack = node === undefined ? [] : [node];
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
      yield next;
      if (next.children !== undefined) stack.push(...next.children.values());
    }
  }

  #make(parent: TreeNode, name: string): TreeNode {
    this.#budget.take({ nodes: 1 });
    const node: TreeNode = { layer: this.#layer };
    parent.children ??= new Map();
    parent.children.set(name, node);
    return node;
  }

  #find(path: string): TreeNode | undefined {
    let node: TreeNode | undefined = this.#root;
    for (const part of path.split("/")) node = node?.children?.get(part);
    return node;
  }
}

function isFolder({ entry }: TreeNode): boolean {
  return entry === undefined || entry.type === "directory";
}

function impliedFolder(path: string, layer: number): FinalFile {
  return { path, type: "directory", size: 0, mode: 0o755, linkpath: "", layer };
}
