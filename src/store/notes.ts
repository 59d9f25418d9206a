import { readFile, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Digest, hexOf } from "../core/digest.js";
import { systemCode } from "../core/errors.js";
import type { Layout } from "./layout.js";
import { newToken } from "../core/owner.js";

/**
 * Small results that would cost a reading of many blobs to find out again. A note is a hint and
 * never a proof: whoever uses one checks what follows from it. Losing one costs time only.
 */
export async function readNote(layout: Layout, key: Digest): Promise<string | undefined> {
  try {
    return await readFile(join(layout.notes, hexOf(key)), "utf8");
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** Not flushed: a note torn by a power cut is one that does not fit, and is written anew. */
export async function writeNote(layout: Layout, key: Digest, text: string): Promise<void> {
  const path = join(layout.notes, hexOf(key));
  const temporary = `${path}.${newToken()}`;
  try {
    await writeFile(temporary, text, { mode: 0o600, flag: "wx" });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** Deletes notes last written before `limit` (milliseconds since 1970), and what killed runs left. */
export async function sweepNotes(layout: Layout, limit: number): Promise<void> {
  for (const name of await readdir(layout.notes)) {
    const path = join(layout.notes, name);
    const written = (await stat(path).catch(() => null))?.mtimeMs ?? 0;
    if (written < limit) await rm(path, { force: true });
  }
}
