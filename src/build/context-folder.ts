import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, lstat, open, readdir, readlink, realpath } from "node:fs/promises";
import { basename, dirname, isAbsolute, join, posix, relative, sep } from "node:path";
import { type Digest, digestFromHex, digestOf } from "../core/digest.js";
import { BundlerError, interrupted, messageOf, systemCode } from "../core/errors.js";
import { type Ignores, ignoresNothing } from "./ignore.js";

/** Caps on a build context's own files; sources have caps of their own. */
const MAX_ENTRIES = 50_000;
const MAX_BYTES = 4 * 1024 ** 3;
const MAX_DEPTH = 32;

/** One entry of a recipe's or of a context folder, as it goes into the context. */
export type OwnEntry = {
  /** Relative to the context, with forward slashes. */
  readonly path: string;
} & (
  | {
      readonly type: "file";
      readonly executable: boolean;
      /** Bytes. */
      readonly size: number;
      readonly digest: Digest;
      /** Where it lies here. */
      readonly file: string;
    }
  | { readonly type: "symlink"; readonly linkpath: string }
  /** One with nothing in it; others follow from their files. */
  | { readonly type: "directory" }
);

/**
 * Reads a folder that goes into a build context: plain files with their executable bit, links that
 * stay inside, empty folders; sorted by path. Owners, times and other modes play no part.
 * @param shown what to call the folder in messages.
 * @param ignores what stays out: it is not even looked at.
 * @throws BundlerError DEFINITION for a link that leads out, a special file, or more than a context
 *   should have; FILE for what cannot be read; INTERRUPTED.
 */
export async function readContextFolder(
  root: string,
  shown: string,
  signal: AbortSignal,
  ignores: Ignores = ignoresNothing,
): Promise<readonly OwnEntry[]> {
  const entries: OwnEntry[] = [];
  let bytes = 0;
  const refuse = (path: string, why: string, hint?: string): BundlerError =>
    new BundlerError("DEFINITION", `${join(shown, path)} ${why}.`, {
      ...(hint === undefined ? {} : { hint }),
      details: { file: join(shown, path) },
    });
  const add = (entry: OwnEntry): void => {
    if (/[\p{Cc}\\\ufffd]/u.test(entry.path)) {
      throw refuse(entry.path, "has a control character, a backslash or broken UTF-8 in its name");
    }
    entries.push(entry);
  };
  const visit = async (folder: string, depth: number): Promise<void> => {
    if (depth > MAX_DEPTH) throw refuse(folder, `lies more than ${MAX_DEPTH} folders deep`);
    const names = await readdir(join(root, folder));
    if (names.length === 0 && folder !== "" && !ignores(folder)) {
      add({ path: folder, type: "directory" });
    }
    for (const name of names) {
      if (signal.aborted) throw interrupted();
      const path = folder === "" ? name : `${folder}/${name}`;
      const isOut = ignores(path);
      if (isOut && ignores.whole) continue;
      const file = join(root, path);
      const facts = await lstat(file);
      if (facts.isDirectory()) {
        await visit(path, depth + 1);
        continue;
      }
      if (isOut) continue;
      if (facts.isSymbolicLink()) {
        const linkpath = await readlink(file);
        if (leadsOut(path, linkpath)) {
          throw refuse(
            path,
            `is a symbolic link out of the build context (${JSON.stringify(linkpath)})`,
            "A build context holds everything that the build takes: copy the file into it.",
          );
        }
        add({ path, type: "symlink", linkpath });
      } else if (facts.isFile()) {
        const content = await hashFile(file, signal);
        bytes += content.size;
        add({ path, type: "file", ...content, file });
      } else {
        throw refuse(path, "is neither a file nor a folder");
      }
      if (entries.length > MAX_ENTRIES || bytes > MAX_BYTES) {
        throw refuse(
          "",
          `has more than ${MAX_ENTRIES} files or ${MAX_BYTES / 1024 ** 3} GiB, too much for a build context`,
          "Give large files as a source, under `sources:`.",
        );
      }
    }
  };
  try {
    await visit("", 0);
  } catch (error) {
    throw readError(error, shown);
  }
  return entries.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/**
 * One entry of the folder, as `readContextFolder` would give it; undefined when there is none of that
 * path, or a link is on the way to it.
 * @throws BundlerError FILE for what cannot be read; INTERRUPTED.
 */
export async function findOwnEntry(
  root: string,
  path: string,
  signal: AbortSignal,
): Promise<OwnEntry | undefined> {
  if (isAbsolute(path) || posix.normalize(path) !== path || /^\.\.(?:\/|$)/.test(path)) {
    return undefined;
  }
  const file = join(root, path);
  try {
    const [realRoot, realFolder] = await Promise.all([realpath(root), realpath(dirname(file))]);
    if (join(realFolder, basename(file)) !== join(realRoot, path)) return undefined;
    const facts = await lstat(file);
    if (facts.isFile()) return { path, type: "file", ...(await hashFile(file, signal)), file };
    return facts.isSymbolicLink()
      ? { path, type: "symlink", linkpath: await readlink(file) }
      : { path, type: "directory" };
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes(systemCode(error) ?? "")) return undefined;
    throw readError(error, file);
  }
}

