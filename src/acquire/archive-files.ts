import { randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, open, realpath, stat, statfs, unlink } from "node:fs/promises";
import { basename, join, posix, resolve, sep } from "node:path";
import { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { formatBytes } from "../core/bytes.js";
import { BundlerError, interrupted, isAbort, messageOf, systemCode } from "../core/errors.js";
import { formatOf } from "../image/compression.js";
import { storeError } from "../store/disk-error.js";
import { type TarEntry, readTarIndex } from "../tar/scan.js";
import { type TarWindow, windowOf } from "../tar/window.js";

/** The files of an image archive or of a folder, opened for reading at random. Nothing is unpacked. */
export interface ArchiveFiles {
  /** For messages: the file's name without its folder. */
  readonly name: string;
  /**
   * A regular file by its path inside, undefined when it is not there. Symbolic links inside an
   * archive are followed for layers only: the old `docker save` wrote a layer that occurs twice so.
   * @throws BundlerError INTEGRITY for a path or link that leads out, FILE for one that cannot be read.
   */
  find(path: string, options?: { readonly links?: boolean }): Promise<TarWindow | undefined>;
  close(): Promise<void>;
}

export interface OpenOptions {
  /** Where a compressed archive is unpacked to, in a file without a name that goes with this process. */
  readonly tempDir: string;
  readonly signal: AbortSignal;
}

/** Bytes that no archive of an image has; an archive of zeros compresses a thousandfold and is still one. */
const MAX_UNPACKED = 2 ** 40;
const MAX_LINKS = 8;

/**
 * Opens a tar archive, plain or gzip by its first bytes, or a folder.
 * @throws BundlerError FILE when it cannot be read, or is a pipe or a device; INTEGRITY when it is damaged, not a tar, or has
 *   entries that lead out of it; DISK; INTERRUPTED.
 */
export async function openArchive(file: string, options: OpenOptions): Promise<ArchiveFiles> {
  try {
    const found = await stat(file);
    if (found.isDirectory()) return await openFolder(file);
    if (found.isFile()) return await openFile(file, options);
    // Opening a pipe that nobody writes to would wait for ever.
    throw new BundlerError("FILE", `${file} is not a regular file.`, {
      hint: "A pipe cannot be read at random: write it to a file first.",
      details: { file },
    });
  } catch (error) {
    throw readError(error, file);
  }
}

async function openFile(file: string, options: OpenOptions): Promise<ArchiveFiles> {
  const name = basename(file);
  let handle = await open(file, "r");
  try {
    const magic = Buffer.alloc(6);
    await handle.read(magic, 0, magic.length, 0);
    const compression = formatOf(magic);
    if (compression === "gzip") {
      const unpacked = await gunzip(handle, name, options);
      await handle.close();
      handle = unpacked;
    } else if (compression !== undefined) {
      throw new BundlerError(
        "INTEGRITY",
        `${name} is compressed with ${compression}, which is not read here.`,
        {
          hint: "Decompress it first: plain tar and gzip are read.",
          details: { file },
        },
      );
    }
    const window: TarWindow = { handle, name, offset: 0, length: (await handle.stat()).size };
    const entries = new Map(
      (await readTarIndex(window, "foreign")).map((entry) => [entry.path, entry]),
    );
    return {
      name,
      find: (path, { links = false } = {}) => {
        const entry = links ? follow(name, entries, path) : entries.get(path);
        return Promise.resolve(entry?.type === "file" ? windowOf(window, entry) : undefined);
      },
      close: () => handle.close(),
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

function follow(
  name: string,
  entries: ReadonlyMap<string, TarEntry>,
  path: string,
): TarEntry | undefined {
  let entry = entries.get(path);
  for (let links = 0; entry?.type === "symlink"; links += 1) {
    const target = posix.join(posix.dirname(entry.path), entry.linkpath ?? "");
    if (links === MAX_LINKS || target.startsWith("../") || posix.isAbsolute(entry.linkpath ?? "")) {
      throw new BundlerError(
        "INTEGRITY",
        `${name}: the link ${JSON.stringify(path)} leads out of the archive or nowhere (${JSON.stringify(entry.linkpath)}).`,
      );
    }
    entry = entries.get(target);
  }
  return entry;
}

async function openFolder(dir: string): Promise<ArchiveFiles> {
  const root = await realpath(dir);
  const name = basename(resolve(dir));
  const handles: FileHandle[] = [];
  return {
    name,
    find: async (path) => {
      try {
        const real = await realpath(join(root, path));
        if (!real.startsWith(root.endsWith(sep) ? root : root + sep)) {
          throw new BundlerError(
            "INTEGRITY",
            `${name}: ${JSON.stringify(path)} leads out of the folder.`,
          );
        }
        const handle = await open(
          real,
          constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
        );
        handles.push(handle);
        const found = await handle.stat();
        if (!found.isFile()) return undefined;
        return { handle, name: `${name}: ${path}`, offset: 0, length: found.size };
      } catch (error) {
        if (systemCode(error) === "ENOENT" || systemCode(error) === "ENOTDIR") return undefined;
        throw readError(error, join(dir, path));
      }
    },
    close: async () => {
      await Promise.all(handles.map((handle) => handle.close()));
    },
  };
}

/** Random access needs the plain bytes; a file that has lost its name leaves nothing behind, even after a kill. */
async function gunzip(
  packed: FileHandle,
  name: string,
  { tempDir, signal }: OpenOptions,
): Promise<FileHandle> {
  const path = join(tempDir, `import-${randomUUID()}.tar`);
  let target: FileHandle;
  try {
    target = await open(path, "wx+", 0o600);
    await unlink(path);
  } catch (error) {
    throw storeError(error, tempDir, `decompressing ${name}`);
  }
  const { bavail, bsize } = await statfs(tempDir);
  const room = Math.min(bavail * bsize, MAX_UNPACKED);
  let position = 0;
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      const at = position;
      position += chunk.length;
      if (position > room) {
        const what = `${name} is more than ${formatBytes(room)} when decompressed`;
        done(
          room === MAX_UNPACKED
            ? new BundlerError("INTEGRITY", `${what}, as no image is.`)
            : new BundlerError("DISK", `${what}, which is what is free in ${tempDir}.`, {
                hint: "Free some room there, or decompress the archive elsewhere and give the plain one.",
                details: { file: name, path: tempDir, free: room },
              }),
        );
        return;
      }
      writeWhole(target, chunk, at).then(
        () => done(),
        (error: unknown) => done(asError(storeError(error, tempDir, `decompressing ${name}`))),
      );
    },
  });
  try {
    await pipeline(
      packed.createReadStream({ start: 0, autoClose: false, highWaterMark: 1024 * 1024 }),
      createGunzip({ chunkSize: 256 * 1024 }),
      sink,
      { signal },
    );
    return target;
  } catch (error) {
    await target.close();
    if (signal.aborted) throw interrupted();
    if (systemCode(error)?.startsWith("Z_") === true) {
      throw new BundlerError(
        "INTEGRITY",
        `${name} is damaged or cut short: its gzip does not hold.`,
        {
          hint: "Copy the archive again from where it was made, and compare checksums.",
          cause: error,
        },
      );
    }
    throw error;
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(messageOf(error));
}

async function writeWhole(target: FileHandle, chunk: Buffer, position: number): Promise<void> {
  for (let done = 0; done < chunk.length;) {
    const { bytesWritten } = await target.write(chunk, done, chunk.length - done, position + done);
    done += bytesWritten;
  }
}

function readError(error: unknown, file: string): unknown {
  if (error instanceof BundlerError || isAbort(error)) return error;
  const missing = systemCode(error) === "ENOENT";
  return new BundlerError(
    "FILE",
    missing
      ? `There is no image archive ${file}.`
      : `The image archive ${file} cannot be read: ${messageOf(error)}`,
    { details: { file }, cause: error },
  );
}
