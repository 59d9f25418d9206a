import {
  type FileHandle,
  access,
  constants,
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
  /** Flushes it to the disk and gives it its final name; removes it where that has been taken. */
  readonly publish: () => Promise<void>;
  /**
   * Closes it and leaves it to the next run; tells under which name. Undefined, and harmless, when it is
   * not there any more.
   */
  readonly keep: () => Promise<string | undefined>;
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
  const discard = async (): Promise<void> => {
    await close().catch(() => undefined);
    if (!gone) await rm(path, { force: true });
    gone = true;
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
      else if (!(await claimName(path, final))) {
        // Whoever went on with it would come to the same end.
        await discard();
        throw exists(final);
      }
      gone = true;
      await syncFolder(folder);
    },
    keep: async () => {
      await close();
      if (gone) return undefined;
      const resting = restingPath(final);
      await rename(path, resting);
      gone = true;
      return resting;
    },
    discard,
  };
}

/** Bytes that the unfinished file of an output already takes, where an earlier run has left one. */
export async function bytesKept(output: string): Promise<number> {
  const left = await leftBehind(resolve(output));
  return left.find(({ usable }) => usable)?.bytes ?? 0;
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

/** False when the name is taken: a hard link fails then, which a rename does not. */
async function claimName(path: string, final: string): Promise<boolean> {
  try {
    await link(path, final);
  } catch (error) {
    const code = systemCode(error);
    if (code === "EEXIST") return false;
    if (!["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"].includes(code ?? "")) throw error;
    // FAT, exFAT and some network shares have no hard links. Two runs that end within the same
    // instant could both pass this look; both files would be whole.
    if ((await lstat(final).catch(() => undefined)) !== undefined) return false;
    await rename(path, final);
    return true;
  }
  await rm(path, { force: true });
  return true;
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
    if (path === undefined || taken || !left.usable) {
      // One that we may not remove harms nobody.
      await rm(left.path, { force: true }).catch(() => undefined);
    } else {
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

interface LeftBehind {
  readonly path: string;
  /** Bytes that it takes on its disk. */
  readonly bytes: number;
  /**
   * Whether it may be written. Not one with a second name: its run was killed just after it had named
   * the archive, which would change under whatever name it has by now.
   */
  readonly usable: boolean;
}

/**
 * Unfinished files of runs that are certainly over: nobody's, of a process that is gone, or, of
 * another host on a shared disk, one in which nothing was written for a day. Largest first.
 */
async function leftBehind(final: string): Promise<readonly LeftBehind[]> {
  const folder = dirname(final);
  const prefix = `${hiddenName(final)}.`;
  const found: LeftBehind[] = [];
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
    const ours = await access(path, constants.R_OK | constants.W_OK).then(
      () => true,
      () => false,
    );
    found.push({ path, bytes: status.blocks * 512, usable: ours && status.nlink === 1 });
  }
  return found.toSorted((a, b) => b.bytes - a.bytes);
}

/** Bytes that a file takes on its disk, which are fewer than its size where it has holes. */
async function allocated(path: string): Promise<number> {
  const { blocks } = await stat(path);
  return blocks * 512;
}
