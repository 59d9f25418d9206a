import { access, appendFile, constants, realpath, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { BundlerError, messageOf, systemCode } from "../core/errors.js";
import { diskFull, isDiskFull, openPartialFile } from "./partial-file.js";

/**
 * For work that takes long before its report can be written.
 * @throws BundlerError FILE when its folder is not there or cannot be written.
 */
export async function expectWritable(path: string): Promise<void> {
  await access(dirname(path), constants.W_OK).catch((cause: unknown) => {
    throw new BundlerError("FILE", `${path} cannot be written: ${messageOf(cause)}`, {
      cause,
      hint: "Give the name of a file, in a folder that is there and can be written.",
      details: { file: path },
    });
  });
}

/**
 * Writes a report beside an archive, in place of an older one: under its name only when it is whole.
 * Behind a symbolic link it is the file there that is replaced; to a device or a pipe it is written as
 * it comes.
 * @throws BundlerError FILE when its folder cannot be written, DISK when there is no room.
 */
export async function writeTextFile(path: string, text: string): Promise<void> {
  const bytes = Buffer.from(text);
  const target = await realpath(path).catch(() => path);
  const there = await stat(target).catch(() => undefined);
  if (there !== undefined && !there.isFile() && !there.isDirectory()) {
    await writing(path, bytes, () => appendFile(target, bytes));
    return;
  }
  const partial = await openPartialFile(target, bytes.length, { force: true }).catch(
    (cause: unknown) => {
      if (!(cause instanceof BundlerError) || cause.code !== "FILE") throw cause;
      throw new BundlerError("FILE", cause.message, {
        cause,
        hint: "Give the name of a file, in a folder that is there and can be written.",
        details: { file: path },
      });
    },
  );
  try {
    await writing(path, bytes, async () => {
      await partial.handle.writeFile(bytes);
      await partial.publish();
    });
  } finally {
    await partial.discard();
  }
}

async function writing(path: string, bytes: Buffer, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (cause) {
    if (isDiskFull(systemCode(cause))) throw await diskFull(path, bytes.length, cause);
    throw new BundlerError("FILE", `${path} cannot be written: ${messageOf(cause)}`, {
      cause,
      details: { file: path },
    });
  }
}
