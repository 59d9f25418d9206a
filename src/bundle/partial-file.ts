import { createHash, randomBytes } from "node:crypto";
import { readlinkSync } from "node:fs";
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
import { hostname } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { formatBytes } from "../core/bytes.js";
import { BundlerError, messageOf, systemCode } from "../core/errors.js";

const STALE_MS = 24 * 60 * 60 * 1000;

/** A file being written under a hidden name beside its final one, which it gets when it is whole. */
export interface PartialFile {
  readonly handle: FileHandle;
  /** Where it lies now. */
  readonly path: string;
  /** Flushes it to the disk and gives it its final name. */
  readonly publish: () => Promise<void>;
  /** Closes and removes it. Harmless after publish. */
  readonly discard: () => Promise<void>;
}

/**
 * Opens a partial file for `size` bytes that will become `output`, and removes what killed runs
 * left of the same output.
 * @throws BundlerError FILE when the output exists (unless `force`) or its folder cannot be
 *   written; DISK when there is less space than `size`.
 */
export async function openPartialFile(
  output: string,
  size: number,
  force: boolean,
): Promise<PartialFile> {
  const final = resolve(output);
  const folder = dirname(final);
  await refuseExisting(final, force);
  await removeStale(folder, basename(final));
  await checkSpace(folder, final, size);
  const path = join(folder, partialName(basename(final)));
  const handle = await open(path, "wx+").catch((cause: unknown) => {
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
    discard: async () => {
      await close().catch(() => undefined);
      if (!gone) await rm(path, { force: true });
    },
  };
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

function partialName(name: string): string {
  return `.${name}.${processSpace()}-${process.pid}-${randomBytes(4).toString("hex")}.partial`;
}

/** Names the set of processes that our process id is unique in: this host, this container. */
function processSpace(): string {
  let namespace = "";
  try {
    namespace = readlinkSync("/proc/self/ns/pid");
  } catch {
    // Not Linux.
  }
  return createHash("sha256").update(`${hostname()} ${namespace}`).digest("hex").slice(0, 8);
}

/**
 * Removes partial files of runs that are certainly over: their process is gone from our own
 * process space, or, for another host on a shared disk, nothing was written for a day.
 */
async function removeStale(folder: string, name: string): Promise<void> {
  const prefix = `.${name}.`;
  for (const file of await readdir(folder).catch(() => [])) {
    if (!file.startsWith(prefix)) continue;
    const [, space, pid] =
      /^([0-9a-f]{8})-(\d+)-[0-9a-f]{8}\.partial$/.exec(file.slice(prefix.length)) ?? [];
    if (pid === undefined) continue;
    const path = join(folder, file);
    const found = await stat(path).catch(() => undefined);
    if (found === undefined) continue;
    const over =
      space === processSpace() ? !isAlive(Number(pid)) : Date.now() - found.mtimeMs > STALE_MS;
    if (over) await rm(path, { force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemCode(error) !== "ESRCH";
  }
}
