import { nameLength } from "./name.js";

/** Linux takes no longer name of a file, in bytes. */
const NAME_MAX = 255;

/** Linux opens no longer path, in bytes; an engine puts the folder that it unpacks to before it. */
const PATH_MAX = 4096;
const ENGINES_OWN = 256;

/** A file of the overlay that says "this name is gone below" (OCI image-spec, layer.md, "Whiteouts"). */
const WHITEOUT = ".wh.";
const OPAQUE = ".wh..wh..opq";

/** A path as seen from the root that an archive is unpacked to, which no `..` leads out of. */
export function unpackedPath(path: string): string {
  // Most paths are plain, and an image has a hundred thousand of them.
  if (!/(?:^|\/)\.{0,2}(?:\/|$)/.test(path)) return path;
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return parts.join("/");
}

/** An entry of a layer as its headers have it. */
interface Named {
  readonly name: string;
  /** The name by {@link unpackedPath}. */
  readonly path: string;
  readonly type: "file" | "directory" | "symlink" | "link" | "whiteout" | "other";
  readonly linkname: string;
}

/** What of an entry's names engines differ about, or refuse; undefined when nothing. */
export function nameDoubt({ name, path, type, linkname }: Named): string | undefined {
  if (leadsUp(name)) return "its path has .. in it";
  if (path === "" && type !== "directory") return "it has the root's place, and is no folder";
  if (nameLength(path) > PATH_MAX - ENGINES_OWN) return `its path has ${nameLength(path)} bytes`;
  // No part of a path is longer than the path.
  if (path.length * 3 > NAME_MAX || path.includes(WHITEOUT)) {
    const problem = partsDoubt(path.split("/"));
    if (problem !== undefined) return problem;
  }
  if (type !== "symlink" && type !== "link") return undefined;
  if (linkname === "") return "it links to nothing";
  if (nameLength(linkname) >= PATH_MAX)
    return `it links to a path of ${nameLength(linkname)} bytes`;
  return type === "link" && leadsUp(linkname) ? "its hard link's path has .. in it" : undefined;
}

function partsDoubt(parts: readonly string[]): string | undefined {
  if (parts.some((part) => nameLength(part) > NAME_MAX)) {
    return `a part of its path is longer than ${NAME_MAX} bytes`;
  }
  if (parts.slice(0, -1).some((part) => part.startsWith(WHITEOUT))) {
    return "it lies in a folder that is called as a whiteout is";
  }
  const own = parts.at(-1) ?? "";
  if (!own.startsWith(WHITEOUT) || own === OPAQUE) return undefined;
  const gone = own.slice(WHITEOUT.length);
  if (gone === "" || gone === "." || gone === "..") return "it is a whiteout of no name";
  return gone.startsWith(WHITEOUT) ? "it is a whiteout of a whiteout" : undefined;
}

function leadsUp(path: string): boolean {
  return path.includes("..") && path.split("/").includes("..");
}
