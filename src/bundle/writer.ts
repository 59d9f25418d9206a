import { type Digest, shortDigest } from "../core/digest.js";
import { BundlerError, interrupted, isAbort, messageOf, systemCode } from "../core/errors.js";
import { type EventSink, noEvents } from "../core/events.js";
import { tarPieces } from "../tar/layout.js";
import type { TarWindow } from "../tar/window.js";
import { BlobPlace, writeAll } from "./blob-place.js";
import type { HashFailure, HashSource } from "./hash-job.js";
import { HashPool } from "./hash-pool.js";
import type { BundleContent, BundleLayout } from "./layout.js";
import { type PartialFile, diskFull, isDiskFull, openPartialFile } from "./partial-file.js";
import { formatSums } from "./sums.js";
import { readUnpacked } from "./unpacked.js";

export interface WriteOptions {
  /** Where the archive goes. */
  readonly output: string;
  /** Replace an existing file. */
  readonly force?: boolean;
  /** What a run that fails has written is left to the next one, which goes on from there. */
  readonly keepUnfinished?: boolean;
  readonly signal?: AbortSignal;
  /** Gets the bytes of the phase `pack`, of blobs only; they are taken back when they turn out to be wrong. */
  readonly onEvent?: EventSink;
}

export interface WrittenBundle {
  readonly path: string;
  /** In bytes. */
  readonly size: number;
  /** sha256 of every file inside but the image tarballs, by its path in the top folder. */
  readonly sums: ReadonlyMap<string, string>;
}

/** Blobs come in any order and several at a time; everything else is written when they are all there. */
export interface BundleWriter {
  /** Where a blob goes; undefined when the archive has none of this digest. */
  readonly place: (digest: Digest) => BlobPlace | undefined;
  /** Bytes of all places of blobs. */
  readonly blobBytes: number;
  /** A blob that is in its place, to be looked into. */
  readonly window: (digest: Digest) => TarWindow;
  /**
   * Writes everything else, flushes, and gives the archive its name.
   * @param layout what is known now; every blob lies where it did when the writer was opened.
   * @throws BundlerError FILE when the name has been taken meanwhile, DISK, INTERRUPTED.
   */
  readonly finish: (layout: BundleLayout) => Promise<WrittenBundle>;
  /**
   * Stops. Harmless after finish.
   * @returns where it lies, when it is kept for the next run.
   */
  readonly abort: () => Promise<string | undefined>;
}

/** So many bytes are handed to the disk at a time while others arrive: the last flush has little left to do. */
const FLUSH_BYTES = 64 * 1024 * 1024;

/** How long bytes that arrive slowly wait for being flushed and recorded, in milliseconds. */
const FLUSH_MS = 1000;

/**
 * Starts an archive in a hidden file beside its final name, or goes on with the one that an earlier
 * run has left. Whoever opens a writer ends it with `finish` or `abort`.
 * @throws BundlerError FILE, DISK before anything is written.
 */
export async function openBundleWriter(
  layout: BundleLayout,
  options: WriteOptions,
): Promise<BundleWriter> {
  if (options.signal?.aborted) throw interrupted();
  const { output, force = false } = options;
  const file = await openPartialFile(output, layout.size, { force, resume: true });
  const writer = new ArchiveWriter(layout, options, file);
  try {
    if (file.resumed) await writer.look();
    return writer;
  } catch (error) {
    await writer.abort();
    throw error;
  }
}

class ArchiveWriter implements BundleWriter {
  readonly #size: number;
  readonly #options: WriteOptions;
  readonly #file: PartialFile;
  readonly #pool: HashPool;
  readonly #places: ReadonlyMap<Digest, BlobPlace>;
  readonly blobBytes: number;
  /** Bytes of blobs that are in their places. */
  #written = 0;
  /** Bytes written since the last flush began. */
  #dirty = 0;
  #flushing: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** Nothing more is written. */
  #ended = false;
  /** The file has got its name, or is left to the next run. */
  #over = false;

