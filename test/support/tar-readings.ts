import { crc32 } from "node:zlib";
import { BundlerError } from "../../src/core/errors.js";
import { type StreamedEntry, TarStreamReader } from "../../src/tar/stream.js";

/** What a tar holds, to whoever reads it. Names are bytes as Latin-1. */
export interface Reading {
  /** `path type size link sum`, each. */
  readonly entries: readonly string[];
  readonly isRefused: boolean;
}

/** Larger files are not summed up: they are holes. */
const MOST = 2 ** 26;

export interface OurReading extends Reading {
  readonly doubts: readonly string[];
}

/** How our own decoder reads a tar, doubts noted and passed over. */
export function ours(bytes: Buffer): OurReading {
  const entries: string[] = [];
  const doubts: string[] = [];
  const tell = ({ path, type, size, mode, linkpath }: StreamedEntry, sum: number): void => {
    entries.push(line({ path: bytesOf(path), type, size, mode, link: bytesOf(linkpath), sum }));
  };
  const reader = new TarStreamReader({
    name: "tar",
    headBytes: 7,
    onEntry: (entry) => {
      if (entry.type !== "file") tell(entry, 0);
    },
    // A file counts when it is whole.
    follow: (entry, head) => {
      let sum = crc32(head);
      return {
        write: (chunk) => {
          if (entry.size <= MOST) sum = crc32(chunk, sum);
        },
        end: () => tell(entry, entry.size <= MOST ? sum : 0),
      };
    },
    onDoubt: (message) => doubts.push(message),
  });
  try {
    reader.write(bytes);
    reader.end();
    return { entries, isRefused: false, doubts };
  } catch (error) {
    if (!(error instanceof BundlerError)) throw error;
    return { entries, isRefused: true, doubts: [...doubts, error.message] };
  }
}

/** The bytes of a name, as Latin-1; lone surrogates are bytes that are not UTF-8. */
function bytesOf(name: string): string {
  return name.replace(/[\ud800-\udbff][\udc00-\udfff]|[^]/gu, (char) => {
    const code = char.codePointAt(0) ?? 0;
    return code >= 0xdc80 && code <= 0xdcff
      ? String.fromCharCode(code - 0xdc00)
      : Buffer.from(char).toString("latin1");
  });
}

export function line({
  path,
  type,
  size,
  mode,
  link,
  sum,
}: {
  readonly path: string;
  readonly type: string;
  readonly size: number;
  readonly mode: number;
  readonly link: string;
  readonly sum: number;
}): string {
  return JSON.stringify([
    path,
    type,
    type === "file" ? size : 0,
    mode & 0o7777,
    link,
    type === "file" ? sum : 0,
  ]);
}