/**
 * The bytes of a file of the folder, in chunks.
 * @throws BundlerError LOCK when they are no longer what was read before.
 */
export async function* streamOwnFile(
  entry: Extract<OwnEntry, { readonly type: "file" }>,
  signal: AbortSignal,
): AsyncGenerator<Buffer, void, void> {
  const hash = createHash("sha256");
  let size = 0;
  const handle = await openPlain(entry.file);
  try {
    for await (const chunk of chunksOf(handle, entry.file, signal)) {
      size += chunk.length;
      // Whatever reads the tar has been told the size.
      if (size > entry.size) break;
      hash.update(chunk);
      yield chunk;
    }
  } finally {
    await handle.close();
  }
  if (size === entry.size && digestFromHex(hash.digest("hex")) === entry.digest) return;
  throw changed(entry.file);
}

/**
 * The real path of a folder or file that a definition names.
 * @throws BundlerError DEFINITION when it lies outside the definition's folder, FILE when it is not
 *   there.
 */
export async function insideDefinition(dir: string, path: string): Promise<string> {
  let root: string;
  let real: string;
  try {
    [root, real] = await Promise.all([realpath(dir), realpath(join(dir, path))]);
  } catch (error) {
    throw readError(error, path);
  }
  const inside = relative(root, real);
  const out = isAbsolute(inside) || inside === ".." || inside.startsWith(`..${sep}`);
  if (!isAbsolute(path) && !out) return real;
  throw new BundlerError("DEFINITION", `${path} leads out of the definition's folder.`, {
    hint: "A definition uses only what lies inside its folder.",
    details: { file: path },
  });
}

/**
 * A text of a context, whole.
 * @throws BundlerError DEFINITION when it is larger than `limit` bytes; LOCK when it is no longer what
 *   was read before.
 */
export async function readOwnText(
  entry: Extract<OwnEntry, { readonly type: "file" }>,
  shown: string,
  limit: number,
): Promise<string> {
  if (entry.size > limit) {
    throw new BundlerError(
      "DEFINITION",
      `${shown} has ${entry.size} bytes; at most ${limit} are accepted.`,
      { details: { file: shown, expected: limit, found: entry.size } },
    );
  }
  const handle = await openPlain(entry.file);
  try {
    const bytes = await handle.readFile();
    if (digestOf(bytes) === entry.digest) return bytes.toString("utf8");
  } finally {
    await handle.close();
  }
  throw changed(entry.file);
}

export function changed(file: string): BundlerError {
  return new BundlerError("LOCK", `${file} has changed while it was read.`, {
    hint: "Run the same command again.",
    details: { file },
  });
}

function leadsOut(path: string, linkpath: string): boolean {
  if (linkpath === "" || linkpath.startsWith("/") || /[\p{Cc}\\\ufffd]/u.test(linkpath))
    return true;
  const target = posix.join(posix.dirname(path), linkpath);
  return target === ".." || target.startsWith("../");
}

async function hashFile(
  file: string,
  signal: AbortSignal,
): Promise<{ readonly digest: Digest; readonly size: number; readonly executable: boolean }> {
  const handle = await openPlain(file);
  try {
    const { mode } = await handle.stat();
    const hash = createHash("sha256");
    let size = 0;
    for await (const chunk of chunksOf(handle, file, signal)) {
      hash.update(chunk);
      size += chunk.length;
    }
    return { digest: digestFromHex(hash.digest("hex")), size, executable: (mode & 0o100) !== 0 };
  } finally {
    await handle.close();
  }
}

/** Never through a link that has taken the file's place, and never waiting for a pipe's writer. */
async function openPlain(file: string): Promise<FileHandle> {
  try {
    return await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    throw readError(error, file);
  }
}

async function* chunksOf(
  handle: FileHandle,
  file: string,
  signal: AbortSignal,
): AsyncGenerator<Buffer, void, void> {
  for (;;) {
    if (signal.aborted) throw interrupted();
    const { buffer, bytesRead } = await handle
      .read(Buffer.allocUnsafe(256 * 1024))
      .catch((error: unknown) => {
        throw readError(error, file);
      });
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
  }
}

function readError(error: unknown, shown: string): unknown {
  if (error instanceof BundlerError) return error;
  const missing = systemCode(error) === "ENOENT";
  return new BundlerError(
    "FILE",
    missing ? `${shown} is not there.` : `${shown} cannot be read: ${messageOf(error)}`,
    { cause: error, details: { file: shown } },
  );
}
