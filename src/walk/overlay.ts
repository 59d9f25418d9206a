import { unpackedPath } from "../tar/unpacked-path.js";
import { LayerTree, TreeBudget, type TreeNode } from "./layer-tree.js";
import type { FinalFile, HiddenProgram, WalkedLayer } from "./types.js";

/** OCI image-spec, layer.md, "Whiteouts". */
const WHITEOUT = ".wh.";
const OPAQUE = ".wh..wh..opq";
/** Names that only storage drivers had a use for, `.wh..wh.plnk`. */
const DRIVER_OWN = ".wh..wh.";

export interface Overlay {
  readonly files: ReadonlyMap<string, FinalFile>;
  readonly hidden: readonly HiddenProgram[];
}

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
  for (const [index, layer] of layers.entries()) {
    const own = unpack(made.of(layer, index), new LayerTree(index, budget), final);
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
  return { files: final.toMap(), hidden };
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
function unpack(files: readonly FinalFile[], tree: LayerTree, below: LayerTree): Unpacked {
  const gone: string[] = [];
  const opaque: string[] = [];
  for (const file of files) {
    const slash = file.path.lastIndexOf("/");
    const name = file.path.slice(slash + 1);
    if (name === "") continue;
    const folder = tree.folder(slash < 0 ? "" : file.path.slice(0, slash));
    const inFolder = (child: string): string =>
      folder.path === "" ? child : `${folder.path}/${child}`;
    if (name === OPAQUE) opaque.push(folder.path);
    else if (name.startsWith(DRIVER_OWN)) continue;
    else if (name.startsWith(WHITEOUT)) gone.push(inFolder(name.slice(WHITEOUT.length)));
    else {
      const path = inFolder(name);
      const linked = linkedFile(file, tree, below);
      const entry = linked ?? file;
      tree.put(folder.node, name, entry.path === path ? entry : { ...entry, path });
    }
  }
  return { tree, gone, opaque };
}

/** A hard link is the same file under another name, and in this layer. */
function linkedFile(
  { type, linkpath, layer }: FinalFile,
  tree: LayerTree,
  below: LayerTree,
): FinalFile | undefined {
  if (type !== "link") return undefined;
  const target = unpackedPath(linkpath);
  const linked = tree.entry(target) ?? below.entry(target);
  return linked === undefined || linked.type === "directory" ? undefined : { ...linked, layer };
}
