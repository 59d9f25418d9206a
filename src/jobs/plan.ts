import { importArchive } from "../acquire/archive.js";
import { Acquisition, type Missing, packedComponents } from "../acquire/acquisition.js";
import type { Digest } from "../core/digest.js";
import { BundlerError } from "../core/errors.js";
import type { EventSink } from "../core/events.js";
import type { Platform } from "../core/platform.js";
import type { Component, Definition } from "../definition/types.js";
import { type Plan, type PlanProblem, makePlan } from "../plan/plan.js";
import type { Lock, LockedComponent, PlatformLock } from "../plan/types.js";
import { formatReference, parseReference } from "../image/reference.js";
import type { Store } from "../store/store.js";
import { type Builds, openBuilds } from "./builds.js";
import { lockExtras } from "./extras.js";
import { type JobOptions, type Opened, withJob } from "./job.js";
import type { SelectionOptions } from "./selection.js";

/** One component of the plan as a person wants to see it. Sizes are compressed bytes. */
export interface PlanRow extends Omit<LockedComponent, "image" | "alternative"> {
  readonly reference?: string;
  /** Of the image manifest: what is pulled. */
  readonly digest?: Digest;
  readonly size?: number;
}

export interface PlatformPlan {
  readonly platform: string;
  readonly components: readonly PlanRow[];
  /** The engine that the bundle will carry; its size shows when it is fetched. */
  readonly extras?: PlatformLock["extras"];
  /** Images that are still to be built: nobody knows how large they get, and they are not counted below. */
  readonly toBuild: number;
  /** Bytes of all images, and of the distinct blobs that they consist of. */
  readonly totals: { readonly images: number; readonly distinct: number };
  readonly disk: {
    /** Bytes still to be fetched into the store. */
    readonly download: number;
    /** Bytes of store and archive together on this machine, about. */
    readonly here: number;
    /** Bytes on the site, estimated: the archive, its extracted files, and the images unpacked by the engine. */
    readonly site: number;
  };
}

export interface PlanResult {
  readonly bundle: { readonly name: string; readonly version: string };
  readonly platforms: readonly PlatformPlan[];
  /** Components without a way; `ok` is false when a required one is among them. */
  readonly problems: readonly Omit<PlanProblem, "error">[];
  readonly ok: boolean;
}

/** Layers grow to about this many times their compressed size when an engine unpacks them. */
const UNPACK_RATIO = 2.6;

/** Asks the registries what each component will be, downloading no layer. */
export async function planJob(
  definition: Definition,
  selection: SelectionOptions,
  options: JobOptions,
): Promise<{ readonly result: PlanResult; readonly lock: Lock; readonly plan: Plan }> {
  return withJob(options, async (opened) => {
    const context = { ...options, ...opened };
    const builds = openBuilds(definition, selection, context);
    const plan = await planWith(definition, selection, { ...context, builds });
    const platforms: PlatformPlan[] = [];
    for (const lock of plan.lock.platforms) {
      platforms.push(
        describePlatform(
          lock,
          await new Acquisition(lock, { ...context, keepBlobs: true }).missing(),
        ),
      );
    }
    const problems = plan.problems.map(({ platform, component, required, reason, hint }) => ({
      platform,
      component,
      required,
      reason,
      hint,
    }));
    const { name, version } = definition;
    const ok = problems.every(({ required }) => !required);
    return {
      result: { bundle: { name, version }, platforms, problems, ok },
      lock: plan.lock,
      plan,
    };
  });
}

/** The same for a job that goes on with the open registry and store. */
export async function planWith(
  definition: Definition,
  selection: SelectionOptions,
  options: JobOptions & Opened & { readonly builds: Builds },
): Promise<Plan> {
  const { registry, store, signal, onEvent, builds } = options;
  checkArchiveImages(definition, selection);
  const plan = await makePlan(definition, selection.platforms, {
    ...selection,
    build: selection.build?.always ?? new Set(),
    planBuild: (component, platform, stop) => builds.plan(component, platform, stop),
    registry,
    store,
    signal,
    onEvent,
    importArchive: (component, file, platform, stop) =>
      importComponent(
        { component, file, platform, archiveImages: selection.archiveImages },
        { store, signal: stop, onEvent },
      ),
  });
  return { ...plan, lock: await lockExtras(plan.lock, definition, selection, options) };
}

/** @throws BundlerError USAGE for a component that comes from no archive. */
export function checkArchiveImages(
  { components }: Definition,
  { archives, archiveImages = new Map() }: SelectionOptions,
): void {
  for (const name of archiveImages.keys()) {
    const shipped = components.some((one) => one.name === name && one.archive !== undefined);
    if (shipped || archives.has(name)) continue;
    throw new BundlerError("USAGE", `--archive-image ${name}: no archive is given for ${name}.`, {
      hint: `Give it too: --archive ${name}=FILE.`,
    });
  }
}

/** Reads a provided image archive into the store, under the name that the component table gives it. */
export function importComponent(
  from: {
    readonly component: Pick<Component, "name" | "image">;
    readonly file: string;
    readonly platform: Platform;
    readonly archiveImages: SelectionOptions["archiveImages"];
  },
  context: {
    readonly store: Store;
    readonly signal: AbortSignal;
    readonly onEvent: EventSink;
  },
) {
  const { name, image } = from.component;
  const { registry, repository, tag } = parseReference(image);
  const choose = from.archiveImages?.get(name);
  return importArchive(from.file, {
    component: name,
    platform: from.platform,
    reference: formatReference({ registry, repository, tag: tag ?? "latest" }),
    ...(choose === undefined ? {} : { choose }),
    ...context,
  });
}

function describePlatform(lock: PlatformLock, missing: Missing): PlatformPlan {
  const distinct = new Map<Digest, number>();
  let images = 0;
  for (const { image } of packedComponents(lock)) {
    for (const { digest, size } of [image.manifest, image.config, ...image.layers]) {
      distinct.set(digest, size);
    }
    images += imageSize(image);
  }
  const distinctBytes = [...distinct.values()].reduce((sum, size) => sum + size, 0);
  return {
    platform: lock.platform,
    components: lock.components.map(({ name, required, method, reason, image, build }) => ({
      name,
      required,
      method,
      reason,
      ...(build === undefined ? {} : { build }),
      ...(image === undefined
        ? {}
        : { reference: image.reference, digest: image.manifest.digest, size: imageSize(image) }),
    })),
    ...(lock.extras === undefined ? {} : { extras: lock.extras }),
    toBuild: lock.components.filter(({ method, image }) => method === "build" && !image).length,
    totals: { images, distinct: distinctBytes },
    disk: {
      download: missing.bytes,
      here: distinctBytes + images,
      site: Math.round(2 * images + distinctBytes * UNPACK_RATIO),
    },
  };
}

function imageSize(image: {
  config: { size: number };
  layers: readonly { digest: Digest; size: number }[];
}): number {
  const layers = new Map(image.layers.map(({ digest, size }) => [digest, size]));
  return image.config.size + [...layers.values()].reduce((sum, size) => sum + size, 0);
}
