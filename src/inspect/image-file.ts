import { type Bundle, openBundle } from "../bundle/reader.js";
import type { Digest } from "../core/digest.js";
import { BundlerError } from "../core/errors.js";
import { formatMode } from "../core/mode.js";
import { type BundleLayer, bundleLayers, bytesOf } from "./bundle-layers.js";
import {
  type FollowedLink,
  type FoundFile,
  type MissingFile,
  findFile,
  listFolder,
} from "./final-files.js";
import type { LayerNode } from "./layer-index.js";

/** Something of an image's final file system, as people and `--json` are told of it. */
export interface ListedFile {
  /** From the root, without a slash before it. */
  readonly path: string;
  readonly type: LayerNode["type"];
  /** In bytes; 0 but for files. */
  readonly size: number;
  /** Permissions in octal, `0755`. */
  readonly mode: string;
  /** Where a symbolic link points, as written. */
  readonly linkpath?: string;
  /** The layer that it comes from, and its position, base first, from 0. */
  readonly layer: Digest;
  readonly layerIndex: number;
}

/** What `inspect ARCHIVE COMPONENT:/path` found. */
export interface ImageFile extends ListedFile {
  readonly component: string;
  /** The path that was asked for. */
  readonly asked: string;
  /** The symbolic links that were followed, in order. */
  readonly links: readonly FollowedLink[];
}

/** An {@link ImageFile} with what is in it. */
export type OpenedFile =
  | {
      readonly kind: "file";
      readonly file: ImageFile;
      /** Its bytes, streamed out of the layer; while the archive is open. */
      readonly content: () => AsyncGenerator<Uint8Array, void, void>;
    }
  | { readonly kind: "folder"; readonly file: ImageFile; readonly children: readonly ListedFile[] }
  /** A device or a pipe. */
  | { readonly kind: "special"; readonly file: ImageFile };

/**
 * Finds a file of a component's final file system and hands it over while the archive is open. Reads
 * the layers from the top down, and none below the one that decides.
 * @throws BundlerError NOT_FOUND for a component or a path that is not there, saying which part of it
 *   and what took it away; INTEGRITY for what is damaged; INTERRUPTED; whatever `use` throws.
 */
export async function withImageFile<T>(
  archive: string,
  { component, path }: { readonly component: string; readonly path: string },
  signal: AbortSignal,
  use: (opened: OpenedFile) => Promise<T>,
): Promise<T> {
  const bundle = await openBundle(archive);
  try {
    return await use(await openFile(bundle, component, path, signal));
  } finally {
    await bundle.close();
  }
}

async function openFile(
  bundle: Bundle,
  component: string,
  asked: string,
  signal: AbortSignal,
): Promise<OpenedFile> {
  const layers = await bundleLayers(bundle, component, signal);
  const found = await findFile(layers, asked);
  if ("missing" in found) throw notThere(component, asked, found, layers);
  const { path, node, layer, links } = found;
  const file: ImageFile = { component, asked, ...listed(layers, { path, node, layer }), links };
  if (node.type === "directory") {
    const children = await listFolder(layers, path);
    return {
      kind: "folder",
      file,
      children: children.map(({ name, ...child }) =>
        listed(layers, { path: path === "" ? name : `${path}/${name}`, ...child }),
      ),
    };
  }
  if (node.type !== "file") return { kind: "special", file };
  return { kind: "file", file, content: () => bytesOf(layerAt(layers, layer), node) };
}

function listed(
  layers: readonly BundleLayer[],
  { path, node, layer }: Pick<FoundFile, "path" | "node" | "layer">,
): ListedFile {
  const { type, size, mode, linkpath } = node;
  return {
    path,
    type,
    size,
    mode: formatMode(mode),
    ...(type === "symlink" ? { linkpath } : {}),
    layer: layerAt(layers, layer).digest,
    layerIndex: layer,
  };
}

function layerAt(layers: readonly BundleLayer[], position: number): BundleLayer {
  const layer = layers[position];
  if (layer !== undefined) return layer;
  throw new BundlerError("NOT_FOUND", "The image has no layers, and so no files.");
}

function notThere(
  component: string,
  asked: string,
  { missing, removedBy, notAFolder, links }: MissingFile,
  layers: readonly BundleLayer[],
): BundlerError {
  const by = removedBy === undefined ? undefined : layers[removedBy]?.digest;
  const why =
    notAFolder === true
      ? `: /${missing} is no folder`
      : by !== undefined
        ? `: /${missing} was taken away by the layer ${by}`
        : `/${missing}` === asked
          ? ""
          : `: there is no /${missing}`;
  const way = links.map(({ path, target }) => `/${path} → ${target}`).join(", ");
  return new BundlerError(
    "NOT_FOUND",
    `${component} has no ${asked}${why}${way === "" ? "" : ` (${way})`}.`,
    {
      hint: `List what is there with: inspect ARCHIVE ${component} --files`,
      details: { component, path: asked, missing, ...(by === undefined ? {} : { layer: by }) },
    },
  );
}
