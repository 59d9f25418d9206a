import type { Acquisition } from "../acquire/acquisition.js";
import { assembleBundle } from "../bundle/assemble.js";
import type { BundleLayout } from "../bundle/layout.js";
import { openBundleWriter } from "../bundle/writer.js";
import { formatBytes } from "../core/bytes.js";
import { BundlerError } from "../core/errors.js";
import { together } from "../core/together.js";
import type { Definition } from "../definition/types.js";
import { planFailure } from "../plan/plan.js";
import type { Lock, PlatformLock } from "../plan/types.js";
import type { SbomDocument } from "../sbom/documents.js";
import { type Builds, openBuilds } from "./builds.js";
import { fetchExtras } from "./extras.js";
import { obeyLock } from "./locked.js";
import { type Claimed, checkRoom, claimOutput, openWorkFolder } from "./outputs.js";
import { planWith } from "./plan.js";
import { tellRefusedLayers } from "./refused-layers.js";
import type { SelectionOptions } from "./selection.js";
import { announcedSboms, makeSboms } from "./sboms.js";
import { type JobOptions, type Opened, withJob } from "./job.js";

export interface CreateOptions extends JobOptions {
  /** A folder, or for one platform a file; the current folder when absent. */
  readonly output?: string;
  /** Replace archives that exist. */
  readonly force: boolean;
  /** Whether what is fetched is kept in the store; when not, it goes into the archive alone. True when absent. */
  readonly keepBlobs?: boolean;
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

type CreateContext = CreateOptions &
  Opened &
  Pick<SelectionOptions, "build"> & { readonly keepBlobs: boolean; readonly builds: Builds };

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
  if (options.keepBlobs !== false)
    return createWith(definition, selection, { ...options, keepBlobs: true });
  const work = await openWorkFolder(options.output);
  try {
    const alone = { ...options, keepBlobs: false, storeDir: work.dir };
    return await createWith(definition, selection, alone);
  } finally {
    await work.close();
  }
}

async function createWith(
  definition: Definition,
  selection: SelectionOptions,
  options: CreateOptions & { readonly keepBlobs: boolean },
): Promise<CreateResult> {
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
    const claimed: Claimed[] = [];
    for (const platform of lock.platforms)
      claimed.push(await claimOutput(definition, platform, context));
    await checkRoom(claimed, options.keepBlobs ? opened.store : undefined);
    const archives: CreatedBundle[] = [];
    for (const one of claimed) {
      try {
        archives.push(await makeArchive(definition, lock.date, one, context));
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
 * One archive: what is to be built is built, which tells where everything goes; then every blob is
 * brought to its place, the images are looked into where they lie, and the rest is written.
 */
async function makeArchive(
  definition: Definition,
  date: string,
  { output, acquisition, lock: planned }: Claimed,
  context: CreateContext,
): Promise<CreatedBundle> {
  const { templatesDir, tool, force, keepBlobs, signal, onEvent } = context;
  const engine = await fetchExtras(planned, definition, context, context);
  const lock = await build(definition, planned, acquisition, context);
  const input = { definition, lock, date, tool, extras: engine.extras };
  const layOut = (sboms: readonly SbomDocument[]): Promise<BundleLayout> =>
    assembleBundle({ ...input, templatesDir, sboms });

  const announced = await layOut(context.sbom === true ? announcedSboms(input) : []);
  const writer = await openBundleWriter(announced, {
    ...{ output, force, signal, onEvent },
    keepUnfinished: !keepBlobs,
  });
  try {
    const phase = { phase: "pack", subject: lock.platform } as const;
    const totalItems = announced.manifest.components.length;
    onEvent({ type: "phase-start", ...phase, totalBytes: writer.blobBytes, totalItems });
    await acquisition.into(writer, lock);
    const sboms =
      context.sbom === true ? await makeSboms(input, writer.window, context) : undefined;
    const layout = sboms === undefined ? announced : await layOut(sboms.documents);
    await tellRefusedLayers(lock, writer.window, onEvent);
    await writer.finish(layout);
    onEvent({ type: "phase-end", ...phase, summary: formatBytes(layout.size) });
    return {
      platform: lock.platform,
      path: output,
      size: layout.size,
      components: layout.manifest.components.map(({ name }) => name),
      leftOut: layout.manifest.leftOut.map(({ name, reason }) => ({ name, reason })),
      fetched: engine.fetched + acquisition.fetched,
      ...(sboms === undefined ? {} : { packages: sboms.packages }),
    };
  } catch (error) {
    throw withKept(error, await writer.abort());
  } finally {
    await writer.abort();
  }
}

/** The lock with its built images. What is fetched comes into the store meanwhile, where there is one. */
async function build(
  definition: Definition,
  lock: PlatformLock,
  acquisition: Acquisition,
  { builds, keepBlobs, signal }: CreateContext,
): Promise<PlatformLock> {
  if (definition.components.every(({ build: how }) => how === undefined)) return lock;
  const toBuild = lock.components.some(
    ({ build: how, image }) => how !== undefined && image === undefined,
  );
  if (!toBuild || !keepBlobs) return builds.make(lock, signal);
  const [built = lock] = await together(
    [
      (stop: AbortSignal) => builds.make(lock, stop),
      (stop: AbortSignal) => acquisition.intoStore(stop).then(() => lock),
    ],
    signal,
    (job, stop) => job(stop),
  );
  return built;
}

/** A failure says where the next run will go on. */
function withKept(error: unknown, file: string | undefined): unknown {
  if (!(error instanceof BundlerError) || file === undefined) return error;
  const kept = `What was fetched is kept in ${file}; run the same command again to go on from there.`;
  return new BundlerError(error.code, error.message, {
    cause: error,
    hint: error.hint === undefined ? kept : `${error.hint}\n${kept}`,
    details: { ...error.details, kept: file },
  });
}
