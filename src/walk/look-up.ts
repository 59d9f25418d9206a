import type { FinalFile } from "./types.js";

/** Linux follows no more symlinks for one path (path_resolution(7)). */
export const MAX_SYMLINKS = 40;

/** Linux opens no longer path, in bytes; a text of links may grow to a few of these on the way. */
const MAX_PARTS = 4096;

/** A path followed to its end: every file on the way that a symlink led to, the last being the end. */
export interface Followed {
  readonly file: FinalFile;
  /** The symlinks gone through, in order. */
  readonly links: readonly FinalFile[];
}

/**
 * The file that an image's program gets when it opens a path, symlinks followed anywhere in it;
 * undefined where there is none, or only a circle. A path without a slash before it starts at the
 * root, too; nothing leads out of the root.
 */
export function lookUp(files: ReadonlyMap<string, FinalFile>, path: string): FinalFile | undefined {
  return follow(files, path)?.file;
}

/** As {@link lookUp}, with the symlinks on the way. */
export function follow(files: ReadonlyMap<string, FinalFile>, path: string): Followed | undefined {
  const links: FinalFile[] = [];
  // Parts still to go, the next one last.
  const ahead = path.split("/").reverse();
  let at: string[] = [];
  let file: FinalFile | undefined;
  while (ahead.length > 0) {
    if (ahead.length > MAX_PARTS) return undefined;
    const part = ahead.pop();
    if (part === undefined || part === "" || part === ".") continue;
    if (file !== undefined && file.type !== "directory") return undefined;
    if (part === "..") at.pop();
    else at.push(part);
    file = at.length === 0 ? undefined : files.get(at.join("/"));
    if (file === undefined && at.length > 0) return undefined;
    if (file?.type !== "symlink") continue;
    links.push(file);
    if (links.length > MAX_SYMLINKS) return undefined;
    if (file.linkpath.startsWith("/")) at = [];
    else at.pop();
    ahead.push(...file.linkpath.split("/").reverse());
    file = at.length === 0 ? undefined : files.get(at.join("/"));
  }
  // A slash at its end asks for a folder.
  if (path.endsWith("/") && file !== undefined && file.type !== "directory") return undefined;
  return file === undefined ? undefined : { file, links };
}
