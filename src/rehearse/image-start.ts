import { z } from "zod";
import type { Bundle } from "../bundle/reader.js";
import { hexOf } from "../core/digest.js";
import { LIMITS } from "../core/limits.js";
import { parseJson } from "../image/json.js";
import { readWindow, windowOf } from "../tar/window.js";

/** What an image starts, as its config says (OCI image-spec config.md, `config`). */
export interface ImageStart {
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  /** `NAME=value`. */
  readonly env: readonly string[];
}

const words = z.array(z.string()).nullish();
const startSchema = z.object({
  config: z.object({ Entrypoint: words, Cmd: words, Env: words }).nullish(),
});

/**
 * Reads a component's image config out of the archive.
 * @throws BundlerError INTEGRITY when its image tarball has none that can be read.
 */
export async function readImageStart(bundle: Bundle, name: string): Promise<ImageStart> {
  const { component, entries } = await bundle.image(name);
  const path = `blobs/sha256/${hexOf(component.image.config.digest)}`;
  const entry = entries.get(path);
  const bytes =
    entry === undefined
      ? Buffer.from("")
      : await readWindow(windowOf(bundle.window(component.tarball.path), entry), LIMITS.text);
  const { config } = parseJson(`${component.tarball.path}: ${path}`, bytes, startSchema);
  return {
    entrypoint: config?.Entrypoint ?? [],
    command: config?.Cmd ?? [],
    env: config?.Env ?? [],
  };
}
