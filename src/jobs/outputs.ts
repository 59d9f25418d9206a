import { access, mkdir, stat, statfs } from "node:fs/promises";
import path from "node:path";
import { type FetchPlan, packedComponents, planFetch } from "../acquire/fetch.js";
import { bundleRoot } from "../bundle/paths.js";
import { formatBytes } from "../core/bytes.js";
import type { Digest } from "../core/digest.js";
import { BundlerError, messageOf, systemCode } from "../core/errors.js";
import type { Definition } from "../definition/types.js";
import type { PlatformLock } from "../plan/types.js";
import type { Store } from "../store/store.js";

/** Where one archive goes, and what is still to be fetched for it. */
export interface Claimed {
  readonly lock: PlatformLock;
  readonly output: string;
  readonly fetch: FetchPlan;
  /** Bytes of the archive, as far as its images are there or can be fetched. */
  readonly size: number;
}

interface ClaimOptions {
  /** A folder, or for one platform a file; the current folder when absent. */
  readonly output?: string;
  /** Whether an archive that exists may be replaced. */
  readonly force: boolean;
  readonly store: Store;
}

/** @throws BundlerError FILE when the archive exists already or its folder cannot be made. */
export async function claimOutput(
  { name, version }: Definition,
  lock: PlatformLock,
  { output, force, store }: ClaimOptions,
): Promise<Claimed> {
  const file = outputFile(output, bundleRoot(name, version, lock.platform));
  if (!force && (await exists(file))) {
    throw new BundlerError("FILE", `${file} exists already.`, {
      hint: "Say --force to replace it, or give another place with -o.",
      details: { file },
    });
  }
  await mkdir(path.dirname(file), { recursive: true }).catch((cause: unknown) => {
    throw new BundlerError(
      systemCode(cause) === "ENOSPC" ? "DISK" : "FILE",
      `The folder ${path.dirname(file)} cannot be made: ${messageOf(cause)}`,
      { cause, hint: "Give another place with -o.", details: { file } },
    );
  });
  const size = packedComponents(lock)
    .flatMap(({ image }) => [image.config, ...image.layers])
    .reduce((sum, blob) => sum + blob.size, 0);
  return { lock, output: file, fetch: await planFetch(lock, store), size };
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

/** @throws BundlerError DISK when store and archives will not fit where they go. */
export async function checkRoom(
  archives: readonly Pick<Claimed, "fetch" | "output" | "size">[],
  store: Store,
): Promise<void> {
  const needs = new Map<string, { path: string; bytes: number; free: number }>();
  const add = async (at: string, bytes: number): Promise<void> => {
    const [{ dev }, { bavail, bsize }] = await Promise.all([stat(at), statfs(at)]);
    const known = needs.get(String(dev)) ?? { path: at, bytes: 0, free: bavail * bsize };
    needs.set(String(dev), { ...known, bytes: known.bytes + bytes });
  };
  const distinct = new Map<Digest, number>();
  for (const { fetch, size, output } of archives) {
    for (const [digest, { descriptor }] of fetch.missing) {
      const left = descriptor.size - (await store.unfinished(digest));
      distinct.set(digest, Math.max(0, left));
    }
    await add(path.dirname(output), size);
  }
  await add(
    store.dir,
    [...distinct.values()].reduce((sum, size) => sum + size, 0),
  );
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
