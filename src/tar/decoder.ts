import { type Block, type Doubt, type Fail, readBlock } from "./block.js";
import { paddedSize } from "./header.js";
import { nameOf } from "./name.js";
import { isInt64, isPlainDecimal } from "./number.js";
import {
  RecordRoom,
  type Records,
  checkTimesAndOwners,
  doubtGlobal,
  doubtStrange,
  readRecords,
  recordName,
} from "./records.js";
import { DataMap, OldMap, type Run, checkRuns, mapInRecords, sparseRecords } from "./sparse.js";

/** An entry as Go's archive/tar, and so every engine, reads it. Sizes in bytes. */
export interface DecodedEntry {
  /** As written; bytes that are not UTF-8 as lone surrogates. */
  readonly name: string;
  /** POSIX's typeflag, a file's being `0` however it is written; a folder's `5`. */
  readonly flag: string;
  /** As written, whatever the type. */
  readonly linkname: string;
  readonly mode: number;
  /** Seconds since 1970. */
  readonly mtime: number;
  /** Of the file, holes included; 0 for what has no data. */
  readonly size: number;
  /** What follows in the archive now, without padding. */
  readonly stored: number;
  readonly padding: number;
  /** Of a sparse file, what `stored` is made up of. */
  readonly runs?: readonly Run[];
  /** A character device 0:0, which overlayfs takes as "this name is gone". */
  readonly isNullDevice: boolean;
}

/** What a block leads to. */
export type Step =
  /** A block of zeros; the second ends the archive. */
  | { readonly kind: "zeros" }
  | { readonly kind: "end" }
  /** An extended header's body follows: `size` bytes and their padding. */
  | { readonly kind: "body"; readonly size: number }
  /** A sparse file's map goes on in the next block. */
  | { readonly kind: "map" }
  | { readonly kind: "entry"; readonly entry: DecodedEntry };

/** As Go's archive/tar, and libarchive, limit an extended header's body. */
const MAX_BODY = 1024 * 1024;

/** Of all extended headers of an archive; what they take in reality is far below. */
const MAX_BODIES = 1024 ** 3;

/** What a global header is called by those who write one: its name must not be one that matters. */
const GLOBAL_NAME =
  /^(?:\.\/)*(?:pax_global_header|@PaxHeader|(?:\/?tmp\/|\/?var\/tmp\/)?GlobalHead\.\d+\.\d+|PaxHeaders?(?:\.\d+)?\/[^/]+)$/;

/** Types without data: links, devices, folders, pipes. */
const WITHOUT_DATA = "123456";

const ZEROS = Buffer.alloc(512);

/**
 * The one decoder of tar in the house: blocks in, entries out, and no reading of its own. Every byte
 * means what it means to Go's archive/tar, which the engines are built on: of several extended
 * headers before an entry the last counts, GNU's long names come before a pax path, a global header
 * takes nothing with it but forgets what came before it. What readers differ about, and so no honest
 * program writes, is told as a doubt.
 */
export class TarDecoder {
  readonly #fail: Fail;
  readonly #doubt: Doubt;
  readonly #room = new RecordRoom();
  #bodies = MAX_BODIES;
  #zeros = 0;
  /** Whose body is next. */
  #body: Block | undefined;
  #records: Records | undefined;
  #longName = "";
  #longLink = "";
  /** Types of the extended headers that no entry has come for yet. */
  #pending = "";
  #comment: string | undefined;
  /** The sparse file whose map is being collected. */
  #sparse: { readonly entry: DecodedEntry; readonly map: OldMap | DataMap } | undefined;

  /**
   * @param fail is called for what Go refuses
   * @param doubt is called for what is ambiguous; if it returns, the reading goes on as Go's
   */
  constructor(fail: Fail, doubt: Doubt) {
    this.#fail = fail;
    this.#doubt = doubt;
  }

  /** Of the last global header: git writes the commit there. */
  get comment(): string | undefined {
    return this.#comment;
  }

