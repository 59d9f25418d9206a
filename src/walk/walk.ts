import { basename } from "node:path";
import { blobPath } from "../bundle/image-layout.js";
import type { Bundle } from "../bundle/reader.js";
import type { BundleComponent } from "../bundle/types.js";
import { counted } from "../core/counted.js";
import { type Digest, shortDigest } from "../core/digest.js";
import { BundlerError } from "../core/errors.js";
import { type EventSink, noEvents } from "../core/events.js";
import { LIMITS } from "../core/limits.js";
import { MAGIC_BYTES, compressionOf } from "../image/compression.js";
import { UNPACKS_ZSTD } from "../image/unpack.js";
import { type TarWindow, readAt, readWindow, windowOf } from "../tar/window.js";
import { CaptureBudget } from "./captured.js";
import { parseConfigFacts } from "./config-facts.js";
import { LayerPool } from "./layer-pool.js";
import { FinalFiles, overlayLayers } from "./overlay.js";
import type { Capture, ImageConfigFacts, WalkedBundle, WalkedImage, WalkedLayer } from "./types.js";

export interface WalkOptions {
  readonly signal: AbortSignal;
  /** Gets the phase `walk`; its bytes are those of layers as they lie in the archive. */
  readonly onEvent?: EventSink;
  /** Whose content is kept. */
  readonly capture?: Capture;
  /**
   * What is kept of a captured file in its place, made as soon as its layer was read: a caller that
   * needs little of large files keeps memory small by it. Never throws.
   */
  readonly condense?: (path: string, content: Buffer) => Buffer;
  /** Component names; all when absent. */
  readonly only?: readonly string[];
  /** Computes the sha256 of every regular file, which takes about a third longer. */
  readonly hashFiles?: boolean;
  /** How many files all layers together may have, and all images. */
  readonly maxFiles?: number;
}

/** Bundles have some hundred thousand files; more than this does not fit into memory. */
const MAX_FILES = 5_000_000;

/** A layer where it lies, in an archive or a file of its own; without a window where it does not. */
export interface StoredLayer {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly size: number;
  readonly window?: TarWindow;
}

/** An image whose config has been read. */
export interface OpenImage {
  readonly component: Pick<BundleComponent, "name" | "image">;
  readonly config: ImageConfigFacts;
}

/**
 * Goes through all layers of an archive's images once, each distinct layer once, on as many threads
 * as there are cores; nothing is extracted, and memory grows with the number of files only. A layer
 * that is missing, damaged or cannot be unpacked tells so itself (`trouble`).
 * @throws BundlerError INTEGRITY for an image tarball or config that cannot be read, or layers with
 *   more files than memory should hold; NOT_FOUND for a component in `only` that is not there; FILE
 *   when the archive cannot be read; INTERRUPTED, with no thread left running.
 */
export async function walkBundle(bundle: Bundle, options: WalkOptions): Promise<WalkedBundle> {
  const { only } = options;
  const names = only ?? bundle.manifest.components.map(({ name }) => name);
  const images: OpenImage[] = [];
  const stored = new Map<Digest, StoredLayer>();
  for (const name of names) images.push(await openImage(bundle, name, stored));
  const walked = await walkImages(basename(bundle.path), images, [...stored.values()], options);
  return { manifest: bundle.manifest, images: walked };
}

/**
 * Walks open images, wherever their layers lie. `layers` has each layer of theirs once; the caller
 * keeps the files open until this is done. `subject` is the phase's.
 * @throws BundlerError as {@link walkBundle}
 */
export async function walkImages(
  subject: string,
  images: readonly OpenImage[],
  stored: readonly StoredLayer[],
  options: WalkOptions,
): Promise<readonly WalkedImage[]> {
  const { onEvent = noEvents } = options;
  const totalBytes = stored.reduce((sum, { window }) => sum + (window?.length ?? 0), 0);
  onEvent({ type: "phase-start", phase: "walk", subject, totalBytes });
  const layers = await readLayers(stored, new FileRoom(subject, options.maxFiles), options);
  const made = new FinalFiles();
  const room = new FileRoom(subject, options.maxFiles);
  const walked = images.map((image) => {
    const one = overlay(image, layers, made);
    // A layer is stored once, but counts in each image that has it.
    room.take(one.files.size);
    return one;
  });
  const summary = `${counted(stored.length, "layer")} of ${counted(images.length, "image")}`;
  onEvent({ type: "phase-end", phase: "walk", subject, summary });
  return walked;
}

