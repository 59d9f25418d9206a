import {
  type FileHandle,
  link,
  lstat,
  open,
  readdir,
  rename,
  rm,
  stat,
  statfs,
} from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { formatBytes } from "../core/bytes.js";
import { BundlerError, messageOf, systemCode } from "../core/errors.js";
import { isToken, livenessOf, newToken } from "../core/owner.js";

/** How long another host's unfinished file must have been quiet to count as given up, in milliseconds. */
const STALE_MS = 24 * 60 * 60 * 1000;

/** A file being written under a hidden name beside its final one, which it gets when it is whole. */
export interface PartialFile {
  readonly handle: FileHandle;
  /** Where it lies now. */
  readonly path: string;
  /** Whether it holds what an earlier run wrote. */
  readonly resumed: boolean;
  /** Flushes it to the disk and gives it its final name. */
  readonly publish: () => Promise<void>;
  /** Closes it and leaves it to the next run; tells under which name. Harmless after publish. */
  readonly keep: () => Promise<string>;
  /** Closes and removes it. Harmless after publish and keep. */
  readonly discard: () => Promise<void>;
}

export interface PartialOptions {
  /** Replace the output when it exists. */
  readonly force: boolean;
  /** Go on with what an earlier run of the same output left, which is removed otherwise. */
  readonly resume?: boolean;
}

/**
 * Opens a partial file for `size` bytes that will become `output`.
 * @throws BundlerError FILE when the output exists (unless `force`) or its folder cannot be
 *   written; DISK when there is less space than it still needs.
 */
export async function openPartialFile(
  output: string,
  size: number,
  { force, resume = false }: PartialOptions,
): Promise<PartialFile> {
  const final = resolve(output);
  const folder = dirname(final);
  await refuseExisting(final, force);
  const path = join(folder, `${hiddenName(final)}.${newToken()}.partial`);
  const resumed = await takeOver(final, resume ? path : undefined);
  await checkSpace(folder, final, size - (resumed ? await allocated(path) : 0)).catch(
    async (error: unknown) => {
      if (resumed) await rename(path, restingPath(final));
      throw error;
    },
  );
  const handle = await open(path, resumed ? "r+" : "wx+").catch((cause: unknown) => {
    throw new BundlerError("FILE", `Cannot write in ${folder}: ${messageOf(cause)}`, {
      hint: "Create the folder, or give another place with --output.",
      cause,
      details: { file: final },
    });
  });
  let closed = false;
  let gone = false;
  const close = async (): Promise<void> => {
    if (closed) return;
    closed = true;
    await handle.close();
  };
  return {
    handle,
    path,
    resumed,
    publish: async () => {
      // The bytes must be on the disk before the name is: after a power cut the name would stand
      // for a file full of holes.
      await handle.sync();
      await close();
      if (force) await rename(path, final);
      else await claimName(path, final);
      gone = true;
      await syncFolder(folder);
    },
    keep: async () => {
      await close();
      const resting = restingPath(final);
      if (!gone) await rename(path, resting);
      gone = true;
      return resting;
    },
    discard: async () => {
      await close().catch(() => undefined);
      if (!gone) await rm(path, { force: true });
    },
  };
}

/** Bytes that the unfinished file of an output already takes, where an earlier run has left one. */
export async function bytesKept(output: string): Promise<number> {
  const left = await leftBehind(resolve(output));
  return left[0]?.bytes ?? 0;
}

/** What `ENOSPC` means to the reader. `left` is what still had to be written, in bytes. */
export async function diskFull(
  output: string,
  left: number,
  cause: unknown,
): Promise<BundlerError> {
  const folder = dirname(resolve(output));
  const free = await freeSpace(folder);
  return new BundlerError("DISK", `No space left in ${folder} while writing ${basename(output)}.`, {
    hint: `${formatBytes(left)} were still to be written, ${formatBytes(free ?? 0)} are free: free at least ${formatBytes(Math.max(left - (free ?? 0), 0))}, or give another place with --output.`,
    cause,
    details: { file: resolve(output), left, free },
  });
}

/** True for the system's ways to say that no more can be written here. */
export function isDiskFull(code: string | undefined): boolean {
  return code === "ENOSPC" || code === "EDQUOT";
}

