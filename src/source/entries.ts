import type { Source } from "../definition/types.js";
import { BundlerError, messageOf } from "../core/errors.js";
import { packingOf } from "./format.js";
import { tarEntries } from "./tar.js";
import { refuseFor } from "./tree.js";
import type { FetchedSource, SourceEntry } from "./types.js";
import { zipEntries } from "./zip.js";

/**
 * The tree of a source, entry by entry in the archive's own order, which is the same for the same
 * bytes. A zip, a tar.gz or a plain tar is known by its first bytes. Entries above `strip` folders
 * are left out, folders that are implied need not come, and no path comes twice. Symbolic links stay
 * inside of the tree; hard links, devices, and whatever two tools could unpack differently, are
 * refused. An entry's content is to be read before the next one is asked for.
 * @throws BundlerError INTEGRITY naming source, file and entry: of a tar, possibly after entries
 *   have come, so nothing may be made of it before the last; FILE, INTERRUPTED.
 */
export async function* sourceEntries(
  fetched: Pick<FetchedSource, "name" | "path">,
  source: Pick<Source, "strip" | "commit">,
  context: { readonly signal: AbortSignal },
): AsyncGenerator<SourceEntry, void, void> {
  const { name, path } = fetched;
  const packing = await packingOf(name, path);
  const reading = {
    path,
    refuse: refuseFor(name, path),
    strip: source.strip,
    signal: context.signal,
    ...(source.commit === undefined ? {} : { commit: source.commit }),
  };
  const entries =
    packing === "zip" ? zipEntries(reading) : tarEntries({ ...reading, gzip: packing === "gzip" });
  for await (const entry of named(entries, fetched)) {
    yield { ...entry, content: () => named(entry.content(), fetched) };
  }
}

/** What the file system says of a source does not name it. */
async function* named<T>(
  items: AsyncIterable<T>,
  { name, path }: Pick<FetchedSource, "name" | "path">,
): AsyncGenerator<T, void, void> {
  try {
    yield* items;
  } catch (error) {
    if (error instanceof BundlerError) throw error;
    throw new BundlerError("FILE", `Source ${name}: ${path} cannot be read: ${messageOf(error)}`, {
      details: { source: name, file: path },
      cause: error,
    });
  }
}
