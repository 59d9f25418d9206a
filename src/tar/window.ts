import type { FileHandle } from "node:fs/promises";
import { BundlerError, interrupted } from "../core/errors.js";

/** A run of bytes of an open file: an archive, or an archive inside an archive. */
export interface TarWindow {
  readonly handle: FileHandle;
  /** For messages: `openim.tar`, `openim.tar: images/redis.tar`. */
  readonly name: string;
  /** In bytes, of the file. */
  readonly offset: number;
  readonly length: number;
}

const CHUNK = 1024 * 1024;

/** The part of a window that an entry's data fills. */
export function windowOf(
  window: TarWindow,
  entry: { readonly path: string; readonly dataOffset: number; readonly size: number },
): TarWindow {
  return {
    handle: window.handle,
    name: `${window.name}: ${entry.path}`,
    offset: window.offset + entry.dataOffset,
    length: entry.size,
  };
}

/**
 * Reads exactly `length` bytes at `offset` of the window.
 * @throws BundlerError INTEGRITY when the file ends before.
 */
export async function readAt(window: TarWindow, offset: number, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await window.handle.read(
      buffer,
      done,
      length - done,
      window.offset + offset + done,
    );
    if (bytesRead === 0) {
      throw new BundlerError(
        "INTEGRITY",
        `${window.name} ends at byte ${offset + done}, ${length - done} bytes short.`,
        { details: { file: window.name, offset: offset + done } },
      );
    }
    done += bytesRead;
  }
  return buffer;
}

/**
 * A whole window in memory, for documents.
 * @throws BundlerError INTEGRITY when it is larger than `limit` bytes, or cut short.
 */
export async function readWindow(window: TarWindow, limit: number): Promise<Buffer> {
  if (window.length > limit) {
    throw new BundlerError(
      "INTEGRITY",
      `${window.name} has ${window.length} bytes; at most ${limit} are accepted.`,
      { details: { file: window.name, expected: limit, found: window.length } },
    );
  }
  return readAt(window, 0, window.length);
}

/**
 * A window's bytes in chunks of 1 MiB by positioned reads, each in a buffer of its own, so that
 * several windows of one file can be read at the same time.
 * @throws BundlerError INTEGRITY when the file ends before the window does; INTERRUPTED.
 */
export async function* streamWindow(
  window: TarWindow,
  signal?: AbortSignal,
): AsyncGenerator<Buffer, void, void> {
  for (let offset = 0; offset < window.length; offset += CHUNK) {
    if (signal?.aborted) throw interrupted();
    yield await readAt(window, offset, Math.min(CHUNK, window.length - offset));
  }
}
