import { formatBytes } from "../core/bytes.js";
import type {
  FileChange,
  FileFacts,
  ImageFileFacts,
  ImageFilesDiff,
  PackagesDiff,
} from "../diff/types.js";
import { SIGNS, oneLine } from "./diff-words.js";

/** Files of the bundles, each with its lines that differ where there are any. */
export function fileLines(files: readonly FileChange[]): readonly string[] {
  return files.flatMap(({ path, kind, old, new: next, text }) => [
    `${SIGNS[kind]} ${oneLine(path)}  ${arrow([old, next].map(fileText))}`,
    ...(text === undefined
      ? []
      : text
          .trimEnd()
          .split("\n")
          .map((line) => `    ${line}`)),
  ]);
}

function fileText(file: FileFacts | undefined): string | undefined {
  return file && `${formatBytes(file.size)}${file.executable ? ", executable" : ""}`;
}

export function packageLines({ changes }: PackagesDiff): readonly string[] {
  return changes.map(
    ({ type, name, kind, old, new: next }) =>
      `${SIGNS[kind]} ${type} ${oneLine(name)}  ${arrow([old, next].map((all) => (all.length === 0 ? undefined : oneLine(all.join(", ")))))}`,
  );
}

export function imageFileLines({ changes }: ImageFilesDiff): readonly string[] {
  return changes.map(
    ({ path, kind, old, new: next }) =>
      `${SIGNS[kind]} /${oneLine(path)}  ${arrow([old, next].map(imageFileText))}`,
  );
}

function imageFileText(file: ImageFileFacts | undefined): string | undefined {
  if (file === undefined) return undefined;
  const { type, mode, size, linkpath } = file;
  if (type === "symlink") return `→ ${oneLine(linkpath ?? "")}`;
  return type === "file" ? `${mode} ${formatBytes(size)}` : `${mode} ${type}`;
}

/** `old → new`, one of them where they read the same. */
function arrow(values: readonly (string | undefined)[]): string {
  const [old, next] = values;
  if (old === next) return `${old ?? ""}, other content`;
  return values.filter((value) => value !== undefined).join(" → ");
}
