import { fetchImages, planFetch } from "../acquire/fetch.js";
import { assembleBundle } from "../bundle/assemble.js";
import type { BundleLayout } from "../bundle/layout.js";
import { tarballsOf } from "../bundle/tarballs.js";
import { openBundleWriter } from "../bundle/writer.js";
import { formatBytes } from "../core/bytes.js";
import type { Digest } from "../core/digest.js";
import { BundlerError, isAbort } from "../core/errors.js";
import { noEvents } from "../core/events.js";
import { together } from "../core/together.js";
import type { Definition } from "../definition/types.js";
import { planFailure } from "../plan/plan.js";
import type { Lock } from "../plan/types.js";
import { type Builds, openBuilds } from "./builds.js";
import { fetchExtras } from "./extras.js";
import { obeyLock } from "./locked.js";
import { type Claimed, checkRoom, claimOutput } from "./outputs.js";
import { packTarball } from "./pack-image.js";
import { planWith } from "./plan.js";
import type { SelectionOptions } from "./selection.js";
import { type Sboms, makeSboms } from "./sboms.js";
import { type JobOptions, type Opened, withJob } from "./job.js";

export interface CreateOptions extends JobOptions {
  /** A folder, or for one platform a file; the current folder when absent. */
  readonly output?: string;
  /** Replace archives that exist. */
  readonly force: boolean;
  /** Use exactly this instead of asking what there is. */
  readonly lock?: Lock;
  /** Put documents of the packages in the images into the archive. */
  readonly sbom?: boolean;
  /** The package's `templates/site`. */
  readonly templatesDir: string;
  readonly tool: { readonly name: string; readonly version: string };
}

export interface CreatedBundle {
  readonly platform: string;
  readonly path: string;
  /** Bytes of the archive. */
  readonly size: number;
  readonly components: readonly string[];
  readonly leftOut: readonly { readonly name: string; readonly reason: string }[];
  /** Bytes fetched by this run; the rest was in the store. */
  readonly fetched: number;
  /** Packages that its SBOM lists; absent when it has none. */
  readonly packages?: number;
}

export interface CreateResult {
  readonly bundle: { readonly name: string; readonly version: string };
  readonly archives: readonly CreatedBundle[];
}

/** One archive before its first byte: every image known, and what goes where. */
interface Prepared extends Omit<Claimed, "size"> {
  readonly layout: BundleLayout;
  /** Bytes fetched before it was laid out, for builds or an SBOM; absent when nothing was. */
  readonly fetched?: number;
  readonly sboms?: Sboms;
  /** Bytes of the engine that were fetched. */
  readonly engine: number;
}

type CreateContext = CreateOptions &
  Opened &
  Pick<SelectionOptions, "build"> & { readonly builds: Builds };

/**
 * Makes one archive per platform. Everything that can be known is checked before the first layer
 * is fetched: ways, names, room on both disks.
 * @throws BundlerError of any code; nothing is left under a final name then.
 */
export async function createJob(
  definition: Definition,
  selection: SelectionOptions,
  options: CreateOptions,
): Promise<CreateResult> {
  if (options.output?.endsWith(".tar") === true && selection.platforms.length > 1) {
    throw new BundlerError(
      "USAGE",
      `-o ${options.output} names one file, but ${selection.platforms.length} platforms make as many archives.`,
      { hint: "Give a folder." },
    );
  }
  return withJob(options, async (opened) => {
    const context = {
      ...options,
      ...opened,
      ...(selection.build === undefined ? {} : { build: selection.build }),
      builds: openBuilds(definition, selection, { ...options, ...opened }),
    };
    const lock =
      options.lock === undefined
        ? await freshLock(definition, selection, context)
        : await obeyLock(options.lock, definition, selection, context);
    const claimed = await Promise.all(
      lock.platforms.map((platform) => claimOutput(definition, platform, context)),
    );
    // Builds take minutes: what can be known to fail without them fails before them.
    await checkRoom(claimed, opened.store);
    const prepared: Prepared[] = [];
    for (const one of claimed) prepared.push(await prepare(definition, lock, one, context));
    await checkRoom(
      prepared.map(({ layout, ...one }) => ({ ...one, size: layout.size })),
      opened.store,
    );
    const archives: CreatedBundle[] = [];
    for (const one of prepared) {
      try {
        archives.push(await fetchAndPack(one, context));
      } catch (error) {
        throw withFinished(error, archives);
      }
    }
    return { bundle: { name: definition.name, version: definition.version }, archives };
  });
}

/** A later platform's failure says which archives are finished: they stay. */
function withFinished(error: unknown, archives: readonly CreatedBundle[]): unknown {
  if (!(error instanceof BundlerError) || archives.length === 0) return error;
  const names = archives.map(({ path: file }) => file).join(", ");
  return new BundlerError(error.code, error.message, {
    cause: error,
    hint: `Finished before: ${names}. Run the same command for the other platforms only.`,
    details: {
      ...error.details,
      finished: archives.map(({ path: file, platform }) => ({ path: file, platform })),
    },
  });
}

