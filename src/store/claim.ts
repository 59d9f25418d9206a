import { constants } from "node:fs";
import { copyFile, open, readdir, rename, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { hexOf } from "../core/digest.js";
import { interrupted, systemCode } from "../core/errors.js";
import type { Layout } from "./layout.js";
import { type Liveness, livenessOf, newToken, pidOf } from "../core/owner.js";
import { type Claimable, ClaimedPartial, type Place } from "./partial.js";
import { pause } from "../core/pause.js";
import { unlinkIfThere } from "./unlink.js";

export interface ClaimOptions {
  readonly signal: AbortSignal;
  /** Called once when another process works on the blob and we wait for it. */
  readonly onWait?: (holder: { readonly pid: number | undefined }) => void;
}

/** An unfinished blob as it lies in the folder; `token` is absent when nobody works on it. */
interface Found {
  readonly path: string;
  readonly token: string | undefined;
  readonly size: number;
  readonly liveness: Liveness;
}

const POLL_MS = 250;

/**
 * Claims the unfinished blob of a digest, making it when there is none; undefined once the blob is
 * there whole, be it because another process finished it while we waited.
 *
 * A claim is the file's name. It is taken by renaming, which only one of several processes can do
 * with a given name, and the name says whose it is, so nothing is read first that could be outdated
 * when acted upon. Two processes can only meet when each claims a different file of the same blob
 * (both made one). Each looks around after its claim, so at least the later one sees the other, and
 * whoever sees another steps back.
 */
export async function claimPartial(
  place: Place,
  blob: Claimable,
  has: () => Promise<boolean>,
  options: ClaimOptions,
): Promise<ClaimedPartial | undefined> {
  const { layout } = place;
  let told = false;
  for (;;) {
    if (options.signal.aborted) throw interrupted();
    if (await has()) return undefined;
    const found = await findPartials(layout, hexOf(blob.digest));
    const live = found.find(({ liveness }) => liveness === "live");
    if (live !== undefined) {
      if (!told) options.onWait?.({ pid: pidOf(live.token ?? "") });
      told = true;
      await pause(POLL_MS, options.signal);
      continue;
    }
    const mine = join(layout.partials, `${hexOf(blob.digest)}.${newToken()}`);
    if (!(await take(found, mine))) continue;
    place.heartbeat.add(mine);
    const claimed = new ClaimedPartial(place, blob, mine);
    try {
      const others = (await findPartials(layout, hexOf(blob.digest))).filter(
        ({ path }) => path !== mine,
      );
      if (others.some(({ liveness }) => liveness === "live")) {
        await claimed.release();
        await pause(20 + Math.random() * 200, options.signal);
        continue;
      }
      // The winner of a race may have finished, and be gone, between our first look and our claim.
      if (await has()) {
        await claimed.discard();
        return undefined;
      }
      await Promise.all(others.map(({ path }) => unlinkIfThere(path)));
      await claimed.open();
      return claimed;
    } catch (error) {
      await claimed.release();
      throw error;
    }
  }
}

/** Gets the longest of the ownerless files under our name, or makes an empty one. False: lost a race. */
async function take(found: readonly Found[], mine: string): Promise<boolean> {
  const best = found.toSorted((a, b) => b.size - a.size)[0];
  try {
    if (best === undefined) {
      await (await open(mine, "wx", 0o600)).close();
      return true;
    }
    if (best.liveness === "silent") {
      // Its process may yet wake up and write: it keeps its file, which loses its name; we go on with a copy.
      await copyFile(best.path, mine, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
      await unlinkIfThere(best.path);
    } else {
      // Other hosts judge by the time of the file: it must be fresh before it is ours.
      const now = new Date();
      await utimes(best.path, now, now);
      await rename(best.path, mine);
    }
    return true;
  } catch (error) {
    if (systemCode(error) === "ENOENT") return false;
    throw error;
  }
}

/** The unfinished files of one blob; of every blob when `hex` is not given. */
export async function findPartials(layout: Layout, hex?: string): Promise<readonly Found[]> {
  const names = (await readdir(layout.partials)).filter((name) =>
    hex === undefined ? /^[0-9a-f]{64}(\.|$)/.test(name) : name.startsWith(hex),
  );
  const found = await Promise.all(
    names.map(async (name): Promise<Found | undefined> => {
      const path = join(layout.partials, name);
      try {
        const { size, mtimeMs } = await stat(path);
        const token = name.includes(".") ? name.slice(name.indexOf(".") + 1) : undefined;
        return {
          path,
          token,
          size,
          liveness: token === undefined ? "dead" : livenessOf(token, mtimeMs),
        };
      } catch (error) {
        if (systemCode(error) === "ENOENT") return undefined;
        throw error;
      }
    }),
  );
  return found.filter((entry) => entry !== undefined);
}
