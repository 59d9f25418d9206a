import { COMPOSE_FILE } from "../bundle/paths.js";
import type { Bundle } from "../bundle/reader.js";
import type { BundleManifest } from "../bundle/types.js";
import { BundlerError, messageOf } from "../core/errors.js";
import type { EventSink } from "../core/events.js";
import type { WalkedBundle } from "../walk/types.js";
import { type ComponentSide, diffComponents, promisedBy } from "./components.js";
import { type ComposeFacts, diffCompose, readComposeFacts } from "./compose.js";
import { diffFiles } from "./files.js";
import { namesSecret } from "./secrets.js";
import { blobsOf, sharesOf } from "./shares.js";
import { type OpenSide, type Opened, chooseSide, openEither } from "./side.js";
import type { BundleDiff, Change } from "./types.js";
import { type Plain, byKey, diffValues, plainOf } from "./values.js";

export interface DiffOptions {
  readonly signal: AbortSignal;
  /** Gets the phase `walk` for each archive whose layers are read. */
  readonly onEvent?: EventSink;
  /** Of a lock for several; normalised. */
  readonly platform?: string;
  /** Compare the lines of small text files, too. */
  readonly text?: boolean;
  /** Compare the packages of components that changed, for which their layers are read. */
  readonly packages?: boolean;
  /** Compare the files of these components' images, for which their layers are read. */
  readonly files?: readonly string[];
  /** The new archive's layers, when they were read for packages already. */
  readonly walkedNext?: WalkedBundle;
}

/**
 * What differs between two archives, two locks, or an archive and a lock. It compares what they say
 * of themselves, and needs nothing else: proving it is verify's work.
 * @throws BundlerError FILE, INTEGRITY for an archive that cannot be opened, LOCK for a lock that is
 *   none, USAGE for a lock whose platform is not clear; INTERRUPTED.
 */
export async function diffBundles(
  oldPath: string,
  newPath: string,
  options: DiffOptions,
): Promise<BundleDiff> {
  const opened: Opened[] = [];
  try {
    for (const path of [oldPath, newPath]) opened.push(await openEither(path));
    const [old, next] = opened;
    if (old === undefined || next === undefined) throw new Error("Nothing was opened.");
    return await diffSides(
      chooseSide(old, next, options.platform),
      chooseSide(next, old, options.platform),
      options,
    );
  } finally {
    for (const one of opened) if ("bundle" in one) await one.bundle.close();
  }
}

async function diffSides(old: OpenSide, next: OpenSide, options: DiffOptions): Promise<BundleDiff> {
  const notes: string[] = [];
  const blobs = [old, next].map(({ components }) =>
    blobsOf(components.flatMap(({ image }) => (image === undefined ? [] : [image]))),
  );
  const [before, after] = [old, next].map(({ components, bundle }, index): ComponentSide => ({
    components,
    blobs: blobs[index] ?? new Map(),
    isWhole: bundle !== undefined,
  }));
  if (before === undefined || after === undefined) throw new Error("There are two sides.");
  for (const { side, components } of [old, next]) {
    const unmade = components.filter(({ image }) => image === undefined).map(({ name }) => name);
    if (unmade.length > 0) {
      notes.push(
        `${side.path}: still to be built, so no blobs are counted for: ${unmade.join(", ")}.`,
      );
    }
  }
  const components = diffComponents(before, after);
  const diff = {
    about: diffValues(aboutOf(old, next), aboutOf(next, old)),
    components,
    leftOut: diffValues(plainOf(old.leftOut), plainOf(next.leftOut)),
    blobs: sharesOf({ old: before.blobs, next: after.blobs }),
    ...(await diffArchives(old, next, options, notes)),
    ...(await diffImages(old, next, components, { ...options, notes })),
  };
  return { old: old.side, new: next.side, different: differs(diff), ...diff, notes };
}

