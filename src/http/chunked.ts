/** The longest line between chunks, and all trailers together, in bytes. */
const LINE_LIMIT = 4096;

/** A size without leading surprises; extensions are passed over. */
const SIZE = /^([0-9A-Fa-f]{1,12})(?:[\t ]*;[\t\x20-\x7e\x80-\xff]*)?$/;

/** Takes the chunks of a body apart (RFC 9112, section 7.1), strictly: every line ends with CR LF. */
export class ChunkReader {
  #state: "size" | "data" | "end" | "trailer" | "done" = "size";
  #line = "";
  #left = 0;
  #trailers = 0;

  get done(): boolean {
    return this.#state === "done";
  }

  /**
   * The body's bytes among the next ones of the connection, as parts of these.
   * @throws Error for what is no chunked body, and for bytes behind its end.
   */
  take(bytes: Uint8Array): readonly Uint8Array[] {
    const found: Uint8Array[] = [];
    for (let at = 0; at < bytes.length;) {
      if (this.#state === "data") {
        const part = bytes.subarray(at, at + this.#left);
        found.push(part);
        at += part.length;
        this.#left -= part.length;
        if (this.#left === 0) this.#state = "end";
        continue;
      }
      if (this.#state === "done") throw new Error("there is more than was told");
      this.#line += String.fromCharCode(bytes[at] ?? 0);
      at += 1;
      if (this.#line.endsWith("\n")) this.#endLine();
      else if (this.#line.length > LINE_LIMIT) throw new Error("a line between chunks is endless");
    }
    return found;
  }

  #endLine(): void {
    const line = this.#line.slice(0, -2);
    if (!this.#line.endsWith("\r\n") || /[\r\n]/.test(line)) {
      throw new Error("a line between chunks does not end as it should");
    }
    this.#line = "";
    if (this.#state === "size") {
      const [, size] = SIZE.exec(line) ?? [];
      if (size === undefined) throw new Error("a chunk has no size");
      this.#left = Number.parseInt(size, 16);
      this.#state = this.#left === 0 ? "trailer" : "data";
    } else if (this.#state === "end") {
      if (line !== "") throw new Error("a chunk is longer than was told");
      this.#state = "size";
    } else {
      this.#trailers += line.length;
      if (this.#trailers > LINE_LIMIT) throw new Error("the trailers are endless");
      if (line === "") this.#state = "done";
    }
  }
}
