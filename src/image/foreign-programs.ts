import type { DiffId, Digest } from "../core/digest.js";
import { BundlerError } from "../core/errors.js";
import type { Platform } from "../core/platform.js";
import { unpackedPath } from "../tar/unpacked-path.js";
import { type LayerEntry, walkLayer } from "./layer.js";
import { PathTree } from "./path-tree.js";
import { type Misfit, PROGRAM_HEAD_BYTES, misfitOf } from "./program.js";

/** A layer to look through. */
export interface ProgramLayer {
  /** Of the layer as it is stored, for the finding. */
  readonly digest: Digest;
  /** What the image's config calls it: the layer must be that then. */
  readonly diffId?: DiffId;
  /** Its bytes as they are stored; asked for once, when its turn comes. */
  open(): AsyncIterable<Uint8Array>;
}

/** A program, or shared library, that the platform's machines do not run. */
export interface ForeignProgram extends Misfit {
  /** In the image, without a slash before it. */
  readonly path: string;
  /** The layer that put it there. */
  readonly layer: Digest;
}

/** A file of the overlay that says "the lower layers' file of this name is gone" (OCI image-spec, layer.md, "Whiteouts"). */
const WHITEOUT = ".wh.";
/** Folders and names that the paths found may have in sum; a toolchain for another machine has some thousands. */
const MAX_PARTS = 1_000_000;
/** "Everything that lower layers have in this folder is gone." */
const OPAQUE = ".wh..wh..opq";

/**
 * Finds the programs in layers, base first, that do not run on a platform: ELF programs and shared
 * libraries for another machine, and programs of Windows and macOS that may be executed. What a
 * later layer replaces or takes away does not count. Sorted by path.
 * @throws BundlerError INTEGRITY for a damaged layer, or one that its diffID does not fit;
 *   INTERRUPTED; whatever a stream throws.
 */
export async function findForeignPrograms(
  layers: Iterable<ProgramLayer>,
  platform: Platform,
  { signal }: { readonly signal: AbortSignal },
): Promise<readonly ForeignProgram[]> {
  const tree = new PathTree<ForeignProgram>();
  // What does not fit in memory any more is not forgotten: one of it stays in the result.
  let room = MAX_PARTS;
  let beyond: ForeignProgram | undefined;
  for (const layer of layers) {
    const own = new Map<string, ForeignProgram>();
    const name = `The layer ${layer.digest}`;
    const diffId = await walkLayer(
      layer.open(),
      (entry, head) => {
        applyEntry(entry, tree, own);
        const misfit = misfitIn(entry, head, platform);
        if (misfit === undefined) return;
        const program = { path: entry.path, layer: layer.digest, ...misfit };
        room -= program.path.split("/").length;
        if (room >= 0) own.set(program.path, program);
        else beyond ??= program;
      },
      { signal, name, headBytes: PROGRAM_HEAD_BYTES },
    );
    if (layer.diffId !== undefined && layer.diffId !== diffId) {
      throw new BundlerError(
        "INTEGRITY",
        `${name} unpacks to ${diffId}, but the image's config says ${layer.diffId}.`,
        { details: { layer: layer.digest, expected: layer.diffId, found: diffId } },
      );
    }
    for (const program of own.values()) tree.set(program.path, program);
  }
  return [...tree.values(), ...(beyond === undefined ? [] : [beyond])].sort((a, b) =>
    a.path < b.path ? -1 : 1,
  );
}

function misfitIn(entry: LayerEntry, head: Buffer, platform: Platform): Misfit | undefined {
  if (entry.type !== "file") return undefined;
  return misfitOf(head, platform, { executable: (entry.mode & 0o111) !== 0 });
}

/** What an entry does to what the layers below, and this layer before it, have at its path. */
function applyEntry(
  { path, type, linkpath }: LayerEntry,
  below: PathTree<ForeignProgram>,
  own: Map<string, ForeignProgram>,
): void {
  const slash = path.lastIndexOf("/");
  const folder = path.slice(0, Math.max(slash, 0));
  const name = path.slice(slash + 1);
  if (name === OPAQUE) {
    below.empty(folder);
    return;
  }
  if (name.startsWith(WHITEOUT)) {
    const gone = name.slice(WHITEOUT.length);
    below.remove(folder === "" ? gone : `${folder}/${gone}`);
    return;
  }
  own.delete(path);
  if (type === "directory") {
    below.clear(path);
    return;
  }
  const target = unpackedPath(linkpath);
  // A hard link is the same file under another name.
  const linked = type === "link" ? (own.get(target) ?? below.get(target)) : undefined;
  below.remove(path);
  if (linked !== undefined) own.set(path, { ...linked, path });
}
