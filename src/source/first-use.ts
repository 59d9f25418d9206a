import type { Checksum } from "../core/checksum.js";
import { type Digest, digestOf, isDigest } from "../core/digest.js";
import { BundlerError } from "../core/errors.js";
import type { Source } from "../definition/types.js";
import { downloadSource } from "./download.js";
import { sourceEntries } from "./entries.js";
import { SOURCE_LIMIT } from "./fill.js";
import { isLoopback } from "../http/private-address.js";
import { findStored, isStored } from "./stored.js";
import type { SourceContext } from "./types.js";
import { createWeb, plainAddress, shownAddress } from "../http/web.js";

/**
 * The checksum of a source that has a commit and no published checksum, such as what a forge packs on
 * demand: the file is fetched once, has to carry the commit, and from then on its sha256 counts. TLS is
 * what it rests on until the lock has it.
 * @throws BundlerError INTEGRITY when it carries another commit or none; DEFINITION for plain HTTP;
 *   what a download throws.
 */
export async function checksumOnFirstUse(
  source: Source & { readonly commit: string },
  context: SourceContext,
): Promise<Checksum> {
  const { name, urls, commit } = source;
  const { store, signal } = context;
  await refusePlainHttp(source, context);
  const key = digestOf(`source commit ${JSON.stringify([commit, urls])}`);
  const known = async (): Promise<Digest | undefined> => {
    const note = await store.note(key);
    return note !== undefined && isDigest(note) && (await isStored(store, note as Checksum))
      ? note
      : undefined;
  };
  for (;;) {
    const digest = await known();
    if (digest !== undefined && (await findStored(store, digest as Checksum, signal)) !== undefined)
      return digest as Checksum;
    const scratch = await store.scratch(key, {
      limit: SOURCE_LIMIT,
      what: `source ${name}`,
      done: async () => (await known()) !== undefined,
      signal,
    });
    if (scratch === undefined) continue;
    const found = await downloadSource({ name, urls }, scratch, context);
    try {
      await checkCommit(source, store.path(found.digest), signal);
    } catch (error) {
      await store.remove(found.digest);
      throw error;
    }
    await store.writeNote(key, found.digest);
    return found.digest as Checksum;
  }
}

/** The commit is looked at before the first entry is given out; the content, whenever it is used. */
async function checkCommit(
  { name, strip, commit }: Source & { readonly commit: string },
  path: string,
  signal: AbortSignal,
): Promise<void> {
  for await (const entry of sourceEntries({ name, path }, { strip, commit }, { signal })) {
    if (entry.path !== "") return;
  }
}

async function refusePlainHttp({ name, urls }: Source, context: SourceContext): Promise<void> {
  const web = createWeb(context);
  try {
    for (const text of urls) {
      const url = plainAddress(text);
      if (url?.protocol !== "http:" || isLoopback(url) || web.isInsecure(url)) continue;
      throw new BundlerError(
        "DEFINITION",
        `Source ${name}: ${shownAddress(url)} is plain HTTP and there is no checksum: anybody on the way could change it.`,
        {
          hint: `Use an https address, write its sha256 into the definition, or accept this host with --insecure ${url.host}.`,
          details: { source: name },
        },
      );
    }
  } finally {
    await web.close();
  }
}
