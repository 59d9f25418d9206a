import { openBundle } from "../bundle/reader.js";
import { rehearseInEngine } from "./in-engine.js";
import type { RehearseOptions } from "./options.js";
import { rehearseThrowAway } from "./throw-away.js";
import type { Rehearsal } from "./types.js";

export type { Rehearsal } from "./types.js";

/**
 * Proves on a real engine that a bundle comes up, and takes everything away again, whatever happens.
 * A bundle that does not come up is a result, not an error.
 * @throws BundlerError BUILDER when there is nothing here to rehearse with; REHEARSAL when the bundle
 *   cannot even be tried; INTERRUPTED; FILE, INTEGRITY as the reader of archives does.
 */
export async function rehearseBundle(
  archive: string,
  options: RehearseOptions,
): Promise<Rehearsal> {
  const bundle = await openBundle(archive);
  try {
    return options.throwAway
      ? await rehearseThrowAway(bundle, options)
      : await rehearseInEngine(bundle, options);
  } finally {
    await bundle.close();
  }
}