/** What archives have and locks do not. */
async function diffArchives(
  old: OpenSide,
  next: OpenSide,
  { text = false }: DiffOptions,
  notes: string[],
): Promise<Pick<BundleDiff, "settings" | "compose" | "files">> {
  if (old.bundle === undefined || next.bundle === undefined) {
    notes.push(
      "Settings, compose file, scripts and files are compared between two archives only: a lock has none.",
    );
    return {};
  }
  const [before, after] = [await composeOf(old.bundle, notes), await composeOf(next.bundle, notes)];
  return {
    settings: diffSettings(old.bundle.manifest, next.bundle.manifest),
    ...(before === undefined || after === undefined ? {} : { compose: diffCompose(before, after) }),
    files: await diffFiles(old.bundle, next.bundle, { text }),
  };
}

/** What is inside images, when it was asked for. */
async function diffImages(
  old: OpenSide,
  next: OpenSide,
  { changed }: BundleDiff["components"],
  { notes, packages = false, files = [], ...options }: DiffOptions & { readonly notes: string[] },
): Promise<Pick<BundleDiff, "packages" | "imageFiles">> {
  if (!packages && files.length === 0) return {};
  if (old.bundle === undefined || next.bundle === undefined) {
    throw new BundlerError("USAGE", "Packages and files are compared between two archives only.", {
      hint: "A lock has no images: make an archive of it with create --locked.",
    });
  }
  const remade = changed.filter((one) => one.old.manifest !== one.new.manifest);
  const asked = {
    ...options,
    files: [...new Set(files)],
    ...(packages ? { packages: remade.map(({ name }) => name) } : {}),
  };
  const { diffContents } = await import("./contents.js");
  return diffContents(old.bundle, next.bundle, asked, notes);
}

function differs(diff: Omit<BundleDiff, "old" | "new" | "different" | "notes">): boolean {
  const { about, components, leftOut, settings = [], compose, files = [] } = diff;
  const { packages = [], imageFiles = [] } = diff;
  return [
    about,
    components.added,
    components.removed,
    components.changed,
    leftOut,
    settings,
    compose?.servicesAdded ?? [],
    compose?.servicesRemoved ?? [],
    compose?.changes ?? [],
    files,
    // Archives may say the same of images that are not.
    ...[...packages, ...imageFiles].map(({ changes }) => changes),
  ].some((list) => list.length > 0);
}

function aboutOf(opened: OpenSide, other: OpenSide): Plain {
  const { name, version, platform, date, definition } = opened.side;
  const manifest = other.bundle?.manifest && opened.bundle?.manifest;
  return plainOf({
    name,
    version,
    platform,
    date,
    definition,
    engine: opened.extras,
    ...(manifest === undefined
      ? {}
      : {
          title: manifest.title,
          tool: `${manifest.tool.name} ${manifest.tool.version}`,
          requires: promisedBy(manifest.requires),
        }),
  });
}

/** By name. That a secret's default differs is told, and not how. */
function diffSettings(old: BundleManifest, next: BundleManifest): readonly Change[] {
  const [before, after] = [old, next].map(
    ({ settings }) => new Map(settings.map(({ name, ...rest }) => [name, rest])),
  );
  const changes = [...new Set([...(before?.keys() ?? []), ...(after?.keys() ?? [])])].flatMap(
    (name) => {
      const [was, is] = [before?.get(name), after?.get(name)];
      const isSecret = was?.type === "secret" || is?.type === "secret" || namesSecret(name);
      return diffValues(plainOf(was), plainOf(is), name).map((change) =>
        isSecret && change.key === `${name}.default` ? masked(change) : change,
      );
    },
  );
  return changes.sort(byKey);
}

function masked({ key, kind, old, new: next }: Change): Change {
  return {
    key,
    kind,
    ...(old === undefined ? {} : { old: "***" }),
    ...(next === undefined ? {} : { new: "***" }),
  };
}

async function composeOf(bundle: Bundle, notes: string[]): Promise<ComposeFacts | undefined> {
  try {
    const text = (await bundle.readFile(COMPOSE_FILE)).toString("utf8");
    return readComposeFacts(COMPOSE_FILE, text);
  } catch (error) {
    if (!(error instanceof BundlerError) || error.code === "INTERRUPTED") throw error;
    notes.push(`${bundle.path}: the compose file is not compared: ${messageOf(error)}`);
    return undefined;
  }
}
