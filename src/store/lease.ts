import { open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { BundlerError, systemCode } from "../core/errors.js";
import type { Heartbeat } from "./heartbeat.js";
import type { Layout } from "./layout.js";
import { livenessOf, newToken, pidOf } from "../core/owner.js";
import { pause } from "../core/pause.js";
import { unlinkIfThere } from "./unlink.js";

/** Held by a run while it counts on the blobs of a store. */
export interface Lease {
  release(): Promise<void>;
}

const PRUNE = "prune.";

/**
 * A run writes its lease, then looks for a prune; a prune writes its mark, then looks for leases.
 * Whichever is later sees the other: a run waits for the prune to end, a prune gives up.
 */
export async function takeLease(
  layout: Layout,
  heartbeat: Heartbeat,
  signal: AbortSignal,
): Promise<Lease> {
  const lease = await hold(layout, heartbeat, newToken());
  try {
    while ((await holders(layout)).prunes.length > 0) await pause(100, signal);
    return lease;
  } catch (error) {
    await lease.release();
    throw error;
  }
}

/** @throws BundlerError FILE when a run uses the store. */
export async function takePruneMark(layout: Layout, heartbeat: Heartbeat): Promise<Lease> {
  const mark = await hold(layout, heartbeat, PRUNE + newToken());
  try {
    const { runs } = await holders(layout);
    if (runs.length === 0) return mark;
    const pids = runs.map(pidOf).filter((pid) => pid !== undefined);
    const who = pids.length > 0 ? ` (process ${pids.join(", ")})` : "";
    throw new BundlerError("FILE", `The store ${layout.dir} is in use by another run${who}.`, {
      hint: "Wait until it ends, then prune again.",
      details: { file: layout.dir, pids },
    });
  } catch (error) {
    await mark.release();
    throw error;
  }
}

/** The tokens of those at work; what dead ones left is swept away. */
export async function holders(
  layout: Layout,
): Promise<{ readonly runs: readonly string[]; readonly prunes: readonly string[] }> {
  const runs: string[] = [];
  const prunes: string[] = [];
  for (const name of await readdir(layout.leases)) {
    const path = join(layout.leases, name);
    const isPrune = name.startsWith(PRUNE);
    const token = isPrune ? name.slice(PRUNE.length) : name;
    try {
      if (livenessOf(token, (await stat(path)).mtimeMs) !== "live") await unlinkIfThere(path);
      else (isPrune ? prunes : runs).push(token);
    } catch (error) {
      if (systemCode(error) !== "ENOENT") throw error;
    }
  }
  return { runs, prunes };
}

async function hold(layout: Layout, heartbeat: Heartbeat, name: string): Promise<Lease> {
  const path = join(layout.leases, name);
  await (await open(path, "wx", 0o600)).close();
  heartbeat.add(path);
  return {
    release: async () => {
      heartbeat.delete(path);
      await unlinkIfThere(path);
    },
  };
}
