import { BundlerError } from "../core/errors.js";
import type { Source } from "../definition/types.js";
import type { LockedSource } from "../plan/build-types.js";
import type { ChecksummedFile } from "./checksum-file.js";
import { downloadSource } from "./download.js";
import { SOURCE_LIMIT } from "./fill.js";
import { formatOf } from "./format.js";
import { checkGiven } from "./given.js";
import { findStored, isStored, keyOf } from "./stored.js";
import type { FetchedSource, SourceContext } from "./types.js";

/**
 * Brings a locked source here: the file given by hand, else what the store has, else a download from
 * its addresses in order, which other processes that want the same wait for.
 * @throws BundlerError INTEGRITY when no file with the lock's checksum is to be had; USAGE when it
 *   can only be given by hand; NETWORK, AUTH, NOT_FOUND, DEFINITION, FILE, DISK, INTERRUPTED.
 */
export async function fetchSource(
  source: Source,
  locked: LockedSource,
  context: SourceContext,
): Promise<FetchedSource> {
  const { name, urls } = source;
  const { checksum } = locked;
  const { store, signal } = context;
  const file = context.given.get(name);
  if (file !== undefined) {
    const given = await checkGiven(name, file, { checksum, says: "the lock" }, signal);
    return fetched(name, file, given);
  }
  // A blob can rot, and be dropped, while we wait for another process; once is chance.
  for (let tries = 1; tries <= 2; tries += 1) {
    const stored = await findStored(store, checksum, signal);
    if (stored !== undefined) return fetched(name, store.path(stored.digest), stored);
    if (urls.length === 0) throw byHandOnly(name, checksum);
    const scratch = await store.scratch(keyOf(checksum), {
      limit: SOURCE_LIMIT,
      what: `source ${name}`,
      done: () => isStored(store, checksum),
      signal,
      onWait: ({ pid }) => {
        if (pid === process.pid) return;
        const who = pid === undefined ? "" : ` (process ${pid})`;
        const message = `Source ${name}: another run${who} is fetching it; waiting for that.`;
        context.onEvent({ type: "notice", level: "info", message });
      },
    });
    if (scratch !== undefined) await downloadSource({ name, checksum, urls }, scratch, context);
  }
  const stored = await findStored(store, checksum, signal);
  if (stored !== undefined) return fetched(name, store.path(stored.digest), stored);
  throw new BundlerError("INTEGRITY", `Source ${name}: the store ${store.dir} does not keep it.`, {
    hint: "What was stored twice did not come back as it was: check the disk.",
    details: { source: name, expected: checksum, file: store.dir },
  });
}

function byHandOnly(name: string, checksum: string): BundlerError {
  return new BundlerError(
    "USAGE",
    `Source ${name} (${checksum}) can only be given by hand, and was not.`,
    { hint: `Give the file: --source ${name}=FILE.`, details: { source: name, checksum } },
  );
}

async function fetched(name: string, path: string, file: ChecksummedFile): Promise<FetchedSource> {
  return { name, path, format: await formatOf(name, path), ...file };
}