/** What an archive's files may take in memory. */
class FileRoom {
  readonly #name: string;
  #left: number;

  constructor(name: string, most = MAX_FILES) {
    this.#name = name;
    this.#left = most;
  }

  /** @throws BundlerError INTEGRITY when it is used up. */
  take(count: number): void {
    this.#left -= count;
    if (this.#left >= 0) return;
    throw new BundlerError("INTEGRITY", `${this.#name} has more files than any bundle has.`, {
      details: { file: this.#name },
    });
  }
}

/** Reads an image's config, and notes where its layers are. */
async function openImage(
  bundle: Bundle,
  name: string,
  stored: Map<Digest, StoredLayer>,
): Promise<OpenImage> {
  const { component, entries } = await bundle.image(name);
  const tarball = bundle.window(component.tarball.path);
  const windowAt = (digest: Digest): TarWindow | undefined => {
    const entry = entries.get(blobPath(digest));
    return entry === undefined ? undefined : windowOf(tarball, entry);
  };
  const { image } = component;
  const config = windowAt(image.config.digest);
  if (config === undefined) {
    throw new BundlerError("INTEGRITY", `${name}: ${tarball.name} has no config.`, {
      details: { component: name, missing: image.config.digest },
    });
  }
  const facts = parseConfigFacts(`${name}: the config`, await readWindow(config, LIMITS.config));
  for (const { digest, mediaType, size } of image.layers) {
    const window = windowAt(digest);
    // Damage to one image's copy of a layer is told by the sums; any copy is as good here.
    if (stored.get(digest)?.window !== undefined) continue;
    stored.set(digest, { digest, mediaType, size, ...(window === undefined ? {} : { window }) });
  }
  return { component, config: facts };
}

async function readLayers(
  stored: readonly StoredLayer[],
  room: FileRoom,
  { signal, capture, condense, hashFiles = false, onEvent = noEvents }: WalkOptions,
): Promise<ReadonlyMap<Digest, WalkedLayer>> {
  const pool = new LayerPool(signal);
  const budget = new CaptureBudget(capture?.maxTotalBytes ?? 0);
  const read = async (layer: StoredLayer, place: number): Promise<WalkedLayer> => {
    const { digest, window } = layer;
    const name = `The layer ${shortDigest(digest)}`;
    const nothing = {
      digest,
      unpacked: 0,
      files: [],
      captured: new Map(),
      truncated: [],
      doubts: [],
    };
    if (window === undefined) {
      const message = `${name} is not in the image tarball.`;
      return { ...nothing, size: 0, trouble: { kind: "missing", message } };
    }
    const size = window.length;
    const head = await readAt(window, 0, Math.min(size, MAGIC_BYTES));
    if (compressionOf(head) === "zstd" && !UNPACKS_ZSTD) {
      const message = `${name} is not looked into: it is compressed with zstd.`;
      return { ...nothing, size, trouble: { kind: "compression", message } };
    }
    const job = { name, fd: window.handle.fd, offset: window.offset, length: size };
    const facts = await pool.run(
      { ...job, hashFiles, ...(capture === undefined ? {} : { capture }) },
      (delta) => onEvent({ type: "bytes", phase: "walk", delta }),
    );
    const { diffId, unpacked, files, doubts, trouble } = facts;
    room.take(files.length);
    const captured =
      condense === undefined
        ? facts.captured
        : new Map([...facts.captured].map(([path, bytes]) => [path, condense(path, bytes)]));
    const kept = budget.add(place, captured, facts.truncated);
    return {
      digest,
      ...(diffId === undefined ? {} : { diffId }),
      size,
      unpacked,
      files,
      captured: kept.files,
      truncated: kept.truncated,
      doubts,
      ...(trouble === undefined ? {} : { trouble: { kind: "damaged", message: trouble } }),
    };
  };
  try {
    // The largest first, so that no thread is left with one at the end.
    const order = [...stored.entries()].sort(([, a], [, b]) => b.size - a.size);
    const layers = await Promise.all(order.map(([place, layer]) => read(layer, place)));
    return new Map(layers.map((layer) => [layer.digest, layer]));
  } finally {
    await pool.close();
  }
}

function overlay(
  { component, config }: OpenImage,
  walked: ReadonlyMap<Digest, WalkedLayer>,
  made: FinalFiles,
): WalkedImage {
  const { name, image } = component;
  const layers = image.layers
    .map(({ digest }) => walked.get(digest))
    .filter((layer) => layer !== undefined);
  return { component: name, image, config, layers, ...overlayLayers(name, layers, made) };
}
