import { BLOBS_TABLE } from "../bundle/blob-table.js";
import { COMPOSE_FILE, MANIFEST_FILE, SUMS_FILE } from "../bundle/paths.js";
import type { Bundle } from "../bundle/reader.js";
import { utf8Text } from "../core/utf8.js";
import { unifiedDiff } from "./line-diff.js";
import { hasLongSecrets, shownLine } from "./secrets.js";
import { sumsOf } from "./side.js";
import type { FileChange, FileFacts } from "./types.js";

const TOLD_ELSEWHERE: readonly string[] = [MANIFEST_FILE, SUMS_FILE, BLOBS_TABLE];

/** Larger files are told as changed, without their lines. */
const MAX_TEXT = 256 * 1024;

/**
 * The files of two archives, images aside, by their sums in SHA256SUMS. bundle.json and the sums
 * themselves are left out: they say what all else in a diff says.
 * @throws BundlerError INTEGRITY when a file cannot be read.
 */
export async function diffFiles(
  old: Bundle,
  next: Bundle,
  { text }: { readonly text: boolean },
): Promise<readonly FileChange[]> {
  const [before, after] = [await filesOf(old), await filesOf(next)];
  const changes: FileChange[] = [];
  for (const path of [...new Set([...before.keys(), ...after.keys()])].sort()) {
    const [was, is] = [before.get(path), after.get(path)];
    if (was !== undefined && is !== undefined && same(was, is)) continue;
    const lines = text ? await textDiff({ old, next }, path, [was, is]) : undefined;
    changes.push({
      path,
      kind: was === undefined ? "added" : is === undefined ? "removed" : "changed",
      ...(was === undefined ? {} : { old: was }),
      ...(is === undefined ? {} : { new: is }),
      ...(lines === undefined || lines === "" ? {} : { text: lines }),
    });
  }
  return changes;
}

function same(old: FileFacts, next: FileFacts): boolean {
  return old.size === next.size && old.executable === next.executable && old.sha256 === next.sha256;
}

async function filesOf(bundle: Bundle): Promise<ReadonlyMap<string, FileFacts>> {
  const sums = bundle.files.has(SUMS_FILE) ? await sumsOf(bundle) : new Map<string, string>();
  return new Map(
    [...bundle.files].flatMap(([path, { size, executable }]): [string, FileFacts][] => {
      if (TOLD_ELSEWHERE.includes(path) || /^images\/[^/]+\.tar$/.test(path)) return [];
      const sha256 = sums.get(path);
      return [[path, { size, executable, ...(sha256 === undefined ? {} : { sha256 }) }]];
    }),
  );
}

/** The lines that differ of a small text; the tables under site/ repeat bundle.json for the shell. */
async function textDiff(
  { old, next }: { readonly old: Bundle; readonly next: Bundle },
  path: string,
  facts: readonly (FileFacts | undefined)[],
): Promise<string | undefined> {
  const isLarge = facts.some((one) => one !== undefined && one.size > MAX_TEXT);
  if (isLarge || path.startsWith("site/") || path === COMPOSE_FILE) return undefined;
  const [before, after] = await Promise.all(
    [old, next].map(async (bundle) =>
      bundle.files.has(path) ? utf8Text(await bundle.readFile(path, MAX_TEXT)) : "",
    ),
  );
  return before === undefined || after === undefined || [before, after].some(hasLongSecrets)
    ? undefined
    : unifiedDiff(before, after, shownLine);
}