async function freshLock(
  definition: Definition,
  selection: SelectionOptions,
  context: CreateContext,
): Promise<Lock> {
  const plan = await planWith(definition, selection, context);
  const failure = planFailure(plan);
  if (failure !== undefined) throw failure;
  for (const { component, platform, reason } of plan.problems) {
    const message = `${component} is optional and not in the bundle for ${platform}: ${reason}`;
    context.onEvent({ type: "notice", level: "warn", message });
  }
  return plan.lock;
}

/**
 * Fetches the engine if one goes in, builds what is to be built, fetching the other images beside it,
 * looks into all of them where an SBOM is wanted, and lays the archive out.
 */
async function prepare(
  definition: Definition,
  { date }: Lock,
  claimed: Claimed,
  context: CreateContext,
): Promise<Prepared> {
  const { templatesDir, tool, store, signal } = context;
  let { lock } = claimed;
  // How large the archive gets is known only when they are here.
  const { extras, fetched: engine } = await fetchExtras(lock, definition, context, context);
  const toBuild = lock.components.some(
    ({ build, image }) => build !== undefined && image === undefined,
  );
  const jobs = [
    async (stop: AbortSignal) => {
      lock = await context.builds.make(claimed.lock, stop);
    },
    async (stop: AbortSignal) => {
      if (!toBuild) return;
      await fetchImages(claimed.lock, claimed.fetch, {
        ...context,
        signal: stop,
        onReady: () => undefined,
      });
    },
  ];
  if (definition.components.some(({ build }) => build !== undefined)) {
    await together(jobs, signal, (job, stop) => job(stop));
  }
  const sboms =
    context.sbom === true
      ? await makeSboms(
          { definition, lock, date, tool },
          { ...context, onFetch: toBuild ? noEvents : context.onEvent },
        )
      : undefined;
  const layout = await assembleBundle({
    ...{ definition, lock, date, tool, templatesDir, extras },
    ...(sboms === undefined ? {} : { sboms: sboms.documents }),
  });
  return {
    lock,
    layout,
    output: claimed.output,
    fetch: await planFetch(lock, store),
    engine,
    ...(toBuild || sboms !== undefined ? { fetched: claimed.fetch.bytes } : {}),
    ...(sboms === undefined ? {} : { sboms }),
  };
}

/** Fetches what is missing and writes each image into the archive as soon as it is whole. */
async function fetchAndPack(prepared: Prepared, context: CreateContext): Promise<CreatedBundle> {
  const { lock, layout, output } = prepared;
  const { store, force, onEvent } = context;
  // An archive made before this one may have brought shared blobs.
  const fetch = await planFetch(lock, store);
  const stop = new AbortController();
  const signal = AbortSignal.any([context.signal, stop.signal]);
  const writer = await openBundleWriter(layout, {
    output,
    force,
    blobPath: (digest) => store.path(digest),
    signal,
    onEvent,
  });
  try {
    onEvent({
      type: "phase-start",
      phase: "pack",
      subject: lock.platform,
      totalBytes: layout.manifest.sizes.images,
      totalItems: layout.manifest.components.length,
    });
    const packing: Promise<void>[] = [];
    const healing = new Map<Digest, Promise<void>>();
    const waiting = tarballsOf(layout.manifest.components).map(({ path, components }) => ({
      path,
      components: new Set(components.map(({ name }) => name)),
    }));
    const pack = (component: string): void => {
      const tarball = waiting.find(({ components }) => components.delete(component));
      if (tarball === undefined || tarball.components.size > 0) return;
      const job = packTarball(tarball.path, lock, writer, { ...context, signal, healing });
      // The first failure ends the downloads too; it is rethrown below.
      job.catch((error: unknown) => stop.abort(error));
      packing.push(job);
    };
    const fetching = fetchImages(lock, fetch, {
      ...context,
      signal,
      // What was fetched for builds and SBOMs has been told.
      onEvent: prepared.fetched === undefined ? onEvent : noEvents,
      onReady: pack,
    });
    // Nobody needs images packed when others cannot be had.
    fetching.catch((error: unknown) => stop.abort(error));
    const errors = (await Promise.allSettled([fetching]))
      .concat(await Promise.allSettled(packing))
      .flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason as unknown] : []));
    if (errors.length > 0) throw errors.find((error) => !isAbort(error)) ?? errors[0];
    await writer.finish();
    onEvent({
      type: "phase-end",
      phase: "pack",
      subject: lock.platform,
      summary: formatBytes(layout.size),
    });
  } finally {
    await writer.abort();
  }
  return {
    platform: lock.platform,
    path: output,
    size: layout.size,
    components: layout.manifest.components.map(({ name }) => name),
    leftOut: layout.manifest.leftOut.map(({ name, reason }) => ({ name, reason })),
    fetched: (prepared.fetched ?? 0) + prepared.engine + fetch.bytes,
    ...(prepared.sboms === undefined ? {} : { packages: prepared.sboms.packages }),
  };
}
