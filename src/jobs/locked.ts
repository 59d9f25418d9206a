import { BundlerError } from "../core/errors.js";
import { formatPlatform, parsePlatform, platformMatches } from "../core/platform.js";
import { together } from "../core/together.js";
import type { Descriptor } from "../image/descriptor.js";
import { parseManifest } from "../image/manifest.js";
import type { Component, Definition } from "../definition/types.js";
import type { Lock, LockedComponent, PlatformLock } from "../plan/types.js";
import { parseReference } from "../image/reference.js";
import { pinnedManifest } from "../plan/resolve.js";
import { checkArchiveImages, importComponent } from "./plan.js";
import type { SelectionOptions } from "./selection.js";
import type { JobOptions, Opened } from "./job.js";

/**
 * Narrows a lock to what is asked for and makes sure that all of it can still be had: provided
 * archives hold the same images, registries still know the pinned manifests.
 * @throws BundlerError LOCK saying what moved; USAGE when the lock and the flags do not go together.
 */
export async function obeyLock(
  lock: Lock,
  definition: Definition,
  selection: SelectionOptions,
  context: JobOptions & Opened,
): Promise<Lock> {
  const { name, version, definition: digest } = lock.bundle;
  if (name !== definition.name || version !== definition.version) {
    throw moved(
      `The lock is for ${name}-${version}, the bundle is ${definition.name}-${definition.version}.`,
    );
  }
  if (digest !== definition.digest) {
    throw moved(
      `The bundle definition ${name}-${version} has changed since the lock was written.`,
      {
        expected: digest,
        found: definition.digest,
      },
    );
  }
  if (selection.only !== undefined || selection.without.length > 0) {
    throw new BundlerError(
      "USAGE",
      "--only and --without do not go with --locked: the lock says what is in the bundle.",
      {
        hint: "Give them to `plan --lock` instead.",
      },
    );
  }
  const bare = lock.platforms.filter(({ extras }) => extras === undefined);
  if (selection.withEngine === true && bare.length > 0) {
    throw new BundlerError("USAGE", "--with-engine: the lock has no engine.", {
      hint: "Write the lock with it: plan --lock FILE --with-engine",
    });
  }
  const platforms: PlatformLock[] = [];
  for (const target of selection.platforms) {
    const platform = formatPlatform(target);
    const locked = lock.platforms.find((one) => one.platform === platform);
    if (locked === undefined) {
      const known = lock.platforms.map((one) => one.platform).join(", ");
      throw moved(`The lock has no plan for ${platform}; it has ${known}.`);
    }
    await together(locked.components, context.signal, (component, signal) =>
      checkComponent(component, platform, definition, selection, { ...context, signal }),
    );
    platforms.push(locked);
  }
  checkArchiveImages(definition, selection);
  for (const name of selection.archives.keys()) {
    const taken = platforms.some(({ components }) =>
      components.some((one) => one.name === name && one.method === "provided"),
    );
    if (taken) continue;
    throw new BundlerError(
      "USAGE",
      `--archive ${name}: the lock does not take ${name} from an archive.`,
      { hint: `Write the lock with it: plan --lock FILE --archive ${name}=FILE` },
    );
  }
  return { ...lock, platforms };
}

async function checkComponent(
  locked: LockedComponent,
  platform: string,
  definition: Definition,
  selection: SelectionOptions,
  context: JobOptions & Opened,
): Promise<void> {
  const { name, method, image, required, build } = locked;
  const component = definition.components.find((one) => one.name === name);
  if (component === undefined)
    throw moved(`${name} is in the lock and not in the bundle definition.`);
  // Pinned by what goes into it: the build itself refuses a context that has changed.
  if (build !== undefined && method === "build") return;
  if (image === undefined) {
    if (!required || method === "left-out") return;
    throw moved(`${name}: the lock has no image for ${platform} (${locked.reason}).`, {
      component: name,
    });
  }
  if (method === "provided")
    return checkArchive(component, image.manifest.digest, platform, selection, context);
  const reference = parseReference(image.reference);
  let bytes: Uint8Array;
  try {
    bytes = await pinnedManifest(reference, image.manifest, context);
  } catch (error) {
    if (!(error instanceof BundlerError) || error.code !== "NOT_FOUND") throw error;
    const now = await context.registry.manifest(reference, context.signal).then(
      (answer) => `the tag now points to ${answer.digest}`,
      () => "and its tag is gone too",
    );
    throw moved(
      `${name}: ${image.reference} no longer has the locked manifest ${image.manifest.digest}; ${now}.`,
      { component: name, expected: image.manifest.digest },
      error,
    );
  }
  const document = parseManifest(image.reference, bytes, image.manifest.mediaType);
  const same =
    document.kind === "image" &&
    sameBlob(document.config, image.config) &&
    document.layers.length === image.layers.length &&
    document.layers.every((layer, at) => sameBlob(layer, image.layers[at])) &&
    platformMatches(parsePlatform(platform), parsePlatform(image.platform));
  if (!same) {
    throw moved(
      `${name}: what the lock says of ${image.reference} does not agree with the manifest ${image.manifest.digest} that it pins.`,
      { component: name },
    );
  }
}

function sameBlob(one: Descriptor, other: Descriptor | undefined): boolean {
  return one.digest === other?.digest && one.size === other.size;
}

async function checkArchive(
  component: Component,
  digest: string,
  platform: string,
  selection: SelectionOptions,
  context: JobOptions & Opened,
): Promise<void> {
  const file = selection.archives.get(component.name) ?? component.archive;
  if (file === undefined) {
    throw moved(`${component.name}: the lock takes its image from an archive, and none is given.`, {
      component: component.name,
    });
  }
  const image = await importComponent(
    {
      ...{ component, file, platform: parsePlatform(platform) },
      archiveImages: selection.archiveImages,
    },
    context,
  );
  if (image.manifest.digest !== digest) {
    throw moved(`${component.name}: ${file} holds another image than the lock pins.`, {
      component: component.name,
      expected: digest,
      found: image.manifest.digest,
    });
  }
}

function moved(
  message: string,
  details: Readonly<Record<string, unknown>> = {},
  cause?: unknown,
): BundlerError {
  return new BundlerError("LOCK", message, {
    hint: "Look at what changed with `plan`, and write a new lock with `plan --lock FILE` when it is wanted.",
    details,
    cause,
  });
}
