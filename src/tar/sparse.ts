import type { Fail } from "./block.js";
import { isInt64, numberAt } from "./number.js";
import { type Records, SPARSE_MAP, recordName } from "./records.js";

/** A run of a sparse file that has bytes in the archive; all else of it is zeros. In bytes. */
export interface Run {
  readonly offset: number;
  readonly length: number;
}

/** Bytes of a map, as Go's archive/tar limits them. */
const MAX_MAP = 1024 * 1024;

/** GNU's old map lies in the header: four pairs, and a mark that a block of 21 more follows. */
const OLD_MAP = { at: 386, pairs: 4 } as const;
const OLD_MORE = { at: 0, pairs: 21 } as const;
const PAIR = 24;
const FIELD = 12;
const REAL_SIZE = [483, 12] as const;

/** What records say about a sparse file (GNU tar, "Storing Sparse Files"), as Go reads them. */
export interface SparseRecords {
  /** In the first blocks of the data, or among the records. */
  readonly map: "data" | "records";
  readonly name?: string;
  /** Of the whole file, in bytes. */
  readonly size?: number;
}

/** @returns undefined where Go takes it for a file like others. */
export function sparseRecords(records: Records | undefined, fail: Fail): SparseRecords | undefined {
  if (records === undefined) return undefined;
  const text = (key: string): string => records.get(`GNU.sparse.${key}`) ?? "";
  const version = `${text("major")}.${text("minor")}`;
  const isOld = version === "0.0" || version === "0.1" || (version === "." && text("map") !== "");
  if (!isOld && version !== "1.0") return undefined;
  const name = recordName(records, "GNU.sparse.name");
  const size = text("size") || text("realsize");
  if (size !== "" && !isInt64(size)) fail("a sparse file's size is no number");
  return {
    map: isOld ? "records" : "data",
    ...(name === undefined ? {} : { name }),
    ...(size === "" ? {} : { size: Number(size) }),
  };
}

/** The map of the forms 0.0 and 0.1. */
export function mapInRecords(records: Records, fail: Fail): readonly Run[] {
  const count = records.get("GNU.sparse.numblocks") ?? "";
  const text = records.get(SPARSE_MAP) ?? "";
  const numbers = text === "" ? [] : text.split(",");
  if (!isInt64(count) || Number(count) < 0 || Number(count) * 2 !== numbers.length) {
    fail("a sparse file's map does not have as many runs as it says");
  }
  return runsOf(numbers, fail);
}

/** Collects the map of the form 1.0 from the data's first blocks. */
export class DataMap {
  readonly #fail: Fail;
  readonly #blocks: string[] = [];
  #lines = 0;
  /** Lines of the map, once its first one is there. */
  #wanted: number | undefined;

  constructor(fail: Fail) {
    this.#fail = fail;
  }

  /** @returns the runs, once they are all there. */
  add(block: Buffer): readonly Run[] | undefined {
    this.#blocks.push(block.toString("latin1"));
    if (this.#blocks.length * block.length > MAX_MAP) this.#fail("a sparse file's map is too long");
    for (let at = block.indexOf(10); at >= 0; at = block.indexOf(10, at + 1)) this.#lines += 1;
    if (this.#lines === 0) return undefined;
    this.#wanted ??= this.#count();
    if (this.#lines < this.#wanted) return undefined;
    return runsOf(this.#blocks.join("").split("\n", this.#wanted).slice(1), this.#fail);
  }

  #count(): number {
    const text = this.#blocks.join("");
    const count = text.slice(0, text.indexOf("\n"));
    if (!isInt64(count) || Number(count) < 0) this.#fail("a sparse file's map is no map");
    return 1 + 2 * Number(count);
  }
}

/** Collects GNU's old map from a header and the blocks that follow it. */
export class OldMap {
  readonly #fail: Fail;
  readonly #runs: Run[] = [];
  /** Of the whole file, in bytes. */
  readonly size: number;
  #bytes: number = OLD_MAP.pairs * PAIR + 1;

  constructor(header: Buffer, fail: Fail) {
    this.#fail = fail;
    this.size = this.#number(header, ...REAL_SIZE);
  }

  /** @returns the runs, once they are all there; undefined when another block must come. */
  add(block: Buffer, isHeader: boolean): readonly Run[] | undefined {
    const { at, pairs } = isHeader ? OLD_MAP : OLD_MORE;
    if (!isHeader) this.#bytes += block.length;
    if (this.#bytes >= MAX_MAP) this.#fail("a sparse file's map is too long");
    for (let pair = 0; pair < pairs; pair += 1) {
      const here = at + pair * PAIR;
      if (block[here] === 0) break;
      this.#runs.push({
        offset: this.#number(block, here, FIELD),
        length: this.#number(block, here + FIELD, FIELD),
      });
    }
    return block[at + pairs * PAIR] === 0 ? this.#runs : undefined;
  }

  #number(block: Buffer, at: number, length: number): number {
    return numberAt(block, at, length) ?? this.#fail("a sparse file's map is no map");
  }
}

/** Whether a map is in order, and all that it promises is in the archive: `stored` bytes. */
export function checkRuns(
  runs: readonly Run[],
  { size, stored }: { readonly size: number; readonly stored: number },
  fail: Fail,
): void {
  let end = 0;
  let bytes = 0;
  for (const { offset, length } of runs) {
    if (offset < end || length < 0 || offset + length > size)
      fail("a sparse file's map is out of order");
    end = offset + length;
    bytes += length;
  }
  if (size < 0) fail("a sparse file has a negative size");
  if (bytes !== stored) fail(`a sparse file has ${stored} bytes where its map has ${bytes}`);
}

function runsOf(numbers: readonly string[], fail: Fail): readonly Run[] {
  const runs: Run[] = [];
  for (let at = 0; at < numbers.length; at += 2) {
    const [offset, length] = [numbers[at] ?? "", numbers[at + 1] ?? ""];
    if (!isInt64(offset) || !isInt64(length)) fail("a sparse file's map is no map");
    runs.push({ offset: Number(offset), length: Number(length) });
  }
  return runs;
}
