import { createReadStream } from "node:fs";
import { extraFault } from "../bundle/extras.js";
import { extraPath } from "../bundle/paths.js";
import type { PackedExtra } from "../bundle/types.js";
import { formatBytes } from "../core/bytes.js";
import { hexOf } from "../core/digest.js";
import { BundlerError } from "../core/errors.js";
import type { EventSink } from "../core/events.js";
import { formatPlatform, parsePlatform } from "../core/platform.js";
import type { Definition, Extra, Source } from "../definition/types.js";
import type { Lock, LockedExtra, PlatformLock } from "../plan/types.js";
import { fetchSource } from "../source/fetch.js";
import { lockSource } from "../source/lock.js";
import { isStored } from "../source/stored.js";
import type { SourceContext } from "../source/types.js";
import type { SelectionOptions } from "./selection.js";
import type { JobOptions, Opened } from "./job.js";

type ExtrasOptions = JobOptions & Opened;

/** The subject of the phase `fetch` in which a platform's engine is fetched. */
export function engineSubject(platform: string): string {
  return `the engine for ${platform}`;
}

/**
 * Pins the engine of every platform of a lock, where it is asked for. Nothing is downloaded but a
 * checksum that is published.
 * @throws BundlerError USAGE when the definition has no engine, NO_WAY when it has none for a
 *   platform; what the source of a checksum throws.
 */
export async function lockExtras(
  lock: Lock,
  definition: Definition,
  selection: SelectionOptions,
  options: ExtrasOptions,
): Promise<Lock> {
  if (selection.withEngine !== true) return lock;
  if (!definition.extras.some(({ name }) => name === "docker")) {
    throw new BundlerError(
      "USAGE",
      `--with-engine: ${definition.name} ${definition.version} names no engine.`,
      { hint: "Write one into its components.yaml: extras.docker and extras.compose." },
    );
  }
  const context = sourceContext(selection, options);
  const platforms: PlatformLock[] = [];
  for (const platform of lock.platforms) {
    const extras: LockedExtra[] = [];
    for (const extra of definition.extras) {
      const locked = await lockSource(sourceOf(extra, platform.platform), context);
      if (locked === undefined) continue;
      extras.push({ name: extra.name, version: extra.version, checksum: locked.checksum });
    }
    platforms.push({ ...platform, extras });
  }
  return { ...lock, platforms };
}

export interface FetchedExtras {
  readonly extras: readonly PackedExtra[];
  /** Bytes that this run downloaded for them. */
  readonly fetched: number;
}

/**
 * Brings a lock's engine into the store and makes sure that it is one, for the platform.
 * @throws BundlerError INTEGRITY when it is not; what fetching a source throws.
 */
export async function fetchExtras(
  lock: PlatformLock,
  definition: Definition,
  selection: Pick<SelectionOptions, "build">,
  options: ExtrasOptions,
): Promise<FetchedExtras> {
  const { extras: locked = [], platform } = lock;
  if (locked.length === 0) return { extras: [], fetched: 0 };
  const { onEvent, signal, store } = options;
  const phase = { phase: "fetch", subject: engineSubject(platform) } as const;
  onEvent({ type: "phase-start", ...phase, totalItems: locked.length });
  const context = sourceContext(selection, { ...options, onEvent: toFetchPhase(onEvent) });
  const extras: PackedExtra[] = [];
  let bytes = 0;
  for (const { name, version, checksum } of locked) {
    const extra = definition.extras.find((one) => one.name === name);
    if (extra === undefined) {
      throw new BundlerError("LOCK", `The definition has no ${name} in extras.`, {
        hint: "Make a new lock with plan --lock.",
      });
    }
    onEvent({ type: "item", phase: "fetch", name, state: "start" });
    const here = context.given.has(name) || (await isStored(store, checksum));
    const source = sourceOf(extra, platform);
    const { path, size, digest } = await fetchSource(source, { name, checksum }, context);
    const fault = await extraFault(name, createReadStream(path), {
      platform: parsePlatform(platform),
      signal,
    });
    if (fault !== undefined) throw unfit(name, path, fault);
    if (!here) bytes += size;
    extras.push({
      name,
      version,
      path: extraPath(name),
      size,
      sha256: hexOf(digest),
      file: path,
    });
    onEvent({ type: "item", phase: "fetch", name, state: "done" });
  }
  onEvent({ type: "phase-end", ...phase, summary: formatBytes(bytes) });
  return { extras, fetched: bytes };
}

function unfit(
  name: string,
  file: string,
  fault: { readonly message: string; readonly expected?: string; readonly found?: string },
): BundlerError {
  const { message, expected, found } = fault;
  const machines =
    expected === undefined ? "" : ` It is for ${String(found)}, expected ${expected}.`;
  return new BundlerError(
    "INTEGRITY",
    `extras.${name} is not what a site can install: ${message}${machines}`,
    {
      hint: "Compare the address and the checksum in components.yaml with what Docker publishes.",
      details: {
        source: name,
        file,
        ...(expected === undefined ? {} : { expected }),
        ...(found === undefined ? {} : { found }),
      },
    },
  );
}

/** An extra is fetched as the sources of builds are. @throws BundlerError NO_WAY */
function sourceOf({ name, version, files, at }: Extra, platform: string): Source {
  const file = files.find((one) => formatPlatform(one.platform) === platform);
  if (file === undefined) {
    const known = files.map((one) => formatPlatform(one.platform)).join(", ");
    throw new BundlerError("NO_WAY", `extras.${name} ${version} has no file for ${platform}.`, {
      hint: `It has ${known === "" ? "none" : known}. Add it to components.yaml, or leave --with-engine out.`,
      details: { source: name, platform },
    });
  }
  const { urls, checksum, checksumUrl } = file;
  return {
    name,
    urls,
    format: "tar.gz",
    ...(checksum === undefined ? {} : { checksum }),
    ...(checksumUrl === undefined ? {} : { checksumUrl }),
    strip: 0,
    optional: false,
    at,
  };
}

function sourceContext(
  { build }: Pick<SelectionOptions, "build">,
  options: ExtrasOptions,
): SourceContext {
  const { store, network, signal, onEvent } = options;
  const given = build?.sources ?? new Map<string, string>();
  return { store, given, network, signal, onEvent };
}

/** Downloads tell what they do as the build's that they usually belong to. */
function toFetchPhase(onEvent: EventSink): EventSink {
  return (event) =>
    onEvent(
      event.type === "item" && event.phase === "build" ? { ...event, phase: "fetch" } : event,
    );
}