  /** Takes the next block of 512 bytes: a header, or what a step `map` asked for. */
  block(block: Buffer): Step {
    if (this.#sparse !== undefined) return this.#map(block, false);
    if (block.equals(ZEROS)) {
      this.#zeros += 1;
      if (this.#zeros === 1) return { kind: "zeros" };
      this.end();
      return { kind: "end" };
    }
    if (this.#zeros > 0) this.#fail("a block of zeros stands before a header");
    const header = readBlock(block, this.#fail, this.#doubt);
    const { flag, size } = header;
    if ("xgLK".includes(flag)) {
      if (size < 0) this.#fail("an extended header has a negative size");
      if (size > MAX_BODY) this.#fail(`an extended header has ${size} bytes`);
      this.#bodies -= size;
      if (this.#bodies < 0) this.#fail("its extended headers have more bytes than any archive's");
      this.#body = header;
      return { kind: "body", size };
    }
    return this.#entry(header, block);
  }

  /** Takes the body of an extended header, whole. */
  body(body: Buffer): void {
    const header = this.#body;
    if (header === undefined) throw new Error("No extended header's body was asked for.");
    const { flag } = header;
    this.#body = undefined;
    if (flag === "g") {
      this.#global(header, body);
      return;
    }
    if (this.#pending.includes(flag))
      this.#doubt("two extended headers of one kind follow each other");
    this.#pending += flag;
    if (flag === "x") this.#records = readRecords(body, this.#room, this.#fail, this.#doubt);
    else {
      const end = body.indexOf(0);
      const name = nameOf(end < 0 ? body : body.subarray(0, end));
      if (name === "") this.#doubt("a long name is empty");
      if (end >= 0 && body.subarray(end).some((byte) => byte !== 0)) {
        this.#doubt("a long name has something behind its end");
      }
      if (flag === "L") this.#longName = name;
      else this.#longLink = name;
    }
  }

  /** Says that no block comes any more. */
  end(): void {
    if (this.#pending !== "") this.#doubt("it ends after an extended header without its entry");
    if (this.#sparse !== undefined) this.#fail("it ends inside a sparse file's map");
  }

  /** Go hands it out as an entry of its own, and so forgets what was to be for the next one. */
  #global({ name }: Block, body: Buffer): void {
    const records = readRecords(body, this.#room, this.#fail, this.#doubt);
    if (this.#pending !== "")
      this.#doubt("a global header stands between an extended header and its entry");
    doubtGlobal(records, this.#doubt);
    const called = recordName(records, "path") ?? name;
    // Some engines take away what has its name, and make the folders on the way there.
    if (!GLOBAL_NAME.test(called)) {
      this.#doubt(`a global header is called ${JSON.stringify(called.slice(0, 200))}`);
    }
    this.#comment = recordName(records, "comment");
    this.#forget();
  }

  #forget(): void {
    this.#records = undefined;
    this.#longName = "";
    this.#longLink = "";
    this.#pending = "";
  }

  #entry(header: Block, block: Buffer): Step {
    const records = this.#records;
    const path = recordName(records, "path");
    const linkpath = recordName(records, "linkpath");
    if (records !== undefined) checkTimesAndOwners(records, this.#fail);
    const name = this.#longName || (path ?? header.name);
    const linkname = this.#longLink || (linkpath ?? header.linkname);
    const sized = records === undefined ? header.size : this.#sizeIn(records, header);
    const flag = header.flag === "\0" ? (name.endsWith("/") ? "5" : "0") : header.flag;
    const hasData = !WITHOUT_DATA.includes(flag);
    if ((hasData && sized < 0) || (!WITHOUT_DATA.includes(header.flag) && header.size < 0)) {
      this.#fail("an entry has a negative size");
    }
    if (hasData && !Number.isSafeInteger(sized))
      this.#fail("an entry is larger than anything can be");
    const stored = hasData ? sized : 0;
    this.#doubtEntry(header, { name, flag, size: sized });
    if (this.#longName !== "" && path !== undefined) this.#doubt("it has a long name and a path");
    if (this.#longLink !== "" && linkpath !== undefined)
      this.#doubt("it has two long link targets");
    const isNamed = path !== undefined || this.#longName !== "";
    const isLinked = linkpath !== undefined || this.#longLink !== "";
    if ((header.isNameCut && !isNamed) || (header.isLinkCut && !isLinked)) {
      this.#doubt("there is something behind the end of its name");
    }
    const entry: DecodedEntry = {
      name,
      flag,
      linkname,
      mode: header.mode,
      mtime: header.mtime,
      size: stored,
      stored,
      padding: paddedSize(stored) - stored,
      isNullDevice: header.isNullDevice,
    };
    this.#forget();
    return records === undefined && flag !== "S"
      ? { kind: "entry", entry }
      : this.#extended(header, entry, records, block);
  }

  /** What only some entries are: sparse. */
  #extended(header: Block, entry: DecodedEntry, records: Records | undefined, block: Buffer): Step {
    if (records !== undefined) doubtStrange(records, this.#doubt);
    if (entry.flag === "S") {
      if (header.format !== "gnu") this.#fail("a sparse file is not in GNU's format");
      const map = new OldMap(block, this.#fail);
      this.#sparse = { entry: { ...entry, size: map.size }, map };
      return this.#map(block, true);
    }
    const sparse = sparseRecords(records, this.#fail);
    if (records === undefined || sparse === undefined) {
      const names = [...(records?.keys() ?? [])].some((key) => key.startsWith("GNU.sparse."));
      if (names) this.#doubt("it has records of a sparse file, but not a version that is known");
      return { kind: "entry", entry };
    }
    const { name = entry.name, size = entry.size } = sparse;
    const named = { ...entry, name, size };
    if (sparse.map === "records") return this.#mapped(named, mapInRecords(records, this.#fail));
    this.#sparse = { entry: named, map: new DataMap(this.#fail) };
    return { kind: "map" };
  }

  #map(block: Buffer, isHeader: boolean): Step {
    if (this.#sparse === undefined) throw new Error("No sparse file's map was asked for.");
    const { entry, map } = this.#sparse;
    let { stored } = entry;
    if (map instanceof DataMap) {
      stored -= block.length;
      if (stored < 0) this.#fail("it ends inside a sparse file's map");
    }
    const runs = map instanceof OldMap ? map.add(block, isHeader) : map.add(block);
    const read = { ...entry, stored };
    this.#sparse = runs === undefined ? { entry: read, map } : undefined;
    return runs === undefined ? { kind: "map" } : this.#mapped(read, runs);
  }

  #mapped(entry: DecodedEntry, runs: readonly Run[]): Step {
    if (WITHOUT_DATA.includes(entry.flag)) this.#fail("what is no file has a sparse file's map");
    checkRuns(runs, entry, this.#fail);
    return { kind: "entry", entry: { ...entry, runs } };
  }

  /** The size that a record sets, where there is one. */
  #sizeIn(records: Records, header: Block): number {
    const text = records.get("size") ?? "";
    if (text === "") return header.size;
    if (!isInt64(text)) this.#fail("an extended header has a size that is no number");
    const size = Number(text);
    // Who does not know the record takes the header's.
    const fits = size < 8 ** 11;
    if (!isPlainDecimal(text) || (fits && size !== header.size)) {
      this.#doubt("an extended header gives another size than the header could");
    }
    return size;
  }

  #doubtEntry(
    header: Block,
    { name, flag, size }: Pick<DecodedEntry, "name" | "flag" | "size">,
  ): void {
    if (!"0123456S".includes(flag)) {
      this.#doubt(`an entry has the type ${JSON.stringify(flag)}, which engines do not unpack`);
    }
    if (WITHOUT_DATA.includes(flag) && size !== 0) {
      this.#doubt("something that is no file has a size");
    }
    if (flag !== "5" && name.endsWith("/"))
      this.#doubt("something that is no folder has a folder's name");
    // Such a file is a folder to those who ask the header's own name.
    if (header.flag === "\0" && header.name.endsWith("/") !== name.endsWith("/")) {
      this.#doubt("its header has a folder's name, its extended header a file's");
    }
  }
}
