import { createWriteStream } from "node:fs";
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import type { Bundle } from "../bundle/reader.js";
import { BundlerError, isAbort, messageOf, systemCode } from "../core/errors.js";
import { streamWindow } from "../tar/window.js";

/**
 * Writes an archive's files into a folder. Their paths are what the reader has let pass: inside of the
 * folder, each once, no links.
 * @throws BundlerError DISK, FILE when they cannot be written; INTERRUPTED.
 */
export async function extractFiles(
  bundle: Bundle,
  dir: string,
  options: {
    readonly signal: AbortSignal;
    readonly onBytes: (bytes: number) => void;
  },
): Promise<void> {
  const { signal, onBytes } = options;
  for (const [file, { executable }] of bundle.files) {
    const target = path.join(dir, ...file.split("/"));
    try {
      await mkdir(path.dirname(target), { recursive: true });
      await pipeline(
        counted(streamWindow(bundle.window(file), signal), onBytes),
        createWriteStream(target, { flags: "wx", mode: executable ? 0o755 : 0o644 }),
      );
    } catch (cause) {
      if (cause instanceof BundlerError || isAbort(cause)) throw cause;
      const full = ["ENOSPC", "EDQUOT"].includes(systemCode(cause) ?? "");
      throw new BundlerError(
        full ? "DISK" : "FILE",
        `Cannot write ${file} to ${dir}: ${messageOf(cause)}`,
        { cause, hint: "TMPDIR names the folder that rehearsals use.", details: { file: target } },
      );
    }
  }
}

async function* counted(
  chunks: AsyncIterable<Buffer>,
  onBytes: (bytes: number) => void,
): AsyncGenerator<Buffer, void, void> {
  for await (const chunk of chunks) {
    yield chunk;
    onBytes(chunk.length);
  }
}
