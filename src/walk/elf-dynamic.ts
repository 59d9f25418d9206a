import type { ElfHeader } from "../image/elf.js";
import { ElfFields, SEGMENT, type Segment, offsetOf } from "./elf-layout.js";
import type { FileWindow } from "./elf-window.js";

/** As much of a dynamic section as is looked at, in bytes; real ones have some hundred. */
export const MAX_DYNAMIC = 64 * 1024;

const MAX_NEEDED = 1024;
const MAX_NAME = 1024;
/** Libraries, and versions of one library's symbols, that a file may need. */
const MAX_VERSIONS = 2048;

const TAG = {
  end: 0,
  needed: 1,
  strings: 5,
  stringBytes: 10,
  versions: 0x6fff_fffe,
  versionCount: 0x6fff_ffff,
} as const;

/** What a dynamic section tells (System V ABI, "Dynamic Section"; LSB, "Symbol Versioning"). */
export interface DynamicFacts {
  readonly needed: readonly string[];
  /** The newest `GLIBC_x.y` among its version needs, without its prefix. */
  readonly glibc?: string;
}

/** Undefined for a file without a dynamic section, or one that has not been kept. */
export function readDynamic(
  window: FileWindow,
  header: ElfHeader,
  segments: readonly Segment[],
): DynamicFacts | undefined {
  const dynamic = segments.find(({ type }) => type === SEGMENT.dynamic);
  if (dynamic === undefined) return undefined;
  const bytes = window.from(dynamic.offset, Math.min(dynamic.length, MAX_DYNAMIC));
  if (bytes === undefined) return undefined;
  const fields = new ElfFields(bytes, header);
  const word = header.bits / 8;
  const names: number[] = [];
  const values = new Map<number, number>();
  for (let at = 0; at + 2 * word <= fields.length; at += 2 * word) {
    const tag = fields.word(at);
    const value = fields.word(at + word);
    if (tag === TAG.end) break;
    if (tag !== TAG.needed) values.set(tag, value);
    else if (names.length < MAX_NEEDED) names.push(value);
  }
  const strings = offsetOf(segments, values.get(TAG.strings) ?? Number.NaN);
  const stringBytes = values.get(TAG.stringBytes) ?? 0;
  const nameAt = (offset: number): string | undefined =>
    strings === undefined || !(offset < stringBytes)
      ? undefined
      : window.text(strings + offset, MAX_NAME);
  const needed = names.map(nameAt).filter((name) => name !== undefined);
  const versions = offsetOf(segments, values.get(TAG.versions) ?? Number.NaN);
  const glibc =
    versions === undefined
      ? undefined
      : newestGlibc(
          versionNames(window, header, versions, values.get(TAG.versionCount) ?? 0)
            .map(nameAt)
            .filter((name) => name !== undefined),
        );
  return { needed, ...(glibc === undefined ? {} : { glibc }) };
}

/** Where the names of all needed versions are in the string table (`Elf_Verneed`, `Elf_Vernaux`). */
function versionNames(
  window: FileWindow,
  header: ElfHeader,
  start: number,
  count: number,
): readonly number[] {
  const names = new Set<number>();
  // Each step goes forward, or ends; how many there are in all is bounded beside that.
  let steps = 0;
  let library = start;
  for (let index = 0; index < count && steps < MAX_VERSIONS; index += 1, steps += 1) {
    const need = window.at(library, 16);
    if (need === undefined) break;
    const fields = new ElfFields(need, header);
    let version = library + fields.int(8);
    for (let left = fields.half(2); left > 0 && steps < MAX_VERSIONS; left -= 1, steps += 1) {
      const bytes = window.at(version, 16);
      if (bytes === undefined) break;
      const auxiliary = new ElfFields(bytes, header);
      names.add(auxiliary.int(8));
      const next = auxiliary.int(12);
      if (next === 0) break;
      version += next;
    }
    const next = fields.int(12);
    if (next === 0) break;
    library += next;
  }
  return [...names];
}

function newestGlibc(names: readonly string[]): string | undefined {
  const versions = names
    .map((name) => /^GLIBC_(\d{1,3}(?:\.\d{1,3}){1,2})$/.exec(name)?.[1])
    .filter((version) => version !== undefined);
  return versions.toSorted(compareVersions).at(-1);
}

/** Of numbers with dots between them: `2.9` is before `2.34`. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [a.split(".").map(Number), b.split(".").map(Number)];
  for (let index = 0; index < Math.max(left.length, right.length); index += 1) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
