import type { Digest } from "../core/digest.js";
import { BundlerError, interrupted, isAbort } from "../core/errors.js";
import { type EventSink, noEvents } from "../core/events.js";
import type { Descriptor } from "../image/descriptor.js";
import { type Reference, parseReference } from "../image/reference.js";
import { pinnedManifest } from "../plan/resolve.js";
import type { LockedComponent, LockedImage, PlatformLock } from "../plan/types.js";
import type { Registry } from "../registry/client.js";
import type { Store } from "../store/store.js";
import { type ArchivePlaces, type BlobPlace, archiveKeeper } from "./keeper.js";

export interface AcquireContext {
  readonly registry: Registry;
  readonly store: Store;
  /** Whether what is fetched into an archive is put into the store as well. */
  readonly keepBlobs: boolean;
  readonly signal: AbortSignal;
  readonly onEvent: EventSink;
}

type PackedComponent = LockedComponent & { readonly image: LockedImage };

/** A blob and the image that it is fetched for; images that share it wait for it too. */
interface Wanted {
  readonly descriptor: Descriptor;
  readonly reference: Reference;
  readonly component: PackedComponent;
}

/** What is to be downloaded. */
export interface Missing {
  readonly blobs: ReadonlyMap<Digest, Descriptor>;
  readonly bytes: number;
}

/** The components of a lock whose image goes into the bundle. */
export function packedComponents(lock: PlatformLock): readonly PackedComponent[] {
  return lock.components.filter(
    (component): component is PackedComponent => component.image !== undefined,
  );
}

/**
 * Everything that one platform's images are made of: what of it is still to be fetched, and the one
 * way by which each blob comes to where it is wanted, once.
 */
export class Acquisition {
  readonly #lock: PlatformLock;
  readonly #context: AcquireContext;
  /** Bytes that were downloaded so far. */
  fetched = 0;
  #told = false;

  constructor(lock: PlatformLock, context: AcquireContext) {
    this.#lock = lock;
    this.#context = context;
  }

  /** Blobs of the lock that the store lacks now. */
  async missing(): Promise<Missing> {
    const blobs = new Map<Digest, Descriptor>();
    for (const { image } of packedComponents(this.#lock)) {
      for (const descriptor of blobsOf(image)) {
        const { digest, size } = descriptor;
        if (!blobs.has(digest) && !(await this.#context.store.has(digest, size)))
          blobs.set(digest, descriptor);
      }
    }
    return { blobs, bytes: [...blobs.values()].reduce((sum, { size }) => sum + size, 0) };
  }

  /** Brings every missing blob into the store. @throws as {@link into}. */
  async intoStore(signal = this.#context.signal): Promise<void> {
    await this.#bringAll(this.#lock, undefined, signal);
  }

  /**
   * Brings every blob of a lock to its places in an archive: those that the store has from there, the
   * others from their registry, through one hash, and into the store with the same bytes where it is kept.
   * The first failure stops the others, and nothing goes on when it is thrown.
   * @param lock with the images that were built meanwhile.
   * @throws BundlerError naming the component: NETWORK, AUTH, INTEGRITY, DISK, INTERRUPTED; LOCK when
   *   the registry no longer has what the lock pins.
   */
  async into(archive: ArchivePlaces, lock: PlatformLock): Promise<void> {
    await this.#bringAll(lock, archive, this.#context.signal);
  }

  async #bringAll(
    lock: PlatformLock,
    archive: ArchivePlaces | undefined,
    outer: AbortSignal,
  ): Promise<void> {
    const missing = await this.missing();
    const failed = new AbortController();
    const signal = AbortSignal.any([outer, failed.signal]);
    const flights = new Map<Digest, Promise<void>>();
    const tell = this.#teller(missing);
    const flight = (wanted: Wanted): Promise<void> => {
      const { digest, size } = wanted.descriptor;
      let known = flights.get(digest);
      if (known === undefined) {
        // What is fetched again, because it had rotted, is not counted.
        const onBytes = missing.blobs.has(digest) ? tell.bytes : () => undefined;
        let told = 0;
        known = this.#bring(wanted, archive, signal, (delta) => {
          told += delta;
          onBytes(delta);
        }).then(
          // Whatever came from elsewhere, such as what an earlier run had left.
          () => onBytes(size - told),
          (error: unknown) => {
            failed.abort(error);
            throw error;
          },
        );
        flights.set(digest, known);
      }
      return known;
    };
    const missingBytes = ({ image }: PackedComponent): number =>
      blobsOf(image).reduce(
        (sum, { digest, size }) => sum + (missing.blobs.has(digest) ? size : 0),
        0,
      );
    // The images with most to fetch start first, so that none of them is left alone at the end.
    const components = packedComponents(lock).toSorted((a, b) => missingBytes(b) - missingBytes(a));
    tell.start(components.length);
    const outcomes = await Promise.allSettled(
      components.map(async (component) => {
        const { name, image } = component;
        const fetches = missingBytes(component) > 0;
        if (fetches) tell.item(name, "start");
        if (archive !== undefined) this.#packed(name, "start");
        const reference = parseReference(image.reference);
        await Promise.all(
          blobsOf(image).map((descriptor) => flight({ descriptor, reference, component })),
        );
        tell.item(name, fetches ? "done" : "skipped");
        if (archive !== undefined) this.#packed(name, "done");
      }),
    );
    // An image that fails leaves the rest of its blobs under way: nothing may be written after this.
    await Promise.allSettled(flights.values());
    const errors = outcomes.flatMap((outcome) =>
      outcome.status === "rejected" ? [outcome.reason as unknown] : [],
    );
    if (errors.length > 0) throw errors.find((error) => !isAbort(error)) ?? errors[0];
    tell.end();
  }

