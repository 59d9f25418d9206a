import { unpackedPath } from "../tar/unpacked-path.js";
import { LayerTree, type OnDoubt, TreeBudget, type TreeNode } from "./layer-tree.js";
import type { FinalFile, HiddenProgram, LayerDoubt, WalkedLayer } from "./types.js";

/** OCI image-spec, layer.md, "Whiteouts". */
const WHITEOUT = ".wh.";
const OPAQUE = ".wh..wh..opq";
/** Names that only storage drivers had a use for, `.wh..wh.plnk`. */
const DRIVER_OWN = ".wh..wh.";

export interface Overlay {
  readonly files: ReadonlyMap<string, FinalFile>;
  readonly hidden: readonly HiddenProgram[];
  readonly doubts: readonly LayerDoubt[];
}

/** More of them say no more: one is too many. */
const MAX_DOUBTS = 5;

/**
 * Lays layers over each other, base first, as engines do (OCI image-spec, layer.md, "Applying
 * Changesets"; overlayfs, "merged directories"): each is unpacked by itself, where its own symlinks
 * count, and only folders merge with those below. What a layer has in place of a lower layer's
 * symlink to a folder hides the symlink, and does not land where that leads.
 * @throws BundlerError INTEGRITY for layers that would take too much memory to follow.
 */
export function overlayLayers(
  name: string,
  layers: readonly WalkedLayer[],
  made = new FinalFiles(),
  budget = new TreeBudget(name),
): Overlay {
  const final = new LayerTree(0, budget);
  const hidden: HiddenProgram[] = [];
  const doubts: LayerDoubt[] = [];
  for (const [index, layer] of layers.entries()) {
    const doubt: OnDoubt = (path, why) => {
      if (doubts.length >= MAX_DOUBTS) return;
      doubts.push({ layer: index, message: `${JSON.stringify(path.slice(0, 200))} ${why}.` });
    };
    const own = unpack(made.of(layer, index), new LayerTree(index, budget, doubt), final, doubt);
    const hide = (node: TreeNode | undefined): void => {
      for (const { entry } of LayerTree.below(node)) {
        if (entry?.program === undefined) continue;
        const { path, program, layer: from } = entry;
        hidden.push({ path, layer: from, by: index, program });
      }
    };
    for (const path of own.opaque) {
      budget.take({ characters: path.length });
      final.empty(path, hide);
    }
    for (const path of own.gone) {
      budget.take({ characters: path.length });
      final.remove(path, hide);
    }
    final.merge(own.tree, hide);
  }
  return { files: final.toMap(), hidden, doubts };
}

/** The entries of layers at their places, made once for all images that have the same layer there. */
export class FinalFiles {
  readonly #made = new Map<WalkedLayer, Map<number, readonly FinalFile[]>>();

  of(layer: WalkedLayer, index: number): readonly FinalFile[] {
    const places = this.#made.get(layer) ?? new Map<number, readonly FinalFile[]>();
    this.#made.set(layer, places);
    const files = places.get(index) ?? layer.files.map((file) => ({ ...file, layer: index }));
    places.set(index, files);
    return files;
  }
}

interface Unpacked {
  readonly tree: LayerTree;
  /** Paths that this layer takes out of those below. */
  readonly gone: readonly string[];
  /** Folders of which nothing of the layers below stays. */
  readonly opaque: readonly string[];
}

/** Puts a layer's entries into a tree of its own. */
function unpack(
  files: readonly FinalFile[],
  tree: LayerTree,
  below: LayerTree,
  doubt: OnDoubt,
): Unpacked {
  const gone = new Set<string>();
  const opaque: string[] = [];
  for (const file of files) {
    const slash = file.path.lastIndexOf("/");
    const name = file.path.slice(slash + 1);
    if (name === "") continue;
    const folder = tree.folder(slash < 0 ? "" : file.path.slice(0, slash));
    const inFolder = (child: string): string =>
      folder.path === "" ? child : `${folder.path}/${child}`;
    const takeAway = (child: string): void => {
      const path = inFolder(child);
      // overlayfs has a whiteout in the place of what it hides.
      if (gone.has(path) || tree.has(path)) doubt(path, "is taken away by the layer that has it");
      gone.add(path);
    };
    if (name === OPAQUE) opaque.push(folder.path);
    else if (name.startsWith(DRIVER_OWN)) continue;
    else if (name.startsWith(WHITEOUT)) takeAway(name.slice(WHITEOUT.length));
    else if (file.type === "whiteout") takeAway(name);
    else {
      const path = inFolder(name);
      if (file.type === "directory" && gone.has(path)) {
        doubt(path, "is a folder that its own layer takes away, which not every engine empties");
      }
      const linked = linkedFile(file, tree, { below, doubt });
      const entry = linked ?? file;
      tree.put(folder.node, name, entry.path === path ? entry : { ...entry, path });
    }
  }
  return { tree, gone: [...gone], opaque };
}

/** A hard link is the same file under another name, and in this layer. */
function linkedFile(
  { path, type, linkpath, layer }: FinalFile,
  tree: LayerTree,
  { below, doubt }: { readonly below: LayerTree; readonly doubt: OnDoubt },
): FinalFile | undefined {
  if (type !== "link") return undefined;
  const target = unpackedPath(linkpath);
  const plain = tree.entry(target);
  const followed = plain ?? tree.follow(target);
  if (plain === undefined && followed !== undefined) {
    doubt(path, "is a hard link through a symbolic link, which not every program follows");
  }
  if (followed === undefined || followed.type === "directory" || target === path) {
    doubt(path, "is a hard link to what its layer does not have before it, which engines refuse");
  }
  const linked = followed ?? below.entry(target);
  return linked === undefined || linked.type === "directory" ? undefined : { ...linked, layer };
}
