import { BundlerError, interrupted, isAbort, messageOf, systemCode } from "../core/errors.js";
import { type Digest, digestFromHex } from "../core/digest.js";
import { type EventSink, noEvents } from "../core/events.js";
import type { Descriptor } from "../image/descriptor.js";
import { type LaidOutEntry, tarPieces } from "../tar/layout.js";
import type { HashFailure, HashOutcome, HashSource } from "./hash-job.js";
import { HashPool } from "./hash-pool.js";
import { type ImagePiece, tarballKey } from "./image-layout.js";
import type { BundleContent, BundleLayout } from "./layout.js";
import { type PartialFile, diskFull, isDiskFull, openPartialFile } from "./partial-file.js";
import { formatSums } from "./sums.js";
import { readUnpacked } from "./unpacked.js";

export interface WriteOptions {
  /** Where the archive goes. */
  readonly output: string;
  /** Replace an existing file. */
  readonly force?: boolean;
  /** Where the store keeps a blob. */
  readonly blobPath: (digest: Digest) => string;
  /** Whether a blob's bytes were already hashed by this process, as it fetched them; they are not hashed again. */
  readonly isFresh?: (digest: Digest) => boolean;
  readonly signal?: AbortSignal;
  /** Gets the items and bytes of the phase `pack`; bytes count images only, and are taken back when one fails. */
  readonly onEvent?: EventSink;
  /** What tarballs came to in earlier runs: one that does again has good blobs, without hashing each. */
  readonly knownSums?: KnownSums;
}

/** Remembers the sha256 of image tarballs whose every blob was proved. */
interface KnownSums {
  readonly get: (tarball: Digest) => Promise<string | undefined>;
  readonly set: (tarball: Digest, sha256: string) => Promise<void>;
}

export interface WrittenBundle {
  readonly path: string;
  /** In bytes. */
  readonly size: number;
  /** sha256 of every file inside, by its path in the top folder. */
  readonly sums: ReadonlyMap<string, string>;
}

/** Fills a layout, images in any order and several at a time. */
export interface BundleWriter {
  /**
   * Writes a component's image tarball to its place. May be called again after it failed.
   * @throws BundlerError INTEGRITY when a blob of the store is not what its digest says (its
   *   digest is in `details.digest`), NOT_FOUND when it is not there, DISK, INTERRUPTED.
   */
  readonly image: (component: string) => Promise<void>;
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
    await Promise.all(layout.manifest.components.map(({ name }) => writer.image(name)));
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

type ImageEntry = LaidOutEntry<BundleContent> & {
  readonly content: Extract<BundleContent, { kind: "image" }>;
};

class ArchiveWriter implements BundleWriter {
  readonly #layout: BundleLayout;
  readonly #options: WriteOptions;
  readonly #onEvent: EventSink;
  readonly #file: PartialFile;
  readonly #pool: HashPool;
  /** Path inside the top folder to sha256; an image is here once it is written and proved. */
  readonly #sums = new Map<string, string>();
  /** One proof per blob, however many images share it. */
  readonly #proofs = new Map<Digest, Promise<HashOutcome>>();
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

  readonly image = async (component: string): Promise<void> => {
    const entry = this.#layout.tar.entries.find(
      (candidate): candidate is ImageEntry =>
        candidate.content?.kind === "image" && candidate.content.component === component,
    );
    if (entry === undefined) throw new Error(`The layout has no image of ${component}.`);
    this.#onEvent({ type: "item", phase: "pack", name: component, state: "start" });
    const { image } = entry.content;
    const { knownSums } = this.#options;
    const key = tarballKey(image);
    const known = await knownSums?.get(key);
    let written = 0;
    const copying = this.#run(
      image.pieces.map((piece) => this.#source(piece)),
      entry.dataOffset,
      (delta) => {
        written += delta;
        this.#onEvent({ type: "bytes", phase: "pack", delta });
      },
    ).then((outcome) => this.#hexOf(outcome, image.pieces, component));
    // Without a sum to compare with, copy and proofs go side by side and keep two cores busy.
    const proving =
      known === undefined
        ? this.#proveAll(image.blobs, component)
        : copying.then((copied) =>
            copied === known ? undefined : this.#proveAll(image.blobs, component),
          );
    // A failure waits for the rest to end, so that another attempt finds the place quiet.
    const [proved, copied] = await Promise.allSettled([proving, copying]);
    for (const result of [proved, copied]) {
      if (result.status === "fulfilled") continue;
      this.#written -= written;
      this.#onEvent({ type: "bytes", phase: "pack", delta: -written });
      throw result.reason;
    }
    const sum = await copying;
    this.#sums.set(this.#inside(entry.path), sum);
    if (sum !== known) await knownSums?.set(key, sum);
    this.#flush();
    this.#onEvent({ type: "item", phase: "pack", name: component, state: "done" });
  };

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
      if (content.kind === "image") {
        if (this.#sums.has(this.#inside(path))) continue;
        throw new Error(`The image of ${content.component} was not written.`);
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

  #source(piece: ImagePiece): HashSource {
    if ("bytes" in piece) return piece;
    return { path: this.#options.blobPath(piece.digest), length: piece.size };
  }

  async #proveAll(blobs: readonly Descriptor[], component: string): Promise<void> {
    const proofs = await Promise.allSettled(blobs.map((blob) => this.#prove(blob, component)));
    for (const proof of proofs) if (proof.status === "rejected") throw proof.reason;
  }

  /**
   * A blob that rotted in the store must not travel under its name. Hashing it apart from the copy
   * keeps two cores busy with one image, and the second reading comes from the system's cache.
   */
  async #prove(blob: Descriptor, component: string): Promise<void> {
    const { digest, size } = blob;
    if (this.#options.isFresh?.(digest)) return;
    let proof = this.#proofs.get(digest);
    if (proof === undefined) {
      proof = this.#pool.run({
        sources: [{ path: this.#options.blobPath(digest), length: size }],
      });
      this.#proofs.set(digest, proof);
    }
    const outcome = await proof;
    if (!("failure" in outcome) && digestFromHex(outcome.sha256) === digest) return;
    // The next attempt, after the blob was fetched anew, must look again.
    if (this.#proofs.get(digest) === proof) this.#proofs.delete(digest);
    if ("failure" in outcome) throw await this.#blobError(digest, outcome.failure, component);
    throw new BundlerError(
      "INTEGRITY",
      `${component}: the stored blob ${digest} has changed on disk; its bytes are sha256:${outcome.sha256}.`,
      {
        hint: "Run the command again: the blob is fetched anew.",
        details: { component, digest, expected: digest, found: `sha256:${outcome.sha256}` },
      },
    );
  }

  async #hexOf(
    outcome: HashOutcome,
    pieces: readonly ImagePiece[],
    component: string,
  ): Promise<string> {
    if (!("failure" in outcome)) return outcome.sha256;
    const { failure } = outcome;
    const piece = pieces[failure.source];
    if (failure.stage !== "write" && piece !== undefined && "digest" in piece) {
      throw await this.#blobError(piece.digest, failure, component);
    }
    throw await this.#cannotWrite(`the image of ${component}: ${failure.message}`, failure.code);
  }

  async #blobError(digest: Digest, failure: HashFailure, component: string): Promise<BundlerError> {
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
