import { open } from "node:fs/promises";
import { pipeline } from "node:stream";
import { createGunzip } from "node:zlib";
import { BundlerError, interrupted, messageOf } from "../core/errors.js";
import { ByteReader } from "./byte-reader.js";
import { TOO_DENSE, mostUnpacked } from "./ratio.js";
import type { DecodedEntry } from "../tar/decoder.js";
import { TarStream } from "./tar-stream.js";
import { type RawEntry, type Refuse, Tree, quoted } from "./tree.js";
import type { SourceEntry } from "./types.js";

interface Reading {
  readonly path: string;
  readonly gzip: boolean;
  readonly refuse: Refuse;
  /** What git must have written into the global header. */
  readonly commit?: string;
  readonly strip: number;
  readonly signal: AbortSignal;
}

/**
 * The tree of a tar, plain or gzip, in the order of its entries. It is read once, so what is wrong
 * with its end shows when its beginning has been given out: nothing may be made of it before the
 * last entry has come.
 * @throws BundlerError INTEGRITY, INTERRUPTED; what the file system threw.
 */
export async function* tarEntries(reading: Reading): AsyncGenerator<SourceEntry, void, void> {
  const { refuse, strip, signal } = reading;
  const bytes = new ByteReader(unpack(reading));
  try {
    const stream = new TarStream(bytes, refuse);
    const tree = new Tree(strip, refuse);
    for (let first = true; ; first = false) {
      const header = await stream.next();
      if (first) checkCommit(stream.comment, reading);
      if (header === undefined) return;
      if (signal.aborted) throw interrupted();
      const raw = rawOf(header, refuse);
      const path = tree.add(raw);
      if (path === undefined) continue;
      const turn = { over: false };
      yield {
        path,
        type: raw.type,
        executable: raw.type === "file" && (header.mode & 0o100) !== 0,
        size: raw.size,
        ...(raw.linkpath === undefined ? {} : { linkpath: raw.linkpath }),
        content: () => contentOf(stream, raw, turn),
      };
      turn.over = true;
    }
  } finally {
    await bytes.close();
  }
}

/** The stream is at this entry for one turn, and goes by once. */
async function* contentOf(
  stream: TarStream,
  { type, path }: RawEntry,
  turn: { over: boolean; read?: boolean },
): AsyncGenerator<Uint8Array, void, void> {
  if (type !== "file") return;
  const check = (bad: boolean): void => {
    if (bad) throw new BundlerError("INTERNAL", `${quoted(path)} was read out of its turn.`);
  };
  check(turn.over || turn.read === true);
  turn.read = true;
  for await (const chunk of stream.data()) {
    yield chunk;
    check(turn.over);
  }
}

function checkCommit(comment: string | undefined, { commit, refuse }: Reading): void {
  if (commit === undefined || comment === commit) return;
  const found =
    comment === undefined ? "it carries no commit" : `it is of commit ${quoted(comment)}`;
  throw refuse(`${found}, expected ${commit}, which git writes into its first header`);
}

function rawOf({ name, linkname, flag, size }: DecodedEntry, refuse: Refuse): RawEntry {
  switch (flag) {
    case "0":
      return { path: name, type: "file", size };
    case "1":
      throw refuse(
        `the entry ${quoted(name)} is a hard link to ${quoted(linkname)}, which is not understood: pack it with --hard-dereference`,
      );
    case "2":
      return { path: name, type: "symlink", size: 0, linkpath: linkname };
    case "5":
      return { path: name, type: "directory", size: 0 };
    default:
      throw refuse(
        `the entry ${quoted(name)} is neither a file nor a folder nor a link (type ${quoted(flag)})`,
      );
  }
}

async function* unpack({
  path,
  gzip,
  refuse,
  signal,
}: Reading): AsyncGenerator<Uint8Array, void, void> {
  const handle = await open(path);
  try {
    const most = gzip ? mostUnpacked((await handle.stat()).size) : Number.POSITIVE_INFINITY;
    const packed = handle.createReadStream({ autoClose: false, highWaterMark: 256 * 1024 });
    // Errors of either stream come out of the last one; ending early ends both.
    const chunks = gzip
      ? pipeline(packed, createGunzip({ chunkSize: 256 * 1024 }), () => undefined)
      : packed;
    let size = 0;
    for await (const chunk of chunks as AsyncIterable<Uint8Array>) {
      if (signal.aborted) throw interrupted();
      size += chunk.length;
      if (size > most) throw refuse(TOO_DENSE);
      yield chunk;
    }
  } catch (error) {
    const isZlib = error instanceof Error && "code" in error && String(error.code).startsWith("Z_");
    throw isZlib ? refuse(`its gzip is damaged or was cut short (${messageOf(error)})`) : error;
  } finally {
    await handle.close();
  }
}
