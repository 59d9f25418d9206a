import { BundlerError } from "../core/errors.js";
import { type StreamedEntry, TarStreamReader } from "../tar/stream.js";
import { unpackedPath } from "../tar/unpacked-path.js";

/** What a layer has at a path. */
export interface LayerNode {
  readonly type: StreamedEntry["type"];
  /** In bytes. */
  readonly size: number;
  readonly mode: number;
  /** Where a link points, as written. */
  readonly linkpath: string;
  /** Where the file's bytes begin in the layer's tar. */
  readonly dataOffset: number;
}

/** Where everything is in a layer: what it puts over the layers below, and what it hides of them. */
export interface LayerIndex {
  /** By path; folders that only their content tells of are there, too. */
  readonly nodes: ReadonlyMap<string, LayerNode>;
  /** Paths of lower layers that are gone (OCI image-spec, layer.md, "Whiteouts"). */
  readonly gone: ReadonlySet<string>;
  /** Folders of whose content in lower layers nothing is left; the empty path is the root. */
  readonly opaque: ReadonlySet<string>;
}

const WHITEOUT = ".wh.";
const OPAQUE = ".wh..wh..opq";
/** Other names of this kind are aufs's own notes, and no engine unpacks them. */
const RESERVED = ".wh..wh.";

/** The largest images have some hundred thousand files; what an attacker packs must not fill the memory. */
const MAX_NODES = 2_000_000;
const MAX_CHARACTERS = 256 * 1024 * 1024;
/** Characters of paths that are looked up in search of links, of one layer. */
const MAX_LOOKED_AT = 2_000_000_000;
/** Folders that turn into something else within one layer: each costs a look at every path. */
const MAX_REPLACED = 100;
/** As many as Linux follows for one path. */
export const MAX_LINKS = 40;
/** Linux makes no longer link, in bytes. */
export const MAX_LINK = 4096;

/** What the indexes of an image's layers may take together. */
export class IndexRoom {
  nodes = MAX_NODES;
  characters = MAX_CHARACTERS;
}

const IMPLIED: LayerNode = {
  type: "directory",
  size: 0,
  mode: 0o755,
  linkpath: "",
  dataOffset: 0,
};

/**
 * Reads a layer's tar once for what is where, as an engine would have it after unpacking: of several
 * entries for one path the last counts, a hard link is the file that it names.
 * @throws BundlerError INTEGRITY for a damaged tar, or one with more in it than any image has;
 *   whatever the chunks throw.
 */
export async function indexLayer(
  name: string,
  chunks: AsyncIterable<Uint8Array>,
  room = new IndexRoom(),
  lookedAt = MAX_LOOKED_AT,
): Promise<LayerIndex> {
  const builder = new IndexBuilder(name, room, lookedAt);
  const reader = new TarStreamReader({
    name,
    headBytes: 0,
    onEntry: (entry, _, dataOffset) => builder.add(entry, dataOffset),
  });
  for await (const chunk of chunks) reader.write(chunk);
  reader.end();
  return builder;
}

class IndexBuilder implements LayerIndex {
  readonly nodes = new Map<string, LayerNode>();
  readonly gone = new Set<string>();
  readonly opaque = new Set<string>();
  readonly #name: string;
  readonly #room: IndexRoom;
  /** How many nodes the room was made smaller for. */
  #counted = 0;
  /** Characters that may still be looked at in search of links. */
  #lookedAt: number;
  #replaced = 0;
  /** The folder of the entry before, as written and as found: most entries are in the same one. */
  #written = "";
  #folder = "";

  constructor(name: string, room: IndexRoom, lookedAt: number) {
    this.#name = name;
    this.#room = room;
    this.#lookedAt = lookedAt;
  }

  add(entry: StreamedEntry, dataOffset: number): void {
    const { type, size, mode, linkpath } = entry;
    const slash = entry.path.lastIndexOf("/");
    const folder = this.#folderOf(entry.path.slice(0, Math.max(slash, 0)));
    const own = entry.path.slice(slash + 1);
    const path = folder === "" ? own : `${folder}/${own}`;
    this.#count(path.length + linkpath.length);
    if (own === OPAQUE) this.opaque.add(folder);
    else if (own.startsWith(RESERVED)) return;
    else if (own.startsWith(WHITEOUT)) {
      const hidden = own.slice(WHITEOUT.length);
      this.gone.add(folder === "" ? hidden : `${folder}/${hidden}`);
    } else if (type === "whiteout") this.gone.add(path);
    else if (path !== "") {
      if (type !== "directory") this.#clear(path);
      const linked = type === "link" ? this.nodes.get(unpackedPath(linkpath)) : undefined;
      this.nodes.set(path, linked ?? { type, size, mode, linkpath, dataOffset });
    }
  }

  /** Where an engine puts what is in a folder, which is there from then on. */
  #folderOf(written: string): string {
    if (written === this.#written) return this.#folder;
    this.#written = written;
    this.#folder = this.#followed(written);
    for (let at = this.#folder; at !== "" && this.nodes.get(at)?.type !== "directory";) {
      this.nodes.set(at, IMPLIED);
      this.#count(at.length);
      at = at.slice(0, Math.max(at.lastIndexOf("/"), 0));
    }
    return this.#folder;
  }

  /** A folder's path with the symbolic links on the way followed that this layer has itself. */
  #followed(folder: string): string {
    let path = folder;
    for (let links = 0; links < MAX_LINKS; links += 1) {
      const link = this.#firstLink(path);
      if (link === undefined) return path;
      const { at, target } = link;
      const from = target.startsWith("/")
        ? ""
        : path.slice(0, Math.max(path.lastIndexOf("/", at - 1), 0));
      path = unpackedPath(`${from}/${target}${path.slice(at)}`);
    }
    return folder;
  }

  #firstLink(path: string): { readonly at: number; readonly target: string } | undefined {
    for (let at = path.indexOf("/"); path !== ""; at = path.indexOf("/", at + 1)) {
      const end = at < 0 ? path.length : at;
      this.#lookedAt -= end;
      if (this.#lookedAt < 0) this.#refuse("its links take too long to follow");
      const node = this.nodes.get(path.slice(0, end));
      if (node?.type === "symlink" && node.linkpath.length <= MAX_LINK) {
        return { at: end, target: node.linkpath };
      }
      if (node === undefined || at < 0) return undefined;
    }
    return undefined;
  }

  /** Something else takes a folder's place: nothing is left of what was in it. */
  #clear(path: string): void {
    if (this.nodes.get(path)?.type !== "directory") return;
    this.#replaced += 1;
    if (this.#replaced > MAX_REPLACED) this.#refuse("it replaces too many of its own folders");
    for (const other of this.nodes.keys()) {
      if (other.startsWith(`${path}/`)) this.nodes.delete(other);
    }
    this.#written = "";
    this.#folder = "";
  }

  #count(characters: number): void {
    const count = this.nodes.size + this.gone.size + this.opaque.size;
    this.#room.characters -= characters;
    this.#room.nodes -= count - this.#counted;
    this.#counted = count;
    const full = this.#room.characters < 0 || this.#room.nodes < 0;
    if (full) this.#refuse("it has more files than an image can have");
  }

  #refuse(why: string): never {
    throw new BundlerError("INTEGRITY", `${this.#name} is refused: ${why}.`, {
      details: { file: this.#name },
    });
  }
}