  /** One blob to where it is wanted. One that has rotted in the store is dropped and fetched again, once. */
  async #bring(
    wanted: Wanted,
    archive: ArchivePlaces | undefined,
    signal: AbortSignal,
    onBytes: (delta: number) => void,
  ): Promise<void> {
    const { store } = this.#context;
    const { digest, size } = wanted.descriptor;
    const place = archive?.place(digest);
    if (archive !== undefined && place === undefined) throw new Error(`${digest} has no place.`);
    for (let healed = false; ;) {
      if (signal.aborted) throw interrupted();
      if (await place?.holds()) return;
      if (await store.has(digest, size)) {
        if (place === undefined) return;
        const copied = await place.copy(store.path(digest));
        if (copied === "done") return;
        if (copied === "damaged") {
          await this.#drop(wanted, healed);
          healed = true;
          continue;
        }
      }
      await this.#fetch(wanted, place, signal, onBytes);
    }
  }

  /** @throws BundlerError INTEGRITY where only another run can make the blob anew, or it rots at once. */
  async #drop({ descriptor, component }: Wanted, again: boolean): Promise<void> {
    const { store, onEvent } = this.#context;
    const { digest } = descriptor;
    const { name, method } = component;
    await store.remove(digest);
    if (method === "provided" || method === "build" || again) {
      const anew =
        method === "build"
          ? "the image is built anew"
          : method === "provided"
            ? "it is read from the image archive anew"
            : "the blob is fetched anew";
      throw new BundlerError(
        "INTEGRITY",
        `${name}: the stored blob ${digest} was damaged and has been deleted.`,
        {
          hint: `Run the same command again: ${anew}.`,
          details: { component: name, digest },
        },
      );
    }
    const message = `${name}: the stored blob ${digest} was damaged; it is fetched again.`;
    onEvent({ type: "notice", level: "warn", message });
  }

  async #fetch(
    { descriptor, reference, component }: Wanted,
    place: BlobPlace | undefined,
    signal: AbortSignal,
    onBytes: (delta: number) => void,
  ): Promise<void> {
    const { registry, store, keepBlobs } = this.#context;
    const { size } = descriptor;
    try {
      if (isManifest(descriptor)) {
        await pinnedManifest(reference, descriptor, { ...this.#context, signal });
        onBytes(size);
      } else {
        const keeper = place === undefined ? store : archiveKeeper(place, store, keepBlobs);
        await registry.download(reference, descriptor, keeper, { signal, onBytes });
      }
      this.fetched += size;
    } catch (error) {
      if (!(error instanceof BundlerError) || error.code === "INTERRUPTED") throw error;
      throw error.with({ component: component.name }, `${component.name}: `);
    }
  }

  #packed(name: string, state: "start" | "done"): void {
    this.#context.onEvent({ type: "item", phase: "pack", name, state });
  }

  /** The phase `fetch`, told once: what was brought into the store before goes on from there. */
  #teller(missing: Missing) {
    const onEvent = this.#told ? noEvents : this.#context.onEvent;
    this.#told = true;
    const subject = this.#lock.platform;
    return {
      start: (totalItems: number): void =>
        onEvent({
          type: "phase-start",
          phase: "fetch",
          subject,
          totalBytes: missing.bytes,
          totalItems,
        }),
      item: (name: string, state: "start" | "done" | "skipped"): void =>
        onEvent({ type: "item", phase: "fetch", name, state }),
      bytes: (delta: number): void => onEvent({ type: "bytes", phase: "fetch", delta }),
      end: (): void => {
        const { size } = missing.blobs;
        const summary = size === 0 ? "everything is in the store" : `${size} blobs`;
        onEvent({ type: "phase-end", phase: "fetch", subject, summary });
      },
    };
  }
}

function blobsOf(image: LockedImage): readonly Descriptor[] {
  return [image.manifest, image.config, ...image.layers];
}

function isManifest({ mediaType }: Descriptor): boolean {
  return /\.manifest\.v\d\+json$/.test(mediaType);
}
