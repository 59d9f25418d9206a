import { digestOf } from "../core/digest.js";
import type { DiffId } from "../core/digest.js";
import { BundlerError } from "../core/errors.js";
import type { ImageConfig } from "../image/config.js";
import type { Descriptor } from "../image/descriptor.js";
import { type TarWindow, readWindow } from "../tar/window.js";
import type { ArchiveFiles } from "./archive-files.js";

/** One image found in an archive: its documents in memory, its layers still where they are. */
export interface ArchivedImage {
  /** What the archive calls it, as written there; empty when it has no name. */
  readonly names: readonly string[];
  readonly manifest: { readonly descriptor: Descriptor; readonly bytes: Uint8Array };
  readonly config: {
    readonly descriptor: Descriptor;
    readonly bytes: Uint8Array;
    readonly parsed: ImageConfig;
  };
  /** Base first. */
  readonly layers: readonly ArchivedLayer[];
}

export interface ArchivedLayer {
  readonly descriptor: Descriptor;
  readonly diffId: DiffId;
  readonly window: TarWindow;
}

/**
 * A document of an archive, whole.
 * @throws BundlerError INTEGRITY when it is missing or larger than `limit` bytes.
 */
export async function readDocument(
  archive: ArchiveFiles,
  path: string,
  limit: number,
): Promise<Buffer> {
  const window = await archive.find(path);
  if (window === undefined) throw missing(archive, path);
  return readWindow(window, limit);
}

/**
 * A document that a digest names.
 * @throws BundlerError INTEGRITY when it is missing, too large, or not what its name says.
 */
export async function readBlob(
  archive: ArchiveFiles,
  blob: Descriptor,
  limit: number,
): Promise<Buffer> {
  const bytes = await readDocument(archive, blobPath(blob), limit);
  const found = digestOf(bytes);
  if (found !== blob.digest || bytes.length !== blob.size) {
    throw new BundlerError(
      "INTEGRITY",
      `${archive.name}: the blob ${blob.digest} (${blob.size} bytes) is damaged: its ${bytes.length} bytes give ${found}.`,
      { details: { file: archive.name, expected: blob.digest, found } },
    );
  }
  return bytes;
}

/** OCI image-spec image-layout.md, "Blobs". */
export function blobPath({ digest }: Descriptor): string {
  return `blobs/${digest.replace(":", "/")}`;
}

export function missing(archive: ArchiveFiles, path: string): BundlerError {
  return new BundlerError(
    "INTEGRITY",
    `${archive.name} is not whole: ${JSON.stringify(path.slice(0, 200))} is missing.`,
    {
      hint: "Save the image again; an archive of one platform of several may need docker save --platform.",
      details: { file: archive.name, path },
    },
  );
}

/** @throws BundlerError INTEGRITY unless there is one diffID for each layer. */
export function checkLayerCount(archive: ArchiveFiles, layers: number, config: ImageConfig): void {
  if (layers === config.diffIds.length) return;
  throw new BundlerError(
    "INTEGRITY",
    `${archive.name}: the manifest has ${layers} layers, its config ${config.diffIds.length} diffIDs.`,
    { details: { file: archive.name } },
  );
}
