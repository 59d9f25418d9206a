import { BundlerError, interrupted, isAbort, messageOf, systemCode } from "../core/errors.js";
import { type Digest, digestFromHex } from "../core/digest.js";
import { type EventSink, noEvents } from "../core/events.js";
import { type LaidOutEntry, tarPieces } from "../tar/layout.js";
import type { HashFailure, HashOutcome, HashSource } from "./hash-job.js";
import { HashPool } from "./hash-pool.js";
import { type ImagePiece, blobsOf } from "./image-layout.js";
import type { BundleContent, BundleLayout } from "./layout.js";
import { type PartialFile, diskFull, isDiskFull, openPartialFile } from "./partial-file.js";
import { formatSums } from "./sums.js";
import { tarballsOf } from "./tarballs.js";
import { readUnpacked } from "./unpacked.js";

export interface WriteOptions {
  /** Where the archive goes. */
  readonly output: string;
  /** Replace an existing file. */
  readonly force?: boolean;
  /** Where the store keeps a blob. */
  readonly blobPath: (digest: Digest) => string;
  readonly signal?: AbortSignal;
  /** Gets the items and bytes of the phase `pack`; bytes count images only, and are taken back when one fails. */
  readonly onEvent?: EventSink;
}

export interface WrittenBundle {
  readonly path: string;
  /** In bytes. */
  readonly size: number;
  /** sha256 of every file inside but the image tarballs, by its path in the top folder. */
  readonly sums: ReadonlyMap<string, string>;
}

/** Fills a layout, images in any order and several at a time. */
export interface BundleWriter {
  /**
   * Writes an image tarball, `images/redis.tar`, to its place. May be called again after it failed.
   * @throws BundlerError INTEGRITY when a blob of the store is not what its digest says (its digest is in
   *   `details.digest`, one component that has it in `details.component`), NOT_FOUND when it is not there,
   *   DISK, INTERRUPTED.
   */
  readonly tarball: (path: string) => Promise<void>;
  /**
   * Writes everything else, flushes, and gives the archive its name.
   * @throws BundlerError FILE when the name has been taken meanwhile, DISK, INTERRUPTED.
   */
  readonly finish: () => Promise<WrittenBundle>;
  /** Stops and leaves nothing behind. Harmless after finish. */
  readonly abort: () => Promise<void>;
}

/**
 * Writes a whole archive from blobs that are all in the store.
 * @throws BundlerError as BundleWriter does; nothing is left behind then.
 */
export async function writeBundle(
  layout: BundleLayout,
  options: WriteOptions,
): Promise<WrittenBundle> {
  const writer = await openBundleWriter(layout, options);
  try {
    const tarballs = tarballsOf(layout.manifest.components);
    await Promise.all(tarballs.map(({ path }) => writer.tarball(path)));
    return await writer.finish();
  } finally {
    await writer.abort();
  }
}

/**
 * Starts an archive in a hidden file beside its final name. Whoever opens a writer ends it with
 * `finish` or `abort`.
 * @throws BundlerError FILE, DISK before anything is written.
 */
export async function openBundleWriter(
  layout: BundleLayout,
  options: WriteOptions,
): Promise<BundleWriter> {
  if (options.signal?.aborted) throw interrupted();
  const file = await openPartialFile(options.output, layout.size, options.force ?? false);
  return new ArchiveWriter(layout, options, file);
}

type TarballEntry = LaidOutEntry<BundleContent> & {
  readonly content: Extract<BundleContent, { kind: "tarball" }>;
};

class ArchiveWriter implements BundleWriter {
  readonly #layout: BundleLayout;
  readonly #options: WriteOptions;
  readonly #onEvent: EventSink;
  readonly #file: PartialFile;
  readonly #pool: HashPool;
  /** Path inside the top folder to sha256, of files that are no image tarballs. */
  readonly #sums = new Map<string, string>();
  /** The paths of image tarballs that are written and proved. */
  readonly #tarballs = new Set<string>();
  #written = 0;
  /** Background flushes of finished images: the disk works while the processor hashes. */
  readonly #flushes = new Set<Promise<void>>();

