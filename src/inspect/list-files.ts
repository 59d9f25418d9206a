import { openBundle } from "../bundle/reader.js";
import { BundlerError } from "../core/errors.js";
import type { EventSink } from "../core/events.js";
import { walkBundle } from "../walk/walk.js";
import { type ListedFile, octal } from "./image-file.js";

/** The final file system of a component's image. */
export interface FileListing {
  readonly component: string;
  readonly reference: string;
  /** Sorted by path. */
  readonly files: readonly ListedFile[];
}

/**
 * Lists the final file system of a component's image, as an engine would have it after all layers.
 * @throws BundlerError NOT_FOUND for a component that is not inside; INTEGRITY for layers that cannot
 *   be read to their end, FILE for those that this Node cannot unpack; INTERRUPTED.
 */
export async function listFiles(
  archive: string,
  component: string,
  options: { readonly signal: AbortSignal; readonly onEvent?: EventSink },
): Promise<FileListing> {
  const bundle = await openBundle(archive);
  try {
    const { images } = await walkBundle(bundle, { ...options, only: [component] });
    const [walked] = images;
    if (walked === undefined) throw new Error(`${component} was not walked.`);
    const { image, layers, files } = walked;
    for (const { digest, trouble } of layers) {
      if (trouble === undefined) continue;
      const code = trouble.kind === "compression" ? "FILE" : "INTEGRITY";
      throw new BundlerError(code, `${component}: ${trouble.message}`, {
        details: { component, digest },
      });
    }
    const listed = [...files.values()].flatMap((file): ListedFile[] => {
      const { path, type, size, mode, linkpath, layer } = file;
      const digest = image.layers[layer]?.digest;
      if (path === "" || digest === undefined) return [];
      return [
        {
          path,
          type,
          size: type === "file" ? size : 0,
          mode: octal(mode),
          ...(type === "symlink" ? { linkpath } : {}),
          layer: digest,
          layerIndex: layer,
        },
      ];
    });
    return {
      component,
      reference: image.reference,
      files: listed.sort((a, b) => (a.path < b.path ? -1 : 1)),
    };
  } finally {
    await bundle.close();
  }
}
