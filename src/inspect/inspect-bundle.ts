import { type BlobOf, blobFinder } from "../bundle/image-blobs.js";
import { type Bundle, openBundle } from "../bundle/reader.js";
import type { BundleComponent, BundleManifest } from "../bundle/types.js";
import type { Digest } from "../core/digest.js";
import { BundlerError } from "../core/errors.js";
import { parseReference } from "../image/reference.js";
import { type HistoryLine, type ImageNotes, readImageNotes } from "./image-notes.js";

/** What an archive holds, as its bundle.json says. Sizes in bytes. */
export interface BundleInspection {
  readonly path: string;
  readonly name: string;
  readonly version: string;
  readonly title: BundleManifest["title"];
  readonly platform: string;
  readonly date: string;
  readonly tool: BundleManifest["tool"];
  readonly definition: Digest;
  readonly sizes: BundleManifest["sizes"];
  /** Of the host as a whole. */
  readonly requires: NonNullable<BundleManifest["requires"]>;
  /** In the order of the component table; one when one was asked for. */
  readonly components: readonly ComponentInspection[];
  /** The engine that it carries. */
  readonly extras?: BundleManifest["extras"];
  readonly leftOut: BundleManifest["leftOut"];
  readonly settings: BundleManifest["settings"];
  /** All files of the archive; of the image tarball when one component was asked for. */
  readonly files: readonly { readonly path: string; readonly size: number }[];
}

export interface ComponentInspection {
  readonly name: string;
  readonly required: boolean;
  readonly title: BundleComponent["title"];
  readonly method: BundleComponent["method"];
  readonly reason: string;
  readonly reference: string;
  readonly platform: string;
  readonly created?: string;
  /** Where it came from: whose registry, the index asked for, and the manifest taken from it. */
  readonly origin: {
    readonly registry?: string;
    readonly index?: Digest;
    readonly manifest: Digest;
    readonly config: Digest;
  };
  /** What it was built from, when it was. */
  readonly build?: BundleComponent["build"];
  readonly ports: BundleComponent["ports"];
  readonly tarball: BundleComponent["tarball"];
  /** Bytes of its layers unpacked; some archives of earlier versions do not tell. */
  readonly unpacked?: number;
  readonly requires: NonNullable<BundleComponent["requires"]>;
  readonly smoke: NonNullable<BundleComponent["smoke"]>;
  readonly upgrade?: BundleComponent["upgrade"];
  /** By the image's own label; nobody has checked it. */
  readonly licenses?: string;
  readonly labels: ImageNotes["labels"];
  /** Oldest first. */
  readonly history: readonly HistoryLine[];
  /** Why labels, history and unpacked layers are not told. */
  readonly trouble?: string;
  /** Base first. */
  readonly layers: readonly {
    readonly digest: Digest;
    readonly diffId: string;
    readonly mediaType: string;
    readonly size: number;
    /** Bytes of its tar, when one component was asked for; an estimate where its blob does not tell. */
    readonly unpacked?: number;
    /** Other components with the same layer. */
    readonly sharedWith: readonly string[];
  }[];
}

/**
 * Tells what an archive, or one of its components, holds, without reading through it.
 * @throws BundlerError as openBundle does; NOT_FOUND for a component that is not inside.
 */
export async function inspectBundle(path: string, component?: string): Promise<BundleInspection> {
  const bundle = await openBundle(path);
  try {
    return await inspect(bundle, component);
  } finally {
    await bundle.close();
  }
}

async function inspect(bundle: Bundle, only: string | undefined): Promise<BundleInspection> {
  const { manifest } = bundle;
  const users = new Map<Digest, Set<string>>();
  for (const { name, image } of manifest.components) {
    for (const { digest } of image.layers) {
      users.set(digest, (users.get(digest) ?? new Set()).add(name));
    }
  }
  const image = only === undefined ? undefined : await bundle.image(only);
  const blobsOf = blobFinder(bundle);
  const components = await Promise.all(
    (image === undefined ? manifest.components : [image.component]).map(async (component) =>
      inspectComponent(
        component,
        users,
        await imageNotes(component, blobsOf(component), { layers: only !== undefined }),
      ),
    ),
  );
  const files =
    image === undefined
      ? [...bundle.files].map(([path, { size }]) => ({ path, size }))
      : [...image.entries.values()].filter(({ type }) => type === "file");
  const { name, version, title, platform, date, tool, definition, sizes } = manifest;
  return {
    path: bundle.path,
    name,
    version,
    title,
    platform,
    date,
    tool,
    definition,
    sizes,
    requires: manifest.requires ?? [],
    components,
    ...(manifest.extras === undefined ? {} : { extras: manifest.extras }),
    leftOut: manifest.leftOut,
    settings: manifest.settings,
    files: files.map(({ path, size }) => ({ path, size })),
  };
}

/** One damaged image hides nothing of the others. */
async function imageNotes(
  component: BundleComponent,
  blob: BlobOf,
  options: { readonly layers: boolean },
): Promise<ImageNotes | BundlerError> {
  try {
    return await readImageNotes(component, blob, options);
  } catch (error) {
    if (error instanceof BundlerError) return error;
    throw error;
  }
}

function inspectComponent(
  component: BundleComponent,
  users: ReadonlyMap<Digest, ReadonlySet<string>>,
  told: ImageNotes | BundlerError,
): ComponentInspection {
  const { name, required, title, method, reason, ports, image, build, tarball } = component;
  const { requires = [], smoke = [], upgrade, unpacked } = component;
  const notes = told instanceof BundlerError ? undefined : told;
  return {
    name,
    required,
    title,
    method,
    reason,
    reference: image.reference,
    platform: image.platform,
    ...(image.created === undefined ? {} : { created: image.created }),
    origin: {
      ...registryOf(component),
      ...(image.index === undefined ? {} : { index: image.index.digest }),
      manifest: image.manifest.digest,
      config: image.config.digest,
    },
    ...(build === undefined ? {} : { build }),
    ports,
    tarball,
    ...(unpacked === undefined ? {} : { unpacked }),
    requires,
    smoke,
    ...(upgrade === undefined ? {} : { upgrade }),
    ...(notes?.licenses === undefined ? {} : { licenses: notes.licenses }),
    labels: notes?.labels ?? [],
    history: notes?.history ?? [],
    ...(told instanceof BundlerError ? { trouble: told.message } : {}),
    layers: image.layers.map(({ digest, diffId, mediaType, size }) => {
      const bytes = notes?.unpacked?.get(digest);
      return {
        digest,
        diffId,
        mediaType,
        size,
        ...(bytes === undefined ? {} : { unpacked: bytes }),
        sharedWith: [...(users.get(digest) ?? [])].filter((user) => user !== name),
      };
    }),
  };
}

/** Only what was pulled came from a registry: a build and an archive given by hand have names alone. */
function registryOf({ method, image }: BundleComponent): { readonly registry?: string } {
  if (method !== "image" && method !== "alternative") return {};
  try {
    return { registry: parseReference(image.reference).registry };
  } catch {
    // A name that is none is a matter of verify.
    return {};
  }
}
