import { stat } from "node:fs/promises";
import { z } from "zod";
import type { Checksum } from "../core/checksum.js";
import { type Digest, digestOf, isDigest } from "../core/digest.js";
import { BundlerError, systemCode } from "../core/errors.js";
import type { Store } from "../store/store.js";
import { type ChecksummedFile, algorithmOf, checksumFile } from "./checksum-file.js";

/** Which blob a source is: its sha512 does not tell. */
const noteSchema = z.object({
  digest: z.custom<Digest>((value) => typeof value === "string" && isDigest(value)),
  size: z.int().nonnegative(),
});

type Place = z.infer<typeof noteSchema>;

/** Under which a source is noted, and its download claimed. */
export function keyOf(checksum: Checksum): Digest {
  return digestOf(`source ${checksum}`);
}

export async function noteStored(store: Store, checksum: Checksum, place: Place): Promise<void> {
  const { digest, size } = place;
  await store.writeNote(keyOf(checksum), JSON.stringify({ digest, size }));
}

/** Whether the store says that it has the source. */
export async function isStored(store: Store, checksum: Checksum): Promise<boolean> {
  return (await placeOf(store, checksum)) !== undefined;
}

/**
 * Looks a source up in the store and reads it through: a note is only a hint, and disks rot. What
 * does not hold is dropped.
 * @throws BundlerError FILE, INTERRUPTED.
 */
export async function findStored(
  store: Store,
  checksum: Checksum,
  signal: AbortSignal,
): Promise<ChecksummedFile | undefined> {
  const place = await placeOf(store, checksum);
  if (place === undefined) return undefined;
  const path = store.path(place.digest);
  try {
    const found = await checksumFile(path, algorithmOf(checksum), signal);
    if (found.checksum === checksum && found.digest === place.digest) return found;
    if (found.digest !== place.digest) await store.remove(place.digest);
    // A note that leads to another source's blob must not be believed again.
    else await store.writeNote(keyOf(checksum), "");
    return undefined;
  } catch (error) {
    if (error instanceof BundlerError) throw error;
    if (systemCode(error) === "ENOENT") return undefined;
    throw new BundlerError("FILE", `The store's blob ${path} cannot be read.`, {
      details: { file: path },
      cause: error,
    });
  }
}

async function placeOf(store: Store, checksum: Checksum): Promise<Place | undefined> {
  const note = await store.note(keyOf(checksum));
  const place =
    (note === undefined ? undefined : readNote(note)) ?? (await unnoted(store, checksum));
  return place !== undefined && (await store.has(place.digest, place.size)) ? place : undefined;
}

function readNote(text: string): Place | undefined {
  try {
    return noteSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** Notes can be lost; a sha256 is the blob's own name. */
async function unnoted(store: Store, checksum: Checksum): Promise<Place | undefined> {
  if (!isDigest(checksum)) return undefined;
  const found = await stat(store.path(checksum)).catch(() => undefined);
  return found === undefined ? undefined : { digest: checksum, size: found.size };
}
