import { formatMode } from "../core/mode.js";
import type { FinalFile, WalkedImage } from "../walk/types.js";
import type { ImageFileChange, ImageFileFacts, ImageFilesDiff } from "./types.js";

/**
 * The final file systems of one component's two images, by type, mode, link and content. Both are
 * walked with `hashFiles`. When a file was changed, and by whom it is owned, does not count.
 */
export function diffImageFiles(
  old: Pick<WalkedImage, "files">,
  next: Pick<WalkedImage, "files" | "component">,
): ImageFilesDiff {
  const changes: ImageFileChange[] = [];
  let same = 0;
  const paths = new Set([...old.files.keys(), ...next.files.keys()]);
  for (const path of [...paths].sort()) {
    if (path === "") continue;
    const [was, is] = [old.files.get(path), next.files.get(path)];
    if (was !== undefined && is !== undefined && isSame(was, is)) {
      same += 1;
      continue;
    }
    changes.push({
      path,
      kind: was === undefined ? "added" : is === undefined ? "removed" : "changed",
      ...(was === undefined ? {} : { old: factsOf(was) }),
      ...(is === undefined ? {} : { new: factsOf(is) }),
    });
  }
  return { component: next.component, changes, same };
}

function isSame(old: FinalFile, next: FinalFile): boolean {
  return (
    old.type === next.type &&
    old.mode === next.mode &&
    old.linkpath === next.linkpath &&
    old.size === next.size &&
    old.sha256 === next.sha256
  );
}

function factsOf({ type, size, mode, linkpath }: FinalFile): ImageFileFacts {
  return {
    type,
    size,
    mode: formatMode(mode),
    ...(type === "symlink" ? { linkpath } : {}),
  };
}
