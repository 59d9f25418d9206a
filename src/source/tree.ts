import { formatBytes } from "../core/bytes.js";
import { BundlerError } from "../core/errors.js";
import { pathProblem } from "../tar/header.js";

/** The most entries of a tree, folders that are only implied included. */
const MAX_ENTRIES = 200_000;

/** The most bytes of all files. */
const MAX_BYTES = 8 * 1024 ** 3;

/** Linux takes no longer ones. */
const MAX_PATH_BYTES = 4095;
const MAX_NAME_BYTES = 255;

/** An archive's entry, as it says itself. */
export interface RawEntry {
  readonly path: string;
  readonly type: "file" | "directory" | "symlink";
  /** Bytes; 0 but for files. */
  readonly size: number;
  /** Of a symbolic link. */
  readonly linkpath?: string;
}

/** Errors of one archive, which all name the source and the file. */
export type Refuse = (why: string) => BundlerError;

export function refuseFor(name: string, file: string): Refuse {
  return (why) =>
    new BundlerError("INTEGRITY", `Source ${name}: ${file}: ${why}.`, {
      hint: `If another archive of the same source is in order, give it by hand: --source ${name}=FILE.`,
      details: { source: name, file },
    });
}

/**
 * The tree that an archive's entries make up, taken in one by one. What could be unpacked to another
 * place than it says, or differently by two tools, is refused: paths and links that lead out, paths
 * that go through a link, a path that occurs twice (but for folders).
 */
export class Tree {
  readonly #strip: number;
  readonly #refuse: Refuse;
  readonly #types = new Map<string, RawEntry["type"] | "implied">();
  #bytes = 0;
  #seen = 0;

  /** @param strip leading folders to take off. */
  constructor(strip: number, refuse: Refuse) {
    this.#strip = strip;
    this.#refuse = refuse;
  }

  /**
   * @returns the entry's path in the tree; undefined for one that is not part of it, as it lies in
   *   what is stripped, or is a folder that is there already.
   * @throws BundlerError INTEGRITY
   */
  add(entry: RawEntry): string | undefined {
    this.#count(entry);
    // `tar -C dir .` writes such paths.
    const whole = entry.path.replace(/^(?:\.\/)+/, "").replace(/\/+$/, "");
    if (entry.type === "directory" && (whole === "" || whole === ".")) return undefined;
    const refuse = (why: string): BundlerError =>
      this.#refuse(`the entry ${quoted(entry.path)} is refused: ${why}`);
    const problem = pathProblem(whole) ?? lengthProblem(whole);
    if (problem !== undefined) throw refuse(problem);
    const parts = whole.split("/").slice(this.#strip);
    if (parts.length === 0) return undefined;
    const path = parts.join("/");
    if (entry.type === "symlink") {
      const wrong = linkProblem(entry.linkpath ?? "", parts.length - 1);
      if (wrong !== undefined) throw refuse(wrong);
    }
    const known = this.#types.get(path);
    if (known !== undefined) {
      const isFolder = known === "implied" || known === "directory";
      if (!isFolder || entry.type !== "directory") throw refuse("its path occurs twice");
      this.#types.set(path, "directory");
      return known === "implied" ? path : undefined;
    }
    this.#addFolders(parts, refuse);
    this.#types.set(path, entry.type);
    if (this.#types.size > MAX_ENTRIES) throw this.#tooMany();
    return path;
  }

  #count({ size }: RawEntry): void {
    this.#seen += 1;
    this.#bytes += size;
    if (this.#seen > MAX_ENTRIES) throw this.#tooMany();
    if (this.#bytes > MAX_BYTES) {
      throw this.#refuse(`it unpacks to more than the ${formatBytes(MAX_BYTES)} allowed`);
    }
  }

  #tooMany(): BundlerError {
    return this.#refuse(`it has more than the ${MAX_ENTRIES} entries allowed`);
  }

  /** Those that are known have been through this. */
  #addFolders(parts: readonly string[], refuse: Refuse): void {
    for (let depth = parts.length - 1; depth > 0; depth -= 1) {
      const folder = parts.slice(0, depth).join("/");
      const type = this.#types.get(folder);
      if (type === "directory" || type === "implied") return;
      if (type !== undefined) throw refuse(`${quoted(folder)} is a ${type}, not a folder`);
      this.#types.set(folder, "implied");
      if (this.#types.size > MAX_ENTRIES) throw this.#tooMany();
    }
  }
}

/** For messages: names are the archive's choice. */
export function quoted(text: string): string {
  const json = JSON.stringify(text);
  return json.length > 300 ? `${json.slice(0, 300)}…"` : json;
}

function lengthProblem(path: string): string | undefined {
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) return "it is too long for a path";
  const tooLong = path.split("/").some((part) => Buffer.byteLength(part) > MAX_NAME_BYTES);
  return tooLong ? "a part of it is too long for a name" : undefined;
}

/**
 * Whether a link may lead out. `..` is taken at the beginning alone, where it climbs real folders
 * (a path through a link is refused); behind a name it would climb from wherever that name, perhaps
 * another link, leads to.
 * @param depth of the folder that the link is in.
 */
function linkProblem(target: string, depth: number): string | undefined {
  if (target === "") return "it links to nothing";
  if (target.startsWith("/")) return `it links to the absolute path ${quoted(target)}`;
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  const isOdd = /[\u0000-\u001f\u007f\\\ufffd\udc80-\udcff]/.test(target);
  if (isOdd || Buffer.byteLength(target) > MAX_PATH_BYTES) {
    return "it links to a path with a backslash, control characters or bytes that are not UTF-8, or to one that is too long";
  }
  const parts = target.split("/").filter((part) => part !== "" && part !== ".");
  const named = parts.findIndex((part) => part !== "..");
  const climbs = named < 0 ? parts.length : named;
  if (climbs > depth) return `it links out of the archive, to ${quoted(target)}`;
  return parts.slice(climbs).includes("..")
    ? `it links to ${quoted(target)}, which has .. in its middle`
    : undefined;
}
