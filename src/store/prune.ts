import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { type Digest, hexOf } from "../core/digest.js";
import { interrupted, systemCode } from "../core/errors.js";
import type { Layout } from "./layout.js";
import { sweepNotes } from "./notes.js";
import { unlinkIfThere } from "./unlink.js";
import { findPartials } from "./claim.js";

export interface PruneOptions {
  /** Deletes only what was last used before this. */
  readonly olderThan?: Date;
  /** Never deleted. */
  readonly keep?: ReadonlySet<Digest>;
  /** Counts, deletes nothing. */
  readonly dryRun?: boolean;
  readonly signal: AbortSignal;
}

export interface PruneResult {
  /** Blobs and unfinished downloads. */
  readonly removed: number;
  readonly freedBytes: number;
}

interface Blob {
  readonly path: string;
  readonly name: string;
  readonly size: number;
  readonly mtimeMs: number;
}

/** Every blob file; names that are no digests are passed over. */
export async function listBlobs(layout: Layout): Promise<readonly Blob[]> {
  const blobs: Blob[] = [];
  for (const name of await readdir(layout.blobs)) {
    if (!/^[0-9a-f]{64}$/.test(name)) continue;
    const path = join(layout.blobs, name);
    try {
      const { size, mtimeMs } = await stat(path);
      blobs.push({ path, name, size, mtimeMs });
    } catch (error) {
      if (systemCode(error) !== "ENOENT") throw error;
    }
  }
  return blobs;
}

/** Deletes what is not wanted. Killed at any moment, it leaves fewer blobs, each of them whole. */
export async function sweep(layout: Layout, options: PruneOptions): Promise<PruneResult> {
  const keep = new Set([...(options.keep ?? [])].map(hexOf));
  const limit = options.olderThan?.getTime() ?? Number.POSITIVE_INFINITY;
  const blobs = (await listBlobs(layout)).filter(({ name }) => !keep.has(name));
  const partials = (await findPartials(layout)).filter(({ liveness }) => liveness !== "live");
  const dated = await Promise.all(
    partials.map(async ({ path, size }) => ({
      path,
      size,
      mtimeMs: (await stat(path).catch(() => null))?.mtimeMs ?? 0,
    })),
  );
  let removed = 0;
  let freedBytes = 0;
  for (const { path, size, mtimeMs } of [...blobs, ...dated]) {
    if (options.signal.aborted) throw interrupted();
    if (mtimeMs >= limit) continue;
    if (options.dryRun !== true && !(await unlinkIfThere(path))) continue;
    removed += 1;
    freedBytes += size;
  }
  if (options.dryRun !== true) await sweepNotes(layout, limit);
  return { removed, freedBytes };
}
