import type { BundlerError } from "../core/errors.js";
import { oneLine } from "../core/invisible.js";
import { type Platform, formatPlatform, platformMatches } from "../core/platform.js";
import type { Component } from "../definition/types.js";
import { layerCompression } from "../image/media-types.js";
import type { Registry } from "../registry/client.js";
import { type Reference, formatReference, parseReference } from "../image/reference.js";
import type { Store } from "../store/store.js";
import { type Resolution, resolveImage } from "./resolve.js";
import type { LockedComponent, LockedImage, PlannedBuild } from "./types.js";

/** Of what registries say, which goes into tables, locks and archives: no longer than this. */
export const SAID = 1000;

export interface DecideContext {
  readonly registry: Registry;
  readonly store: Store;
  readonly signal: AbortSignal;
  /** Reads an image archive into the store; the acquire room knows how. */
  readonly importArchive: (
    component: Component,
    file: string,
    platform: Platform,
    signal: AbortSignal,
  ) => Promise<LockedImage>;
  /** Plans an image build; the build room knows how. */
  readonly planBuild: (
    component: Component,
    platform: Platform,
    signal: AbortSignal,
  ) => Promise<PlannedBuild>;
  /** Components to be built although a registry may have their image. */
  readonly build: ReadonlySet<string>;
  /** Archives given by hand, by component. */
  readonly archives: ReadonlyMap<string, string>;
  /** Components to leave out, with the reason. */
  readonly leaveOut: ReadonlyMap<string, string>;
}

export interface Decision {
  /** Its reason goes into locks and archives, and names nothing of the network or machine that asked. */
  readonly component: LockedComponent;
  /** The error that closed the last way of a component that found none. */
  readonly obstacle?: BundlerError;
}

/**
 * Decides how one component gets its image for a platform. The order: left out by the caller, an
 * archive given by hand, a declared omission, the table's image, its alternatives, an archive that
 * the definition ships, a build. A build that is to be made always comes before the registries.
 * @throws BundlerError NETWORK, DISK or INTERRUPTED: failures that say nothing about the image.
 */
export async function decide(
  component: Component,
  target: Platform,
  context: DecideContext,
): Promise<Decision> {
  const head = { name: component.name, required: component.required };
  const platform = formatPlatform(target);
  const left = context.leaveOut.get(component.name);
  if (left !== undefined) return { component: { ...head, method: "left-out", reason: left } };

  const given = context.archives.get(component.name);
  if (given !== undefined) {
    const image = await context.importArchive(component, given, target, context.signal);
    return {
      component: { ...head, method: "provided", reason: "image archive given by hand", image },
    };
  }

  const omission = component.omit.find(({ platforms }) =>
    platforms.some((one) => platformMatches(target, one)),
  );
  if (omission !== undefined)
    return { component: { ...head, method: "left-out", reason: omission.reason.en } };

  const buildable = component.build?.platforms.some((one) => platformMatches(target, one)) === true;
  if (buildable && (component.build.always || context.build.has(component.name))) {
    return build(component, target, context);
  }

  const obstacles: string[] = [];
  let obstacle: BundlerError | undefined;
  const candidates = [
    { image: component.image, platforms: component.platforms },
    ...component.alternatives.map((alternative, position) => ({
      ...alternative,
      alternative: position,
    })),
  ];
  for (const candidate of candidates) {
    const reference = parseReference(candidate.image);
    const resolution = await resolveImage(reference, target, context);
    if (resolution.kind === "found") {
      const claim = claimNote(candidate.platforms, target, true);
      const reason =
        "alternative" in candidate
          ? [...obstacles, candidate.reason.en, ...claim].join("; ")
          : claim.join("; ") || `the registry has it for ${platform}`;
      return {
        component: {
          ...head,
          method: "alternative" in candidate ? "alternative" : "image",
          reason: reason + zstdNote(resolution.image),
          image: resolution.image,
          ...("alternative" in candidate ? { alternative: candidate.alternative } : {}),
        },
      };
    }
    obstacles.push(
      obstacleSentence(reference, resolution, claimNote(candidate.platforms, target, false)),
    );
    // A refused login is what to tell of, whatever came after it.
    if (resolution.kind === "unusable" && obstacle?.code !== "AUTH") obstacle = resolution.error;
  }

  if (component.archive !== undefined) {
    const image = await context.importArchive(component, component.archive, target, context.signal);
    const reason = [...obstacles, "image archive of the bundle definition"].join("; ");
    return { component: { ...head, method: "provided", reason, image } };
  }
  if (buildable) return build(component, target, context, obstacles);
  return {
    component: { ...head, method: "none", reason: obstacles.join("; ") },
    ...(obstacle ? { obstacle } : {}),
  };
}

async function build(
  component: Component,
  target: Platform,
  context: DecideContext,
  obstacles: readonly string[] = [],
): Promise<Decision> {
  const planned = await context.planBuild(component, target, context.signal);
  const { name, required } = component;
  const head = { name, required, method: "build" as const };
  if (planned.kind === "planned") {
    const { build: locked, image, reason } = planned;
    return {
      component: {
        ...head,
        reason: [...obstacles, reason].join("; "),
        build: locked,
        ...(image === undefined ? {} : { image }),
      },
    };
  }
  const { error, build: locked } = planned;
  const why = "it could not be built where this was planned";
  return {
    component: {
      ...head,
      reason: [...obstacles, why].join("; "),
      ...(locked === undefined ? {} : { build: locked }),
    },
    obstacle: error,
  };
}

/**
 * Of an image that cannot be had, what holds wherever it is asked for: what a mirror or a proxy said of
 * it is for the one who asks, and in the error.
 */
function unusableSentence({ code, message }: BundlerError): string {
  switch (code) {
    case "NOT_FOUND":
      return "is not there";
    case "AUTH":
      return "cannot be read without a login that may";
    default:
      return `cannot be used (${oneLine(message, SAID).replace(/\.$/, "")})`;
  }
}

function claimNote(claimed: readonly Platform[], target: Platform, offered: boolean): string[] {
  const claims = claimed.some((one) => platformMatches(target, one));
  if (claims === offered) return [];
  return offered
    ? [`the table does not claim ${formatPlatform(target)}, the registry has it`]
    : [`the table claims ${formatPlatform(target)}`];
}

function obstacleSentence(
  reference: Reference,
  resolution: Exclude<Resolution, { kind: "found" }>,
  claim: readonly string[],
): string {
  const name = formatReference(reference);
  const prefix = claim.length > 0 ? `${claim.join(", ")}, but ` : "";
  switch (resolution.kind) {
    case "other-platforms":
      return `${prefix}${name} is there only for ${oneLine(resolution.offered.join(", "), SAID) || "no platform at all"}`;
    case "contradiction":
      return `${prefix}${name} has an entry for ${oneLine(resolution.promised, SAID)} whose own config says ${oneLine(resolution.configured, SAID)}`;
    case "unusable":
      return `${prefix}${name} ${unusableSentence(resolution.error)}`;
  }
}

/** Such layers pass untouched, and older engines cannot unpack them. */
function zstdNote({ layers }: LockedImage): string {
  return layers.some(({ mediaType }) => layerCompression(mediaType) === "zstd")
    ? "; its zstd layers need Docker 23 or newer on the site"
    : "";
}
