import type { Checksum } from "../core/checksum.js";
import type { Digest } from "../core/digest.js";
import type { EventSink } from "../core/events.js";
import type { WebOptions } from "../http/web.js";
import type { Store } from "../store/store.js";

export interface SourceContext extends WebOptions {
  readonly store: Store;
  /** Source → file given by hand (`--source name=FILE`, absolute). */
  readonly given: ReadonlyMap<string, string>;
  /** Gets notices, and `item` events with the state `step` of the phase `build` while it downloads. */
  readonly onEvent: EventSink;
}

/** A source that lies here, whole and with the right checksum. */
export interface FetchedSource {
  readonly name: string;
  readonly path: string;
  /** As its first bytes say. */
  readonly format: "zip" | "tar.gz";
  readonly checksum: Checksum;
  /** Of the same bytes, always. */
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
}

/** One entry of a source's tree; paths are relative, with forward slashes, `strip` already applied. */
export interface SourceEntry {
  readonly path: string;
  readonly type: "file" | "directory" | "symlink";
  readonly executable: boolean;
  /** Bytes; 0 but for files. */
  readonly size: number;
  /** Of a symbolic link; never leads out of the tree. */
  readonly linkpath?: string;
  /** Of a file; to be read before the next entry is asked for, or not at all. */
  content(): AsyncIterable<Uint8Array>;
}
