import type { Digest } from "../core/digest.js";
import type { Method } from "../plan/types.js";
import { type Bundle, openBundle } from "./reader.js";
import type { BundleComponent, BundleManifest } from "./types.js";

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
  readonly method: Method;
  readonly reason: string;
  readonly reference: string;
  readonly platform: string;
  readonly created?: string;
  /** Where it came from: the index asked for, and the manifest taken from it. */
  readonly origin: { readonly index?: Digest; readonly manifest: Digest; readonly config: Digest };
  /** What it was built from, when it was. */
  readonly build?: BundleComponent["build"];
  readonly ports: BundleComponent["ports"];
  readonly tarball: BundleComponent["tarball"];
  /** Bytes of its layers unpacked; some archives of earlier versions do not tell. */
  readonly unpacked?: number;
  /** Base first. */
  readonly layers: readonly {
    readonly digest: Digest;
    readonly diffId: string;
    readonly mediaType: string;
    readonly size: number;
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
  const components = image === undefined ? manifest.components : [image.component];
  const files =
    image === undefined
      ? [...bundle.files].map(([path, { size }]) => ({ path, size }))
      : image.entries.filter(({ type }) => type === "file");
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
    components: components.map((component) => inspectComponent(component, users)),
    ...(manifest.extras === undefined ? {} : { extras: manifest.extras }),
    leftOut: manifest.leftOut,
    settings: manifest.settings,
    files: files.map(({ path, size }) => ({ path, size })),
  };
}

function inspectComponent(
  component: BundleComponent,
  users: ReadonlyMap<Digest, ReadonlySet<string>>,
): ComponentInspection {
  const { name, required, title, method, reason, ports, image, build, tarball, unpacked } =
    component;
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
      ...(image.index === undefined ? {} : { index: image.index.digest }),
      manifest: image.manifest.digest,
      config: image.config.digest,
    },
    ...(build === undefined ? {} : { build }),
    ports,
    tarball,
    ...(unpacked === undefined ? {} : { unpacked }),
    layers: image.layers.map(({ digest, diffId, mediaType, size }) => ({
      digest,
      diffId,
      mediaType,
      size,
      sharedWith: [...(users.get(digest) ?? [])].filter((user) => user !== name),
    })),
  };
}
