import type { FileHandle } from "node:fs/promises";
import { basename } from "node:path";
import { type HashOutcome } from "../bundle/hash-job.js";
import { HashPool } from "../bundle/hash-pool.js";
import { LIMITS } from "../core/limits.js";
import { type TarEntry, type TarFault, scanTar } from "../tar/scan.js";
import { type TarWindow, readAt, streamWindow, windowOf } from "../tar/window.js";

/** The sha256 of a file in an archive, or why it could not be read. */
type FileHash = { readonly sha256: string } | { readonly unreadable: string };

/** A tar, what is wrong with its structure, and the bytes of its files. */
export interface TarFacts {
  readonly name: string;
  readonly entries: readonly TarEntry[];
  readonly faults: readonly TarFault[];
  /** Regular files by path. */
  readonly files: ReadonlyMap<string, TarEntry>;
  /** Of every regular file. */
  readonly hashes: ReadonlyMap<string, FileHash>;
  /** The first bytes of a file, at most `length`; undefined when it is not there. */
  readonly head: (path: string, length: number) => Promise<Buffer | undefined>;
  /** A file's bytes. @throws BundlerError INTEGRITY when the archive ends before the file does. */
  readonly stream: (entry: TarEntry) => AsyncIterable<Buffer>;
  /** A whole file; undefined when it is not there, larger than `limit` bytes, or cannot be read. */
  readonly read: (path: string, limit?: number) => Promise<Buffer | undefined>;
}

/** All that rules look at, read in one pass. */
export interface ArchiveFacts extends TarFacts {
  readonly size: number;
  /** The first entry's top folder; empty when there is no entry. */
  readonly root: string;
  /** By their path inside the top folder, `images/redis.tar`. */
  readonly images: ReadonlyMap<string, TarFacts>;
}

const IMAGE = /^images\/[^/]+\.tar$/;

/**
 * Reads an archive once: the sha256 of every file, and of every file in every image tarball. The
 * two hashes of a tarball's bytes are jobs of their own, which two threads do side by side in the
 * same stretch of the file, so that the disk is read once and neither waits for the other.
 * @throws BundlerError INTERRUPTED
 */
export async function readArchive(
  path: string,
  handle: FileHandle,
  size: number,
  { signal, onBytes }: { signal?: AbortSignal; onBytes: (delta: number) => void },
): Promise<ArchiveFacts> {
  const pool = new HashPool(signal);
  try {
    const archive: TarWindow = { handle, name: basename(path), offset: 0, length: size };
    const { entries, faults } = await scanTar(archive, "own");
    const root = entries[0]?.path.split("/")[0] ?? "";
    const inside = entries
      .filter((entry) => entry.path.startsWith(`${root}/`))
      .map((entry) => ({ ...entry, path: entry.path.slice(root.length + 1) }));
    const hashing: Promise<unknown>[] = [];
    const hashes = new Map<string, FileHash>();
    const images = new Map<string, TarFacts>();
    const hash = (window: TarWindow, into: (hash: FileHash) => void, counted: boolean): void => {
      const { offset, length } = window;
      const job = { sources: [{ fd: handle.fd, offset, length }] };
      const done = pool.run(job, counted ? onBytes : undefined).then((outcome) => {
        into(fileHash(outcome));
      });
      // Reported by the await below; until then it must not count as unhandled.
      done.catch(() => undefined);
      hashing.push(done);
    };
    for (const entry of inside) {
      if (entry.type !== "file") continue;
      const window = windowOf(archive, entry);
      hash(window, (found) => hashes.set(entry.path, found), true);
      if (!IMAGE.test(entry.path)) continue;
      const scan = await scanTar(window, "own");
      const inner = new Map<string, FileHash>();
      images.set(entry.path, tarFacts(window, scan.entries, scan.faults, inner));
      for (const file of scan.entries) {
        if (file.type !== "file") continue;
        hash(windowOf(window, file), (found) => inner.set(file.path, found), false);
      }
    }
    await Promise.all(hashing);
    const facts = tarFacts(archive, inside, faults, hashes);
    return { ...facts, size, root, images, entries };
  } finally {
    await pool.close();
  }
}

function tarFacts(
  window: TarWindow,
  entries: readonly TarEntry[],
  faults: readonly TarFault[],
  hashes: ReadonlyMap<string, FileHash>,
): TarFacts {
  const files = new Map(
    entries.filter(({ type }) => type === "file").map((entry) => [entry.path, entry]),
  );
  const head = async (path: string, length: number): Promise<Buffer | undefined> => {
    const entry = files.get(path);
    if (entry === undefined) return undefined;
    const part = windowOf(window, entry);
    return readAt(part, 0, Math.min(length, part.length)).catch(() => undefined);
  };
  return {
    name: window.name,
    entries,
    faults,
    files,
    hashes,
    head,
    stream: (entry) => streamWindow(windowOf(window, entry)),
    read: async (path, limit = LIMITS.text) => {
      const entry = files.get(path);
      return entry === undefined || entry.size > limit ? undefined : head(path, entry.size);
    },
  };
}

function fileHash(outcome: HashOutcome): FileHash {
  return "failure" in outcome ? { unreadable: outcome.failure.message } : outcome;
}
