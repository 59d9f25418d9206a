import { blobPath } from "../bundle/image-layout.js";
import type { Bundle } from "../bundle/reader.js";
import type { Digest } from "../core/digest.js";
import { BundlerError } from "../core/errors.js";
import type { Descriptor } from "../image/descriptor.js";
import { unpackedChunks } from "../image/unpack.js";
import type { TarEntry } from "../tar/scan.js";
import { streamWindow, windowOf } from "../tar/window.js";
import type { IndexedLayer } from "./final-files.js";
import { type LayerIndex, IndexRoom, indexLayer } from "./layer-index.js";

/** A layer of an image in an archive, read when it is asked for. */
export interface BundleLayer extends IndexedLayer {
  /** The tar, from its start; as often as it is asked for. */
  readonly unpacked: () => AsyncGenerator<Uint8Array, void, void>;
}

/**
 * The layers of a component's image, base first.
 * @throws BundlerError NOT_FOUND for a component that is not inside, INTEGRITY for an image tarball
 *   that is damaged or lacks a layer.
 */
export async function bundleLayers(
  bundle: Bundle,
  component: string,
  signal: AbortSignal,
): Promise<readonly BundleLayer[]> {
  const { component: found, entries } = await bundle.image(component);
  const { path } = found.tarball;
  const room = new IndexRoom();
  // An image may have a layer more than once.
  const indexes = new Map<Digest, Promise<LayerIndex>>();
  return found.image.layers.map((layer): BundleLayer => {
    const entry = entries.get(blobPath(layer.digest));
    const unpacked = (): AsyncGenerator<Uint8Array, void, void> =>
      unpackedChunks(
        streamWindow(windowOf(bundle.window(path), blobOf(entry, layer, component)), signal),
        { signal, name: nameOf(layer, component) },
      );
    return {
      digest: layer.digest,
      unpacked,
      index: () => {
        const index =
          indexes.get(layer.digest) ?? indexLayer(nameOf(layer, component), unpacked(), room);
        indexes.set(layer.digest, index);
        return index;
      },
    };
  });
}

/**
 * A run of bytes out of a layer's tar; reads no further than it has to.
 * @throws BundlerError INTEGRITY when the layer ends before; whatever the chunks throw.
 */
export async function* bytesOf(
  { digest, unpacked }: BundleLayer,
  { dataOffset, size }: { readonly dataOffset: number; readonly size: number },
): AsyncGenerator<Uint8Array, void, void> {
  if (size === 0) return;
  const end = dataOffset + size;
  let at = 0;
  for await (const chunk of unpacked()) {
    const from = Math.max(dataOffset - at, 0);
    const to = Math.min(end - at, chunk.length);
    if (from < to) yield chunk.subarray(from, to);
    at += chunk.length;
    if (at >= end) return;
  }
  throw new BundlerError("INTEGRITY", `The layer ${digest} ends inside a file.`, {
    details: { digest },
  });
}

function nameOf({ digest }: Descriptor, component: string): string {
  return `The layer ${digest} of ${component}`;
}

function blobOf(entry: TarEntry | undefined, layer: Descriptor, component: string): TarEntry {
  if (entry?.type === "file" && entry.size === layer.size) return entry;
  throw new BundlerError(
    "INTEGRITY",
    entry === undefined
      ? `${nameOf(layer, component)} is not in its image tarball.`
      : `${nameOf(layer, component)} has ${entry.size} bytes instead of ${layer.size}.`,
    {
      hint: "verify lists everything that is wrong.",
      details: { digest: layer.digest, component },
    },
  );
}
