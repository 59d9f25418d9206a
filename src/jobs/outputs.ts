import { access, mkdir, readdir, rm, stat, statfs } from "node:fs/promises";
import path from "node:path";
import { type AcquireContext, Acquisition, packedComponents } from "../acquire/acquisition.js";
import { bytesKept } from "../bundle/partial-file.js";
import { bundleRoot } from "../bundle/paths.js";
import { formatBytes } from "../core/bytes.js";
import type { Digest } from "../core/digest.js";
import { BundlerError, messageOf, systemCode } from "../core/errors.js";
import { isToken, livenessOf, newToken } from "../core/owner.js";
import type { Definition } from "../definition/types.js";
import type { PlatformLock } from "../plan/types.js";
import type { Store } from "../store/store.js";

/** Where one archive goes, and what it is made of. */
export interface Claimed {
  readonly lock: PlatformLock;
  readonly output: string;
  readonly acquisition: Acquisition;
  /** Bytes of the archive, as far as its images are there or can be fetched. */
  readonly size: number;
}

interface ClaimOptions extends AcquireContext {
  /** A folder, or for one platform a file; the current folder when absent. */
  readonly output?: string;
  /** Whether an archive that exists may be replaced. */
  readonly force: boolean;
}

/** @throws BundlerError FILE when the archive exists already or its folder cannot be made. */
export async function claimOutput(
  { name, version }: Definition,
  lock: PlatformLock,
  { output, force, ...context }: ClaimOptions,
): Promise<Claimed> {
  const file = outputFile(output, bundleRoot(name, version, lock.platform));
  if (!force && (await exists(file))) {
    throw new BundlerError("FILE", `${file} exists already.`, {
      hint: "Say --force to replace it, or give another place with -o.",
      details: { file },
    });
  }
  await makeFolder(path.dirname(file));
  await sweep(path.dirname(file));
  const blobs = new Map(
    packedComponents(lock)
      .flatMap(({ image }) => [image.config, ...image.layers])
      .map(({ digest, size }) => [digest, size]),
  );
  const size = [...blobs.values()].reduce((sum, bytes) => sum + bytes, 0);
  return { lock, output: file, acquisition: new Acquisition(lock, context), size };
}

/** @throws BundlerError FILE, DISK */
async function makeFolder(dir: string): Promise<void> {
  await mkdir(dir, { recursive: true }).catch((cause: unknown) => {
    throw new BundlerError(
      systemCode(cause) === "ENOSPC" ? "DISK" : "FILE",
      `The folder ${dir} cannot be made: ${messageOf(cause)}`,
      { cause, hint: "Give another place with -o.", details: { file: dir } },
    );
  });
}

/** A folder beside the archives for what a run needs while it works, and nobody after it. */
export interface WorkFolder {
  readonly dir: string;
  close(): Promise<void>;
}

const WORK = ".openim-bundler.";

/** @throws BundlerError FILE, DISK */
export async function openWorkFolder(output: string | undefined): Promise<WorkFolder> {
  const given = path.resolve(output ?? ".");
  const folder = given.endsWith(".tar") ? path.dirname(given) : given;
  const dir = path.join(folder, WORK + newToken());
  await makeFolder(dir);
  return { dir, close: () => rm(dir, { recursive: true, force: true }) };
}

/** Removes the work folders of runs that were killed. */
async function sweep(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const token = name.startsWith(WORK) ? name.slice(WORK.length) : "";
    if (!isToken(token)) continue;
    // A run that ends at this moment has removed its own.
    const found = await stat(path.join(folder, name)).catch(() => undefined);
    if (found !== undefined && livenessOf(token, found.mtimeMs) === "dead")
      await rm(path.join(folder, name), { recursive: true, force: true });
  }
}

/** A name that ends in `.tar` is the archive's; any other is a folder's. */
function outputFile(output: string | undefined, root: string): string {
  if (output === undefined) return path.resolve(`${root}.tar`);
  return output.endsWith(".tar") ? path.resolve(output) : path.resolve(output, `${root}.tar`);
}

async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}

/**
 * @param store where what is fetched is kept, too; absent when it goes into the archives alone.
 * @throws BundlerError DISK when store and archives will not fit where they go.
 */
export async function checkRoom(
  archives: readonly Claimed[],
  store: Store | undefined,
): Promise<void> {
  const needs = new Map<string, { path: string; bytes: number; free: number }>();
  const add = async (at: string, bytes: number): Promise<void> => {
    const [{ dev }, { bavail, bsize }] = await Promise.all([stat(at), statfs(at)]);
    const known = needs.get(String(dev)) ?? { path: at, bytes: 0, free: bavail * bsize };
    needs.set(String(dev), { ...known, bytes: known.bytes + bytes });
  };
  const distinct = new Map<Digest, number>();
  for (const { acquisition, size, output } of archives) {
    const { blobs } = await acquisition.missing();
    for (const [digest, descriptor] of blobs) {
      const left = descriptor.size - ((await store?.unfinished(digest)) ?? 0);
      distinct.set(digest, Math.max(0, left));
    }
    await add(path.dirname(output), Math.max(0, size - (await bytesKept(output))));
  }
  if (store !== undefined) {
    const bytes = [...distinct.values()].reduce((sum, size) => sum + size, 0);
    await add(store.dir, bytes);
  }
  for (const { path: at, bytes, free } of needs.values()) {
    if (bytes <= free) continue;
    throw new BundlerError(
      "DISK",
      `Not enough room at ${at}: ${formatBytes(bytes)} are needed, ${formatBytes(free)} are free.`,
      {
        hint: "Free some room (`cache prune` empties the store), or place the archive (-o) or the store (--store) on another disk.",
        details: { path: at, expected: bytes, found: free },
      },
    );
  }
}