async function refuseExisting(final: string, force: boolean): Promise<void> {
  const found = await lstat(final).catch(() => undefined);
  if (found === undefined || (force && (found.isFile() || found.isSymbolicLink()))) return;
  throw force ? new BundlerError("FILE", `${final} is not a regular file.`) : exists(final);
}

function exists(final: string): BundlerError {
  return new BundlerError("FILE", `${final} exists.`, {
    hint: "Use --force to replace it, or give another name with --output.",
    details: { file: final },
  });
}

async function checkSpace(folder: string, final: string, size: number): Promise<void> {
  const free = await freeSpace(folder);
  if (free === undefined || free >= size) return;
  throw new BundlerError(
    "DISK",
    `${basename(final)} needs ${formatBytes(size)}, but ${folder} has ${formatBytes(free)} free.`,
    {
      hint: `Free ${formatBytes(size - free)} there, or give another place with --output.`,
      details: { file: final, needed: size, free },
    },
  );
}

async function freeSpace(folder: string): Promise<number | undefined> {
  const found = await statfs(folder).catch(() => undefined);
  return found === undefined ? undefined : found.bavail * found.bsize;
}

/** A hard link fails when the name is taken, which a rename does not. */
async function claimName(path: string, final: string): Promise<void> {
  try {
    await link(path, final);
  } catch (error) {
    const code = systemCode(error);
    if (code === "EEXIST") throw exists(final);
    if (!["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"].includes(code ?? "")) throw error;
    // FAT, exFAT and some network shares have no hard links. Two runs that end within the same
    // instant could both pass this look; both files would be whole.
    await refuseExisting(final, false);
    await rename(path, final);
    return;
  }
  await rm(path, { force: true });
}

async function syncFolder(folder: string): Promise<void> {
  // Some file systems refuse to open or flush a folder; the file itself is safe by then.
  const handle = await open(folder, "r").catch(() => undefined);
  await handle?.sync().catch(() => undefined);
  await handle?.close();
}

/** What its unfinished files are called, before the token of the run that works on one. */
function hiddenName(final: string): string {
  return `.${basename(final)}`;
}

/** An unfinished file that nobody works on. */
function restingPath(final: string): string {
  return join(dirname(final), `${hiddenName(final)}.partial`);
}

/**
 * Gives the largest unfinished file of runs that are certainly over our name, and removes the others.
 * Renaming is how it is claimed: of several runs, one succeeds. False when there is none.
 * @param path our name; all are removed when it is undefined.
 */
async function takeOver(final: string, path: string | undefined): Promise<boolean> {
  let taken = false;
  for (const left of await leftBehind(final)) {
    if (path === undefined || taken) await rm(left.path, { force: true });
    else {
      taken = await rename(left.path, path).then(
        () => true,
        (error: unknown) => {
          if (systemCode(error) === "ENOENT") return false;
          throw error;
        },
      );
    }
  }
  return taken;
}

/**
 * Unfinished files of runs that are certainly over: nobody's, of a process that is gone, or, of
 * another host on a shared disk, one in which nothing was written for a day. Largest first.
 */
async function leftBehind(
  final: string,
): Promise<readonly { readonly path: string; readonly bytes: number }[]> {
  const folder = dirname(final);
  const prefix = `${hiddenName(final)}.`;
  const found: { path: string; bytes: number }[] = [];
  for (const file of await readdir(folder).catch(() => [])) {
    if (!file.startsWith(prefix) || !file.endsWith(".partial")) continue;
    const path = join(folder, file);
    const token = file.slice(prefix.length, -".partial".length);
    const status = await lstat(path).catch(() => undefined);
    if (status?.isFile() !== true) continue;
    if (path !== restingPath(final)) {
      if (!isToken(token)) continue;
      const liveness = livenessOf(token, status.mtimeMs);
      const quiet = liveness === "silent" && Date.now() - status.mtimeMs > STALE_MS;
      if (liveness !== "dead" && !quiet) continue;
    }
    found.push({ path, bytes: status.blocks * 512 });
  }
  return found.toSorted((a, b) => b.bytes - a.bytes);
}

/** Bytes that a file takes on its disk, which are fewer than its size where it has holes. */
async function allocated(path: string): Promise<number> {
  const { blocks } = await stat(path);
  return blocks * 512;
}
