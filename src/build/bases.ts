import { BundlerError } from "../core/errors.js";
import { type Platform, formatPlatform } from "../core/platform.js";
import type { BaseUse } from "../dockerfile/types.js";
import {
  type Reference,
  familiarReference,
  formatReference,
  parseReference,
} from "../image/reference.js";
import type { LockedBase, LockedBuild } from "../plan/build-types.js";
import { type Resolution, resolveImage } from "../plan/resolve.js";
import type { LockedImage } from "../plan/types.js";
import type { BaseNeed } from "./base-layouts.js";
import type { BuildContext } from "./types.js";

/** What the stages of a build run on. */
export interface BuildPlatforms {
  readonly target: Platform;
  /** The builder's own. */
  readonly build: Platform;
}

/**
 * Asks the registries for every base image, on every platform that it is used on, and pins each by
 * the digest of what the name means now.
 * @param file the Dockerfile, for messages.
 * @returns the bases by name, and when the newest of them was made (RFC 3339).
 * @throws BundlerError PLATFORM, NOT_FOUND, AUTH or INTEGRITY for a base that cannot be had, naming
 *   the line and what the registry offers; NETWORK, INTERRUPTED.
 */
export async function lockBases(
  uses: readonly BaseUse[],
  file: string,
  platforms: BuildPlatforms,
  context: Pick<BuildContext, "registry" | "store" | "signal">,
): Promise<{ readonly bases: readonly LockedBase[]; readonly created: readonly string[] }> {
  const bases = new Map<string, LockedBase>();
  const created: string[] = [];
  for (const use of uses) {
    const reference = baseReference(use, file);
    const name = taggedName(reference);
    const pinned = bases.get(name)?.digest ?? reference.digest;
    if (reference.digest !== undefined && pinned !== reference.digest) {
      throw new BundlerError(
        "DEFINITION",
        `${file}:${use.line}: ${use.image} is another image than ${name} before it.`,
        { hint: "Write the same digest at each of them.", details: { file, line: use.line } },
      );
    }
    // What a name means may change between two questions; one build has one answer.
    const asked = pinned === undefined ? reference : { ...reference, digest: pinned };
    const platform = platformOf(use, platforms);
    const resolution = await resolveImage(asked, platform, context);
    if (resolution.kind !== "found") throw missingBase(use, { file, platform, resolution });
    const { image } = resolution;
    bases.set(name, { reference: name, digest: pinned ?? topDigest(image) });
    if (image.created !== undefined) created.push(image.created);
  }
  return {
    bases: [...bases.values()].sort((a, b) => (a.reference < b.reference ? -1 : 1)),
    created,
  };
}

/**
 * What a `FROM` is rewritten to: the base's full name with its locked digest.
 * @throws BundlerError LOCK for a base that the lock does not have.
 */
export function pinnedName(image: string, build: Pick<LockedBuild, "bases">): string {
  const { reference, digest } = lockedBase(image, build);
  return `${reference}@${digest}`;
}

/**
 * Each base by the name that it has in the Dockerfile that is sent, and the platforms it is needed of.
 * @throws BundlerError LOCK as `pinnedName`.
 */
export function baseNeeds(
  uses: readonly BaseUse[],
  build: Pick<LockedBuild, "bases">,
  platforms: BuildPlatforms,
): readonly BaseNeed[] {
  const needs = new Map<string, { base: LockedBase; platforms: Map<string, Platform> }>();
  for (const use of uses) {
    const base = lockedBase(use.image, build);
    const written = parseReference(use.image);
    // A digest that is written there stays as it is.
    const name =
      written.digest === undefined ? pinnedName(use.image, build) : formatReference(written);
    const need = needs.get(name) ?? { base, platforms: new Map<string, Platform>() };
    const platform = platformOf(use, platforms);
    need.platforms.set(formatPlatform(platform), platform);
    needs.set(name, need);
  }
  return [...needs].map(([name, need]) => ({
    base: need.base,
    name,
    platforms: [...need.platforms.values()],
  }));
}

function lockedBase(image: string, { bases }: Pick<LockedBuild, "bases">): LockedBase {
  const reference = parseReference(image);
  const name = taggedName(reference);
  const base = bases.find(
    (one) => one.reference === name && (reference.digest ?? one.digest) === one.digest,
  );
  if (base !== undefined) return base;
  throw new BundlerError("LOCK", `The lock does not have the base image ${image}.`, {
    hint: "Write a new lock with `plan --lock FILE`.",
    details: { base: image },
  });
}

/**
 * The layers (diffIDs) that the bases bring along for a platform, as far as the registry still
 * tells; undefined when one of the bases cannot be asked for.
 * @throws BundlerError INTERRUPTED.
 */
export async function baseLayers(
  build: LockedBuild,
  target: Platform,
  context: Pick<BuildContext, "registry" | "store" | "signal">,
): Promise<ReadonlySet<string> | undefined> {
  const layers = new Set<string>();
  for (const { reference, digest } of build.bases) {
    const asked = { ...parseReference(reference), digest };
    let resolution: Resolution;
    try {
      resolution = await resolveImage(asked, target, context);
    } catch (error) {
      if (!(error instanceof BundlerError) || error.code === "INTERRUPTED") throw error;
      return undefined;
    }
    if (resolution.kind === "unusable") return undefined;
    if (resolution.kind !== "found") continue;
    for (const { diffId } of resolution.image.layers) layers.add(diffId);
  }
  return layers;
}

function baseReference({ image, line }: BaseUse, file: string): Reference {
  try {
    return parseReference(image);
  } catch (error) {
    throw error instanceof BundlerError ? error.with({ file, line }, `${file}:${line}: `) : error;
  }
}

function taggedName({ registry, repository, tag }: Reference): string {
  return formatReference({ registry, repository, tag: tag ?? "latest" });
}

function topDigest({ index, manifest }: LockedImage): LockedBase["digest"] {
  return (index ?? manifest).digest;
}

function platformOf({ platform }: BaseUse, { target, build }: BuildPlatforms): Platform {
  if (platform === "target") return target;
  return platform === "build" ? build : platform;
}

function missingBase(
  use: BaseUse,
  {
    file,
    platform,
    resolution,
  }: {
    readonly file: string;
    readonly platform: Platform;
    readonly resolution: Exclude<Resolution, { kind: "found" }>;
  },
): BundlerError {
  const wanted = formatPlatform(platform);
  const at = `${file}:${use.line}`;
  const name = familiarReference(parseReference(use.image));
  const details = { file, line: use.line, base: name, platform: wanted };
  if (resolution.kind === "unusable") {
    const { error } = resolution;
    return new BundlerError(
      error.code,
      `${at}: the base image ${name} cannot be used: ${error.message}`,
      {
        ...(error.hint === undefined ? {} : { hint: error.hint }),
        details: { ...error.details, ...details },
        cause: error,
      },
    );
  }
  const offered =
    resolution.kind === "other-platforms"
      ? `it is there only for ${resolution.offered.join(", ") || "no platform at all"}`
      : `its entry for ${resolution.promised} says ${resolution.configured} in its own config`;
  const role = use.platform === "build" ? ", which the builder runs on" : "";
  return new BundlerError(
    "PLATFORM",
    `${at}: the base image ${name} is not there for ${wanted}${role}: ${offered}.`,
    {
      hint: `Name a base image in ${file} that exists for ${wanted}.`,
      details: {
        ...details,
        ...(resolution.kind === "other-platforms" ? { found: resolution.offered } : {}),
      },
    },
  );
}