  constructor(layout: BundleLayout, options: WriteOptions, file: PartialFile) {
    this.#layout = layout;
    this.#options = options;
    this.#onEvent = options.onEvent ?? noEvents;
    this.#file = file;
    this.#pool = new HashPool(options.signal);
  }

  readonly tarball = async (path: string): Promise<void> => {
    const entry = this.#layout.tar.entries.find(
      (candidate): candidate is TarballEntry =>
        candidate.content?.kind === "tarball" && this.#inside(candidate.path) === path,
    );
    if (entry === undefined) throw new Error(`The layout has no ${path}.`);
    const { components, tarball } = entry.content;
    this.#told(components, "start");
    let written = 0;
    const onBytes = (delta: number): void => {
      written += delta;
      this.#onEvent({ type: "bytes", phase: "pack", delta });
    };
    let position = entry.dataOffset;
    // A failure waits for the rest to end, so that another attempt finds the place quiet.
    const results = await Promise.allSettled(
      tarball.pieces.map((piece) => {
        const at = position;
        position += "bytes" in piece ? piece.bytes.length : piece.size;
        return this.#piece(piece, at, onBytes);
      }),
    );
    for (const result of results) {
      if (result.status === "fulfilled") continue;
      this.#written -= written;
      this.#onEvent({ type: "bytes", phase: "pack", delta: -written });
      throw result.reason;
    }
    this.#tarballs.add(path);
    this.#flush();
    this.#told(components, "done");
  };

  #told(components: readonly string[], state: "start" | "done"): void {
    for (const name of components) this.#onEvent({ type: "item", phase: "pack", name, state });
  }

  readonly finish = async (): Promise<WrittenBundle> => {
    try {
      await this.#writeFiles();
      if (this.#options.signal?.aborted) throw interrupted();
      await Promise.all(this.#flushes);
      await this.#pool.close();
      await this.#file.publish();
    } catch (error) {
      await this.abort();
      throw await this.#explain(error);
    }
    return { path: this.#options.output, size: this.#layout.size, sums: this.#sums };
  };

  readonly abort = async (): Promise<void> => {
    await this.#pool.close();
    await Promise.allSettled(this.#flushes);
    await this.#file.discard();
  };

  /** Everything between the images: headers, files, padding, end blocks, and SHA256SUMS last. */
  async #writeFiles(): Promise<void> {
    const files = this.#layout.tar.entries.filter(
      (entry): entry is LaidOutEntry<BundleContent> & { readonly content: BundleContent } =>
        entry.content !== undefined,
    );
    const unpackedOf = await readUnpacked(this.#layout.manifest.components, this.#options.blobPath);
    for (const { path, content, dataOffset, size } of files) {
      if (content.kind === "tarball") {
        if (this.#tarballs.has(this.#inside(path))) continue;
        throw new Error(`${this.#inside(path)} was not written.`);
      }
      if (content.kind === "sums") continue;
      const source: HashSource =
        content.kind === "file"
          ? { path: content.source, length: size }
          : { bytes: content.kind === "late" ? content.late(unpackedOf) : content.bytes };
      if ("bytes" in source && source.bytes.length !== size) {
        throw new Error(`${path} is not as long as laid out.`);
      }
      const outcome = await this.#run([source], dataOffset);
      if ("failure" in outcome) {
        const { code, message } = outcome.failure;
        throw await this.#cannotWrite(`${path}: ${message}`, code);
      }
      if (content.kind === "file" && (content.sha256 ?? outcome.sha256) !== outcome.sha256) {
        throw new BundlerError("INTEGRITY", `${content.source} has changed since it was checked.`, {
          hint: "Run the command again: it is fetched anew, or give the right file.",
          details: { file: content.source, expected: content.sha256, found: outcome.sha256 },
        });
      }
      this.#sums.set(this.#inside(path), outcome.sha256);
    }
    let position = 0;
    for (const piece of tarPieces(this.#layout.tar)) {
      if ("bytes" in piece) {
        await this.#write(piece.bytes, position);
        position += piece.bytes.length;
        continue;
      }
      const { entry } = piece;
      if (entry.content.kind === "sums") {
        const bytes = Buffer.from(formatSums(this.#sums));
        if (bytes.length !== entry.size) throw new Error("SHA256SUMS is not as long as laid out.");
        await this.#write(bytes, position);
      }
      position += entry.size;
    }
    const { size } = await this.#file.handle.stat();
    if (size !== this.#layout.size || position !== size) {
      throw new Error(`The archive has ${size} bytes instead of ${this.#layout.size}.`);
    }
  }

  async #write(bytes: Buffer, position: number): Promise<void> {
    let done = 0;
    while (done < bytes.length) {
      done += (await this.#file.handle.write(bytes, done, bytes.length - done, position + done))
        .bytesWritten;
    }
  }

  #run(
    sources: readonly HashSource[],
    offset: number,
    onBytes?: (delta: number) => void,
  ): Promise<HashOutcome> {
    const job = { sources, target: { fd: this.#file.handle.fd, offset } };
    return this.#pool.run(job, (delta) => {
      this.#written += delta;
      onBytes?.(delta);
    });
  }

  /** Copies a blob to its place; one that rotted in the store must not travel under its name. */
  async #piece(piece: ImagePiece, offset: number, onBytes: (delta: number) => void): Promise<void> {
    const isBlob = "digest" in piece;
    const source: HashSource = isBlob
      ? { path: this.#options.blobPath(piece.digest), length: piece.size }
      : piece;
    const outcome = await this.#run([source], offset, onBytes);
    if ("failure" in outcome) {
      const { failure } = outcome;
      if (isBlob && failure.stage !== "write") throw await this.#blobError(piece.digest, failure);
      throw await this.#cannotWrite(failure.message, failure.code);
    }
    if (!isBlob || digestFromHex(outcome.sha256) === piece.digest) return;
    const { digest } = piece;
    const component = this.#userOf(digest);
    throw new BundlerError(
      "INTEGRITY",
      `${component}: the stored blob ${digest} has changed on disk; its bytes are sha256:${outcome.sha256}.`,
      {
        hint: "Run the command again: the blob is fetched anew.",
        details: { component, digest, expected: digest, found: `sha256:${outcome.sha256}` },
      },
    );
  }

  /** One component whose image has a blob. */
  #userOf(digest: Digest): string {
    const user = this.#layout.manifest.components.find(({ image }) =>
      blobsOf(image).some((blob) => blob.digest === digest),
    );
    return user?.name ?? "nobody";
  }

  async #blobError(digest: Digest, failure: HashFailure): Promise<BundlerError> {
    const component = this.#userOf(digest);
    const details = { component, digest, file: this.#options.blobPath(digest) };
    if (failure.code === "ENOENT") {
      return new BundlerError(
        "NOT_FOUND",
        `${component}: the blob ${digest} is not in the store.`,
        {
          hint: "Run the command again: it is fetched anew.",
          details,
        },
      );
    }
    // A disk that cannot read it any more has lost it as much as one that changed it.
    if (failure.stage === "size" || failure.stage === "read") {
      return new BundlerError(
        "INTEGRITY",
        `${component}: the stored blob ${digest} is damaged: ${failure.message}.`,
        { hint: "Run the command again: the blob is fetched anew.", details },
      );
    }
    return this.#cannotWrite(`${component}: ${digest}: ${failure.message}`, failure.code);
  }

  #flush(): void {
    const flush = this.#file.handle
      .datasync()
      // The final flush meets the same trouble and reports it.
      .catch(() => undefined)
      .finally(() => this.#flushes.delete(flush));
    this.#flushes.add(flush);
  }

  #inside(path: string): string {
    return path.slice(this.#layout.root.length + 1);
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
    if (isDiskFull(code)) return diskFull(output, this.#layout.size - this.#written, cause);
    return new BundlerError("FILE", `Cannot write ${output}: ${why}`, {
      ...(cause === undefined ? {} : { cause }),
      details: { file: output },
    });
  }
}
