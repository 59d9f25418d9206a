import { link, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import path from "node:path";
import { Acquisition } from "../acquire/acquisition.js";
import type { BaseLayout } from "../builder/types.js";
import { hexOf } from "../core/digest.js";
import { BundlerError, systemCode } from "../core/errors.js";
import { noEvents } from "../core/events.js";
import { type Platform, formatPlatform } from "../core/platform.js";
import type { Descriptor } from "../image/descriptor.js";
import { parseReference } from "../image/reference.js";
import type { LockedBase } from "../plan/build-types.js";
import { pinnedManifest, resolveImage } from "../plan/resolve.js";
import type { LockedImage } from "../plan/types.js";
import type { Registry } from "../registry/client.js";
import type { Store } from "../store/store.js";

/** A base image and the platforms that a build takes of it. */
export interface BaseNeed {
  readonly base: LockedBase;
  /** What stands after FROM in the Dockerfile that is sent. */
  readonly name: string;
  readonly platforms: readonly Platform[];
}

export interface BaseLayouts {
  readonly layouts: readonly BaseLayout[];
  close(): Promise<void>;
}

interface LayoutContext {
  readonly registry: Registry;
  readonly store: Store;
  readonly signal: AbortSignal;
  /** Told once for each base that is not in the store yet. */
  readonly onStep: (detail: string) => void;
}

/**
 * Fetches base images into the store as any other image and lays them out for the builder (image-spec
 * image-layout.md), so that our mirrors, logins, certificates and resumed downloads serve builds too
 * and the builder itself needs no registry. The folder is the caller's until `close`.
 * @throws BundlerError LOCK when a registry has a base no longer; NETWORK, AUTH, INTEGRITY, DISK, INTERRUPTED.
 */
export async function openBaseLayouts(
  needs: readonly BaseNeed[],
  context: LayoutContext,
): Promise<BaseLayouts> {
  const builds = path.join(context.store.dir, "builds");
  await mkdir(builds, { recursive: true, mode: 0o700 });
  const dir = await mkdtemp(path.join(builds, "bases-"));
  const close = (): Promise<void> => rm(dir, { recursive: true, force: true });
  try {
    await mkdir(path.join(dir, "blobs", "sha256"), { recursive: true });
    const layouts: BaseLayout[] = [];
    const tops: Descriptor[] = [];
    for (const need of needs) {
      const { digest } = need.base;
      const top = await addBase(dir, need, context);
      if (!tops.some((one) => one.digest === digest)) tops.push(top);
      layouts.push({ reference: need.name, dir, digest });
    }
    await writeFile(path.join(dir, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
    await writeFile(
      path.join(dir, "index.json"),
      JSON.stringify({ schemaVersion: 2, manifests: tops }),
    );
    return { layouts, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function addBase(
  dir: string,
  { base, platforms }: BaseNeed,
  context: LayoutContext,
): Promise<Descriptor> {
  let top: Descriptor | undefined;
  for (const platform of platforms) {
    const image = await resolveBase(base, platform, context);
    const acquisition = new Acquisition(pseudoLock(base, image), {
      ...context,
      keepBlobs: true,
      onEvent: noEvents,
    });
    const { bytes } = await acquisition.missing();
    if (bytes > 0) context.onStep(`fetching the base ${base.reference}`);
    await acquisition.intoStore();
    top = image.index ?? image.manifest;
    // An index is asked for by digest here, so what it names is what the plan saw.
    await pinnedManifest(parseReference(base.reference), top, context);
    for (const blob of [top, image.manifest, image.config, ...image.layers]) {
      await place(context.store.path(blob.digest), blobPath(dir, blob));
    }
  }
  if (top === undefined) {
    throw new BundlerError("INTERNAL", `${base.reference} is laid out for no platform.`);
  }
  return { mediaType: top.mediaType, digest: top.digest, size: top.size };
}

async function resolveBase(
  { reference, digest }: LockedBase,
  platform: Platform,
  context: LayoutContext,
): Promise<LockedImage> {
  const { tag, ...name } = parseReference(reference);
  const found = await resolveImage({ ...name, digest }, platform, context);
  if (found.kind === "found") return found.image;
  throw new BundlerError(
    found.kind === "unusable" ? found.error.code : "PLATFORM",
    found.kind === "unusable"
      ? `The base image ${reference}@${digest} can no longer be had: ${found.error.message}`
      : `The base image ${reference}@${digest} does not run on ${formatPlatform(platform)}.`,
    {
      hint: "Plan again; with a lock, write it anew with `plan --lock FILE`.",
      ...(found.kind === "unusable" ? { cause: found.error } : {}),
      details: { image: reference, digest, tag },
    },
  );
}

/** One image as a lock of its own, as fetching wants it. */
function pseudoLock(base: LockedBase, image: LockedImage) {
  const component = {
    name: base.reference,
    required: true,
    method: "image" as const,
    reason: "",
    image,
  };
  return { platform: image.platform, components: [component] };
}

function blobPath(dir: string, { digest }: Descriptor): string {
  return path.join(dir, "blobs", "sha256", hexOf(digest));
}

/** A second name for the stored blob; a symbolic link where the file system has no hard ones. */
async function place(from: string, to: string): Promise<void> {
  await link(from, to).catch(async (error: unknown) => {
    if (systemCode(error) === "EEXIST") return;
    await symlink(from, to);
  });
}
