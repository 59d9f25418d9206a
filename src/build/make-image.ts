import { randomUUID } from "node:crypto";
import { mkdir, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { importArchive } from "../acquire/archive.js";
import { BundlerError, interrupted } from "../core/errors.js";
import { parsePlatform } from "../core/platform.js";
import type { Component } from "../definition/types.js";
import type { LockedBuild } from "../plan/build-types.js";
import type { LockedImage } from "../plan/types.js";
import { fetchSource } from "../source/fetch.js";
import type { FetchedSource } from "../source/types.js";
import { storeError } from "../store/disk-error.js";
import { openBaseLayouts } from "./base-layouts.js";
import { baseNeeds } from "./bases.js";
import { cachedImage, rememberImage } from "./cache.js";
import { checkOutput } from "./check-output.js";
import { checkPrograms } from "./check-programs.js";
import { checkContext, contextTar } from "./context-tar.js";
import { type OpenContext, type UsedSource, openContext, usedSources } from "./context.js";
import { type Inspection, inspectBuild } from "./inspect.js";
import { newLogFile } from "./log-files.js";
import { chooseFor } from "./plan-build.js";
import { secretSources } from "./secrets.js";
import { type BuildContext, asBuildable } from "./types.js";

/** How long a build may take, in milliseconds; Java under emulation hangs more often than not. */
const TIME = { usual: 2 * 60 * 60_000, mayHang: 20 * 60_000 } as const;

/** What runs that were killed have left behind is this old, in milliseconds, before they are deleted. */
const STALE = 24 * 60 * 60_000;

/**
 * Makes the image of a locked build, or finds it in the store where an earlier run has left it:
 * fetches the sources, has the builder build, takes the result into the store and checks it like a
 * pull. Only what passes is kept for the next run.
 * @throws BundlerError LOCK when what goes in is not what the lock says; BUILD, BUILDER from the
 *   builder; PLATFORM when what comes out is for another machine, naming the file; what fetching a
 *   source throws; DISK, FILE, INTERRUPTED.
 */
export async function makeImage(
  build: LockedBuild,
  component: Component,
  context: BuildContext,
): Promise<LockedImage> {
  const cached = await cachedImage(build, context.store);
  if (cached !== undefined) return cached;
  const buildable = asBuildable(component);
  const { name } = component;
  const { store, host, signal, onEvent } = context;
  const platform = parsePlatform(build.platform);
  const builder = await host.builder(signal);
  const opened = await openContext(buildable, build.sources, context);
  checkContext(build, opened);
  const inspection = inspectBuild(opened, build, { platform, builder });
  const { mayHang } = chooseFor(name, { platform, opened, inspection, builder }, context);
  const used = usedSources(buildable, context.definition.sources);
  const secrets = await secretSources(buildable, context);
  const fetched = await fetchSources(build, used, context);
  const logFile = await newLogFile(store.dir, name, platform);
  return withOutputFile(store.dir, async (output) => {
    const layouts = builder.takesLayouts
      ? await openBaseLayouts(
          baseNeeds(inspection.report.bases, build, {
            target: platform,
            build: inspection.inputs.buildPlatform,
          }),
          {
            ...context,
            onStep: (detail) =>
              onEvent({ type: "item", phase: "build", name, state: "step", detail }),
          },
        )
      : undefined;
    const tar = watched(
      contextTar(build, { opened, used, fetched, inputs: inspection.inputs, signal }),
    );
    try {
      await host.build(
        {
          component: name,
          platform,
          context: tar.bytes,
          dockerfile: build.dockerfile,
          ...(build.target === undefined ? {} : { target: build.target }),
          args: build.args,
          secrets,
          ...(layouts === undefined ? {} : { bases: layouts.layouts }),
          epoch: Date.parse(build.date) / 1000,
          reference: build.reference,
          output,
          logFile,
          timeout: mayHang ? TIME.mayHang : TIME.usual,
        },
        { signal, onEvent },
      );
    } catch (error) {
      // Of a context that ends early, the builder can only say that it ended early.
      throw tar.failure() ?? error;
    } finally {
      await layouts?.close();
    }
    const failure = tar.failure();
    if (failure !== undefined) throw failure;
    if (signal.aborted) throw interrupted();
    const image = await takeIn(output, build, { component: name, opened, inspection }, context);
    await rememberImage(build, image, store);
    return image;
  });
}

/** Remembers what went wrong while something else was reading. */
function watched(bytes: AsyncIterable<Uint8Array>): {
  readonly bytes: AsyncIterable<Uint8Array>;
  readonly failure: () => BundlerError | undefined;
} {
  let failure: BundlerError | undefined;
  async function* watch(): AsyncGenerator<Uint8Array, void, void> {
    try {
      yield* bytes;
    } catch (error) {
      if (error instanceof BundlerError) failure = error;
      throw error;
    }
  }
  return { bytes: watch(), failure: () => failure };
}

/** Into the store, and checked. */
async function takeIn(
  output: string,
  build: LockedBuild,
  from: {
    readonly component: string;
    readonly opened: OpenContext;
    readonly inspection: Inspection;
  },
  context: BuildContext,
): Promise<LockedImage> {
  const { store, signal, onEvent } = context;
  const { component } = from;
  const platform = parsePlatform(build.platform);
  await checkOutput(output, { component, tempDir: store.dir, signal });
  const image = await importArchive(output, {
    component,
    platform,
    reference: build.reference,
    choose: build.reference,
    store,
    signal,
    onEvent,
  }).catch((error: unknown) => {
    if (!(error instanceof BundlerError) || error.code !== "PLATFORM") throw error;
    throw wrongPlatform(build, from, error.details["found"]);
  });
  // An engine would run a lesser variant, but this one was asked for.
  if (image.platform !== build.platform) throw wrongPlatform(build, from, image.platform);
  await checkPrograms(image, build, from, context);
  return image;
}

function wrongPlatform(
  { platform }: LockedBuild,
  { component, opened }: { readonly component: string; readonly opened: OpenContext },
  found: unknown,
): BundlerError {
  return new BundlerError(
    "PLATFORM",
    `${component}: the built image says ${String(found)}, it was built for ${platform}.`,
    {
      hint: `The last stage of ${opened.dockerfile.shown} has a platform of its own: it must have none, or $TARGETPLATFORM.`,
      details: { component, expected: platform, found },
    },
  );
}

async function fetchSources(
  build: LockedBuild,
  used: readonly UsedSource[],
  context: BuildContext,
): Promise<ReadonlyMap<string, FetchedSource>> {
  const fetched = new Map<string, FetchedSource>();
  for (const { source } of used) {
    const locked = build.sources.find(({ name }) => name === source.name);
    if (locked !== undefined) fetched.set(source.name, await fetchSource(source, locked, context));
    else if (!source.optional) {
      throw new BundlerError(
        "LOCK",
        `The lock has no checksum for the source ${source.name} of ${build.reference}.`,
        { hint: "Write a new lock with `plan --lock FILE`.", details: { source: source.name } },
      );
    }
  }
  return fetched;
}

/** A file for the builder to write to, gone when the work has ended, however it ends. */
async function withOutputFile<T>(
  storeDir: string,
  work: (output: string) => Promise<T>,
): Promise<T> {
  const dir = join(storeDir, "builds");
  try {
    await mkdir(dir, { recursive: true, mode: 0o700 });
    for (const name of await readdir(dir)) {
      const written = (await stat(join(dir, name)).catch(() => undefined))?.mtimeMs;
      if (written !== undefined && written < Date.now() - STALE)
        await rm(join(dir, name), { recursive: true, force: true });
    }
  } catch (error) {
    throw storeError(error, storeDir, "making room for a build");
  }
  const output = join(dir, `${randomUUID()}.tar`);
  try {
    return await work(output);
  } finally {
    await rm(output, { force: true });
  }
}
