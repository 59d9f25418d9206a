import { type FileHandle, mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TarInput, layoutTar, tarPieces } from "../../../src/tar/layout.js";
import type { TarWindow } from "../../../src/tar/window.js";

export const MTIME = 1_700_000_000;

/** A whole archive in memory. */
export function tarOf(
  files: readonly { path: string; bytes: Buffer; executable?: boolean }[],
): Buffer {
  const inputs = files.map(({ path, bytes, executable }): TarInput<Buffer> => ({
    path,
    size: bytes.length,
    content: bytes,
    executable: executable ?? false,
  }));
  const layout = layoutTar(inputs, MTIME);
  const whole = Buffer.concat(
    tarPieces(layout).map((piece) => ("bytes" in piece ? piece.bytes : piece.entry.content)),
  );
  if (whole.length !== layout.size) throw new Error("The layout's size is wrong.");
  return whole;
}

/** Hands an archive over as a file, read from somewhere in its middle. */
export async function withWindow<T>(
  bytes: Buffer,
  work: (window: TarWindow, path: string) => Promise<T>,
  offset = 0,
): Promise<T> {
  const dir = await mkdtemp(join(tmpdir(), "tar-"));
  let handle: FileHandle | undefined;
  try {
    const path = join(dir, "test.tar");
    await writeFile(
      path,
      Buffer.concat([Buffer.alloc(offset, 0xee), bytes, Buffer.alloc(offset, 0xee)]),
    );
    handle = await open(path);
    return await work({ handle, name: "test.tar", offset, length: bytes.length }, path);
  } finally {
    await handle?.close();
    await rm(dir, { recursive: true, force: true });
  }
}
