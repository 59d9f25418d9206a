import { Pax } from "tar";
import { type TarWindow, readAt } from "./window.js";

/** More than any name takes, and little enough to hold in memory. */
export const MAX_EXTENSION_BYTES = 1024 * 1024;
const EXTENSIONS = [
  "ExtendedHeader",
  "OldExtendedHeader",
  "GlobalExtendedHeader",
  "NextFileHasLongPath",
  "NextFileHasLongLinkpath",
];

/** What pax headers and GNU long names say about entries still to come (POSIX.1-2001 pax; GNU tar, "Basic Tar Format"). */
export class PendingExtensions {
  #local: Pax | undefined;
  #global: Pax | undefined;

  static isExtension(kind: string): boolean {
    return EXTENSIONS.includes(kind);
  }

  /** For the next entry only. */
  get local(): Pax | undefined {
    return this.#local;
  }

  /** For all entries that follow. */
  get global(): Pax | undefined {
    return this.#global;
  }

  get empty(): boolean {
    return this.#local === undefined;
  }

  /** Reads an extension's data. Answers what is wrong with it, if anything. */
  async add(
    kind: string,
    at: TarWindow & { readonly dataOffset: number; readonly size: number },
  ): Promise<string | undefined> {
    if (at.size > MAX_EXTENSION_BYTES) return `an extended header has ${at.size} bytes`;
    return this.apply(kind, await readAt(at, at.dataOffset, at.size));
  }

  /** Takes in an extension's whole data. Answers what is wrong with it, if anything. */
  apply(kind: string, data: Buffer): string | undefined {
    const body = data.toString("utf8");
    if (kind.startsWith("NextFile")) {
      const field = kind === "NextFileHasLongPath" ? "path" : "linkpath";
      const value = body.replace(/\0[^]*$/, "");
      this.#local = Object.assign(this.#local ?? new Pax({}), { [field]: value });
      return undefined;
    }
    // A sparse file's data is not what its size says; images never hold any at this level.
    if (body.includes("GNU.sparse.")) return "a sparse file is not understood";
    if (kind === "GlobalExtendedHeader") this.#global = Pax.parse(body, this.#global, true);
    else this.#local = Pax.parse(body, this.#local);
    return undefined;
  }

  /** The entry that they were for has been read. */
  clear(): void {
    this.#local = undefined;
  }
}
