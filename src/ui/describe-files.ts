import { formatBytes } from "../core/bytes.js";
import { visible } from "../core/invisible.js";
import type { FollowedLink } from "../inspect/final-files.js";
import type { ImageFile, ListedFile } from "../inspect/image-file.js";

const LETTERS: Readonly<Record<ListedFile["type"], string>> = {
  file: "-",
  directory: "d",
  symlink: "l",
  link: "h",
  whiteout: "w",
  other: "?",
};

/**
 * Files of an image, one a line: type, mode, size, layer, path. A line at a time, as an image may
 * have a hundred thousand.
 */
export function* fileLines(files: Iterable<ListedFile>): Generator<string, void, void> {
  for (const { path, type, mode, size, layerIndex, linkpath } of files) {
    const bytes = type === "file" ? formatBytes(size) : "";
    const target = linkpath === undefined ? "" : ` → ${visible(linkpath)}`;
    yield `${LETTERS[type]} ${mode} ${bytes.padStart(11)} ${String(layerIndex).padStart(4)}  ${visible(path)}${target}`;
  }
}

/** What is before the names in a folder. */
export function folderLines({ path, links }: ImageFile): readonly string[] {
  return [...linkLines(links), `/${visible(path)}:`];
}

/** The symbolic links on the way, for whoever wonders why it is another file. */
function linkLines(links: readonly FollowedLink[]): readonly string[] {
  return links.map(({ path, target }) => `/${visible(path)} → ${visible(target)}`);
}
