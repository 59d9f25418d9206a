import type { Digest } from "../core/digest.js";
import type { BlobKeeper, BlobTarget } from "../registry/download.js";
import type { Store } from "../store/store.js";

/** A blob's place in an archive that is being made. */
export interface BlobPlace {
  /** Bytes that an earlier run left, of which nobody knows yet whether they are right. */
  readonly length: number;
  /** Whether all bytes are here and right. */
  holds(): Promise<boolean>;
  /** Copies the blob from a file, hashing it on the way. */
  copy(file: string): Promise<"done" | "damaged" | "missing">;
  readPrefix(signal: AbortSignal): AsyncIterable<Uint8Array>;
  write(chunks: readonly Uint8Array[], position: number): Promise<void>;
  truncate(): Promise<void>;
  /** All bytes are written, and the caller has hashed them. */
  finish(): void;
}

/** An archive that is being made. */
export interface ArchivePlaces {
  place(digest: Digest): BlobPlace | undefined;
}

/** Keepers that have no folder need a name of their own. */
let serial = 0;

/** Takes a blob to its place in an archive and, where it is kept, into the store, from the same buffers. */
export function archiveKeeper(place: BlobPlace, store: Store, keepBlobs: boolean): BlobKeeper {
  if (!keepBlobs) {
    serial += 1;
    return { dir: `archive ${serial}`, partial: () => Promise.resolve(placeAlone(place)) };
  }
  return {
    dir: store.dir,
    partial: async (digest, size, options) => {
      const partial = await store.partial(digest, size, options);
      return partial === undefined ? undefined : placeAndStore(place, partial);
    },
  };
}

function placeAlone(place: BlobPlace): BlobTarget {
  return {
    get length() {
      return place.length;
    },
    readPrefix: (signal) => place.readPrefix(signal),
    write: (chunks, position) => place.write(chunks, position),
    truncate: () => place.truncate(),
    commit: () => {
      place.finish();
      return Promise.resolve();
    },
    // The archive's writer keeps what is there, or drops it with the rest.
    release: () => Promise.resolve(),
    discard: () => Promise.resolve(),
  };
}

/** What the store has of a blob is what counts: its place gets the same, byte by byte. */
function placeAndStore(place: BlobPlace, partial: BlobTarget): BlobTarget {
  return {
    get length() {
      return partial.length;
    },
    readPrefix: async function* (signal) {
      let position = 0;
      for await (const chunk of partial.readPrefix(signal)) {
        await place.write([chunk], position);
        position += chunk.length;
        yield chunk;
      }
    },
    write: async (chunks, position) => {
      await Promise.all([partial.write(chunks, position), place.write(chunks, position)]);
    },
    truncate: async () => {
      await Promise.all([partial.truncate(), place.truncate()]);
    },
    commit: async () => {
      await partial.commit();
      place.finish();
    },
    release: () => partial.release(),
    discard: () => partial.discard(),
  };
}
