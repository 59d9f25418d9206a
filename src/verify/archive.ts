import type { FileHandle } from "node:fs/promises";
import { basename } from "node:path";
import { structureRuns } from "../bundle/blob-table.js";
import { type HashOutcome } from "../bundle/hash-job.js";
import { HashPool } from "../bundle/hash-pool.js";
import { blobDigest } from "../bundle/image-layout.js";
import { SUMS_FILE } from "../bundle/paths.js";
import { parseSums } from "../bundle/sums.js";
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
  /** Of every regular file; of an image tarball only where SHA256SUMS lists it. */
  readonly hashes: ReadonlyMap<string, FileHash>;
  /** The first bytes of a file, at most `length`; undefined when it is not there. */
  readonly head: (path: string, length: number) => Promise<Buffer | undefined>;
  /** A file's bytes. @throws BundlerError INTEGRITY when the archive ends before the file does. */
  readonly stream: (entry: TarEntry) => AsyncIterable<Buffer>;
  /** A whole file; undefined when it is not there, larger than `limit` bytes, or cannot be read. */
  readonly read: (path: string, limit?: number) => Promise<Buffer | undefined>;
}

/** An image tarball. */
export interface TarballFacts extends TarFacts {
  /** The files in it that are named as blobs, in its order. */
  readonly blobs: readonly TarEntry[];
  /** All bytes that are no blob's, one after the other: how many, and their sum. */
  readonly structure: { readonly size: number; readonly hash: FileHash };
}

/** All that rules look at, read in one pass. */
export interface ArchiveFacts extends TarFacts {
  readonly size: number;
  /** The first entry's top folder; empty when there is no entry. */
  readonly root: string;
  /** By their path inside the top folder, `images/redis.tar`. */
  readonly images: ReadonlyMap<string, TarballFacts>;
}

const IMAGE = /^images\/[^/]+\.tar$/;

/** Bytes to be hashed one after the other, and what becomes of their sum. */
interface Job {
  readonly runs: readonly { readonly offset: number; readonly length: number }[];
  readonly into: (hash: FileHash) => void;
}

/**
 * Reads an archive, each byte once: the sha256 of every file, and of an image tarball the sums of its blobs and
 * of its other bytes. Several threads share the work, which begins with the largest. A tarball that
 * SHA256SUMS lists, in archives of the first version, is read for its own sum, too.
 * @throws BundlerError INTERRUPTED
 */
export async function readArchive(
  path: string,
  handle: FileHandle,
  size: number,
  { signal, onBytes }: { signal?: AbortSignal; onBytes: (delta: number) => void },
): Promise<ArchiveFacts> {
  const archive: TarWindow = { handle, name: basename(path), offset: 0, length: size };
  const { entries, faults } = await scanTar(archive, "own");
  const root = entries[0]?.path.split("/")[0] ?? "";
  const inside = entries
    .filter((entry) => entry.path.startsWith(`${root}/`))
    .map((entry) => ({ ...entry, path: entry.path.slice(root.length + 1) }));
  const jobs: Job[] = [];
  const hashes = new Map<string, FileHash>();
  const images = new Map<string, TarballFacts>();
  const facts = tarFacts(archive, inside, faults, hashes);
  const listed = parseSums((await facts.read(SUMS_FILE))?.toString("utf8") ?? "").sums;
  for (const entry of facts.files.values()) {
    const window = windowOf(archive, entry);
    const isTarball = IMAGE.test(entry.path);
    if (!isTarball || listed.has(entry.path)) {
      jobs.push({ runs: [window], into: (hash) => hashes.set(entry.path, hash) });
    }
    if (isTarball) images.set(entry.path, await readTarball(window, jobs));
  }
  const total = jobs.reduce((sum, { runs }) => sum + lengthOf(runs), 0);
  let [done, told] = [0, 0];
  await runJobs(handle, jobs, signal, (delta) => {
    done += delta;
    // What is read twice counts half.
    const part = total === 0 ? 0 : Math.floor((done / total) * size);
    onBytes(part - told);
    told = part;
  });
  return { ...facts, size, root, images, entries };
}

async function readTarball(window: TarWindow, jobs: Job[]): Promise<TarballFacts> {
  const { entries, faults } = await scanTar(window, "own");
  const hashes = new Map<string, FileHash>();
  const facts = tarFacts(window, entries, faults, hashes);
  const inFile = (run: {
    readonly offset: number;
    readonly length: number;
  }): Job["runs"][number] => ({
    offset: window.offset + run.offset,
    length: run.length,
  });
  for (const { path, dataOffset, size } of facts.files.values()) {
    jobs.push({
      runs: [inFile({ offset: dataOffset, length: size })],
      into: (hash) => hashes.set(path, hash),
    });
  }
  const blobs = entries.filter(
    ({ path, type }) => type === "file" && blobDigest(path) !== undefined,
  );
  const places = blobs.map(({ dataOffset, size }) => ({ offset: dataOffset, size }));
  const runs = structureRuns(places, window.length).map(inFile);
  const structure: { readonly size: number; hash: FileHash } = {
    size: lengthOf(runs),
    hash: { unreadable: "It was not read." },
  };
  jobs.push({
    runs,
    into: (hash) => {
      structure.hash = hash;
    },
  });
  return { ...facts, blobs, structure };
}

async function runJobs(
  { fd }: FileHandle,
  jobs: readonly Job[],
  signal: AbortSignal | undefined,
  onBytes: (delta: number) => void,
): Promise<void> {
  const pool = new HashPool(signal);
  try {
    await Promise.all(
      jobs
        .toSorted((a, b) => lengthOf(b.runs) - lengthOf(a.runs))
        .map(async ({ runs, into }) => {
          const sources = runs.map(({ offset, length }) => ({ fd, offset, length }));
          into(fileHash(await pool.run({ sources }, onBytes)));
        }),
    );
  } finally {
    await pool.close();
  }
}

function lengthOf(runs: Job["runs"]): number {
  return runs.reduce((sum, { length }) => sum + length, 0);
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
