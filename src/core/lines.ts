import { StringDecoder } from "node:string_decoder";

export interface LineSplitter {
  push(chunk: Uint8Array): void;
  /** Gives out what came after the last line break. */
  end(): void;
}

/**
 * Cuts UTF-8 bytes into lines, at LF or CRLF. Of a line longer than `longest` characters the rest is
 * dropped, so that a program that writes no line breaks cannot fill the memory.
 */
export function splitLines(onLine: (line: string) => void, longest = 1024 * 1024): LineSplitter {
  const decoder = new StringDecoder("utf8");
  let open = "";
  let started = false;

  const extend = (text: string): void => {
    started = started || text !== "";
    if (open.length < longest) open += text.slice(0, longest - open.length);
  };
  const close = (): void => {
    const line = open.endsWith("\r") ? open.slice(0, -1) : open;
    open = "";
    started = false;
    onLine(line);
  };
  const take = (text: string): void => {
    let from = 0;
    for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", from)) {
      extend(text.slice(from, at));
      close();
      from = at + 1;
    }
    extend(text.slice(from));
  };

  return {
    push: (chunk) => take(decoder.write(chunk)),
    end: () => {
      take(decoder.end());
      if (started) close();
    },
  };
}