  constructor(layout: BundleLayout, options: WriteOptions, file: PartialFile) {
    this.#size = layout.size;
    this.#options = options;
    this.#file = file;
    this.#pool = new HashPool(options.signal);
    const onEvent = options.onEvent ?? noEvents;
    const shared = {
      handle: file.handle,
      pool: this.#pool,
      onBytes: (delta: number): void => {
        this.#written += delta;
        this.#touch(delta);
        onEvent({ type: "bytes", phase: "pack", delta });
      },
      cannotWrite: (error: unknown) => this.#explain(error),
      cannotCopy: ({ message, code }: HashFailure) => this.#cannotWrite(message, code),
    };
    const blobs = blobsOf(layout);
    this.#places = new Map(blobs.map((blob) => [blob.digest, new BlobPlace(blob, shared)]));
    this.blobBytes = blobs.reduce((sum, { size, offsets }) => sum + size * offsets.length, 0);
  }

  /** Finds out how far the run came that left the file. */
  async look(): Promise<void> {
    for (const place of this.#places.values()) await place.look();
  }

  readonly place = (digest: Digest): BlobPlace | undefined => this.#places.get(digest);

  readonly window = (digest: Digest): TarWindow => {
    const place = this.#places.get(digest);
    if (place?.whole !== true) throw new Error(`${digest} is not in its place.`);
    const { offset, size } = place;
    return { handle: this.#file.handle, name: shortDigest(digest), offset, length: size };
  };

  readonly finish = async (layout: BundleLayout): Promise<WrittenBundle> => {
    try {
      this.#expectPlaces(layout);
      const sums = await this.#writeFiles(layout);
      if (this.#options.signal?.aborted) throw interrupted();
      await this.#stop();
      await this.#file.publish();
      this.#over = true;
      return { path: this.#options.output, size: layout.size, sums };
    } catch (error) {
      throw await this.#explain(error);
    }
  };

  readonly abort = async (): Promise<string | undefined> => {
    await this.#stop();
    const { keepUnfinished = false } = this.#options;
    if (this.#over || !keepUnfinished || (this.#written === 0 && !this.#file.resumed)) {
      await this.#file.discard();
      return undefined;
    }
    this.#over = true;
    for (const place of this.#places.values()) {
      // A disk that takes no more keeps what it has.
      if (place.recordable !== undefined)
        await place.record(place.recordable).catch(() => undefined);
    }
    return this.#file.keep();
  };

  async #stop(): Promise<void> {
    this.#ended = true;
    clearTimeout(this.#timer);
    await this.#pool.close();
    await this.#flushing;
  }

  /** A layout that is known better may differ in what comes before and after the blobs, not in their places. */
  #expectPlaces(layout: BundleLayout): void {
    const blobs = blobsOf(layout);
    const same =
      blobs.length === this.#places.size &&
      blobs.every(({ digest, offsets }) => this.#places.get(digest)?.offset === offsets[0]);
    if (!same) throw new Error("The archive's blobs lie elsewhere than where they were written.");
    for (const place of this.#places.values()) {
      if (!place.whole) throw new Error(`The blob ${place.digest} was not written.`);
    }
  }

  /** Everything between the blobs: headers, files, padding, end blocks, and SHA256SUMS last. */
  async #writeFiles(layout: BundleLayout): Promise<ReadonlyMap<string, string>> {
    const sums = new Map<string, string>();
    const inside = (path: string): string => path.slice(layout.root.length + 1);
    const unpackedOf = await readUnpacked(layout.manifest.components, this.window);
    for (const { path, content, dataOffset, size } of layout.tar.entries) {
      if (content === undefined || content.kind === "sums") continue;
      if (content.kind === "tarball") {
        await this.#writeStructure(content, dataOffset);
        continue;
      }
      const source: HashSource =
        content.kind === "file"
          ? { path: content.source, length: size }
          : { bytes: content.kind === "late" ? content.late(unpackedOf) : content.bytes };
      if ("bytes" in source && source.bytes.length !== size) {
        throw new Error(`${path} is not as long as laid out.`);
      }
      sums.set(inside(path), await this.#writeFile({ path, content, source, dataOffset }));
    }
    let position = 0;
    for (const piece of tarPieces(layout.tar)) {
      if ("bytes" in piece) {
        await writeAll(this.#file.handle, [piece.bytes], position);
        position += piece.bytes.length;
        continue;
      }
      const { entry } = piece;
      if (entry.content.kind === "sums") {
        const bytes = Buffer.from(formatSums(sums));
        if (bytes.length !== entry.size) throw new Error("SHA256SUMS is not as long as laid out.");
        await writeAll(this.#file.handle, [bytes], position);
      }
      position += entry.size;
    }
    // What a run before left here may have been longer.
    await this.#file.handle.truncate(layout.size);
    if (position !== layout.size) {
      throw new Error(`The archive has ${position} bytes instead of ${layout.size}.`);
    }
    return sums;
  }

  /** @returns its sha256 in hexadecimal digits. */
  async #writeFile({
    path,
    content,
    source,
    dataOffset,
  }: {
    readonly path: string;
    readonly content: BundleContent;
    readonly source: HashSource;
    readonly dataOffset: number;
  }): Promise<string> {
    const targets = [{ fd: this.#file.handle.fd, offset: dataOffset }];
    const outcome = await this.#pool.run({ sources: [source], targets });
    if ("failure" in outcome) {
      const { code, message } = outcome.failure;
      throw await this.#cannotWrite(`${path}: ${message}`, code);
    }
    const { sha256 } = outcome;
    if (content.kind === "file" && (content.sha256 ?? sha256) !== sha256) {
      throw new BundlerError("INTEGRITY", `${content.source} has changed since it was checked.`, {
        hint: "Run the command again: it is fetched anew, or give the right file.",
        details: { file: content.source, expected: content.sha256, found: sha256 },
      });
    }
    return sha256;
  }

  /** What of a tarball is no blob. */
  async #writeStructure(
    { tarball }: Extract<BundleContent, { kind: "tarball" }>,
    dataOffset: number,
  ): Promise<void> {
    let position = dataOffset;
    for (const piece of tarball.pieces) {
      if ("bytes" in piece) {
        await writeAll(this.#file.handle, [piece.bytes], position);
        position += piece.bytes.length;
      } else position += piece.size;
    }
  }

  /** Hands bytes to the disk while others arrive, and writes down which blobs have how many of theirs there. */
  #touch(delta: number): void {
    if (this.#ended || delta <= 0) return;
    this.#dirty += delta;
    if (this.#flushing !== undefined) return;
    if (this.#dirty >= FLUSH_BYTES) this.#flush();
    else this.#timer ??= setTimeout(() => this.#flush(), FLUSH_MS).unref();
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#ended || this.#flushing !== undefined) return;
    this.#dirty = 0;
    const counts = [...this.#places.values()].flatMap((place) => {
      const count = place.recordable;
      return count === undefined ? [] : [{ place, count }];
    });
    const flush = async (): Promise<void> => {
      await this.#file.handle.datasync();
      if (this.#options.keepUnfinished !== true) return;
      for (const { place, count } of counts) await place.record(count);
    };
    this.#flushing = flush()
      // The next write, or the final flush, meets the same trouble and reports it.
      .catch(() => undefined)
      .finally(() => {
        this.#flushing = undefined;
        if (this.#dirty > 0) this.#touch(1);
      });
  }

  async #explain(error: unknown): Promise<unknown> {
    if (isAbort(error) || this.#options.signal?.aborted) return interrupted();
    const code = systemCode(error);
    if (error instanceof BundlerError || code === undefined) return error;
    return this.#cannotWrite(messageOf(error), code, error);
  }

  async #cannotWrite(
    why: string,
    code: string | undefined,
    cause?: unknown,
  ): Promise<BundlerError> {
    const { output } = this.#options;
    if (isDiskFull(code)) return diskFull(output, this.#size - this.#written, cause);
    return new BundlerError("FILE", `Cannot write ${output}: ${why}`, {
      ...(cause === undefined ? {} : { cause }),
      details: { file: output },
    });
  }
}

interface LaidOutBlob {
  readonly digest: Digest;
  readonly size: number;
  /** In bytes, of the archive; one for each tarball that has it. */
  readonly offsets: readonly number[];
}

/** Where a layout puts blobs. */
function blobsOf({ tar }: BundleLayout): readonly LaidOutBlob[] {
  const blobs = new Map<Digest, { digest: Digest; size: number; offsets: number[] }>();
  for (const { content, dataOffset } of tar.entries) {
    if (content?.kind !== "tarball") continue;
    for (const { digest, size, offset } of content.tarball.blobs) {
      const known = blobs.get(digest) ?? { digest, size, offsets: [] };
      known.offsets.push(dataOffset + offset);
      blobs.set(digest, known);
    }
  }
  return [...blobs.values()];
}
