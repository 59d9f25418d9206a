import { SUMS_FILE } from "../bundle/paths.js";
import { type Bundle, openArchive, openBundle } from "../bundle/reader.js";
import { parseSums } from "../bundle/sums.js";
import type { BundleComponent } from "../bundle/types.js";
import { BundlerError } from "../core/errors.js";
import { LIMITS } from "../core/limits.js";
import { parseLock } from "../plan/lock.js";
import type { Lock, LockedComponent } from "../plan/types.js";
import { readAt, readWindow } from "../tar/window.js";
import type { DiffSide } from "./types.js";

/** A component of either side; only archives know its ports, promises and title. */
export type SideComponent = LockedComponent &
  Partial<Pick<BundleComponent, "ports" | "title" | "requires" | "smoke" | "upgrade">>;

/** An archive or a lock's plan for one platform, in one form. */
export interface OpenSide {
  readonly side: DiffSide;
  readonly components: readonly SideComponent[];
  /** What is not in it and why, by component. */
  readonly leftOut: ReadonlyMap<string, string>;
  /** Versions of the engine's parts that it carries. */
  readonly extras: ReadonlyMap<string, string>;
  /** Open, for archives. */
  readonly bundle?: Bundle;
}

/** An archive that is open, or a lock whose platform is yet to be chosen. */
export type Opened = { readonly path: string } & (
  | { readonly bundle: Bundle }
  | { readonly lock: Lock }
);

/**
 * Opens what is an archive or a lock by its first byte. The caller closes the archive.
 * @throws BundlerError FILE, INTEGRITY as openBundle does; LOCK for a lock that is none.
 */
export async function openEither(path: string): Promise<Opened> {
  const { handle, size } = await openArchive(path);
  try {
    const window = { handle, name: path, offset: 0, length: size };
    const head = await readAt(window, 0, Math.min(size, 64));
    if (head.toString("latin1").trimStart().startsWith("{")) {
      return {
        path,
        lock: parseLock(path, (await readWindow(window, LIMITS.text)).toString("utf8")),
      };
    }
  } finally {
    await handle.close();
  }
  return { path, bundle: await openBundle(path) };
}

/**
 * The platform to compare of a lock: the one asked for, or the only one, or the other side's.
 * @throws BundlerError USAGE when that does not tell, or it is not there.
 */
export function chooseSide(opened: Opened, other: Opened, platform: string | undefined): OpenSide {
  if ("bundle" in opened) {
    const own = opened.bundle.manifest.platform;
    if (platform !== undefined && platform !== own) {
      throw new BundlerError("USAGE", `${opened.path} is for ${own}, not for ${platform}.`);
    }
    return archiveSide(opened.path, opened.bundle);
  }
  const { path, lock } = opened;
  const there = lock.platforms.map((one) => one.platform);
  const others =
    "bundle" in other
      ? [other.bundle.manifest.platform]
      : other.lock.platforms.map((one) => one.platform);
  const common = there.filter((one) => others.includes(one));
  const chosen =
    platform ?? (there.length === 1 ? there[0] : common.length === 1 ? common[0] : undefined);
  const found = lock.platforms.find((one) => one.platform === chosen);
  if (found !== undefined) return lockSide(path, lock, found);
  throw new BundlerError(
    "USAGE",
    platform === undefined
      ? `${path} is a lock for several platforms: ${there.join(", ")}.`
      : `${path} has nothing for ${platform}, but for ${there.join(", ")}.`,
    { hint: "Say which one to compare with --platform." },
  );
}

function archiveSide(path: string, bundle: Bundle): OpenSide {
  const { name, version, platform, date, definition, components, extras, leftOut } =
    bundle.manifest;
  return {
    side: { path, kind: "archive", name, version, platform, date, definition, size: bundle.size },
    components,
    leftOut: new Map(leftOut.map((one) => [one.name, one.reason])),
    extras: versionsOf(extras),
    bundle,
  };
}

function lockSide(
  path: string,
  { bundle, date }: Lock,
  { platform, components, extras }: Lock["platforms"][number],
): OpenSide {
  const isIn = ({ image, build }: LockedComponent): boolean =>
    image !== undefined || build !== undefined;
  return {
    side: { path, kind: "lock", ...bundle, platform, date },
    components: components.filter(isIn),
    leftOut: new Map(
      components.filter((one) => !isIn(one)).map(({ name, reason }) => [name, reason]),
    ),
    extras: versionsOf(extras),
  };
}

function versionsOf(
  extras: readonly { readonly name: string; readonly version: string }[] = [],
): ReadonlyMap<string, string> {
  return new Map(extras.map(({ name, version }) => [name, version]));
}

/** What SHA256SUMS says of each file; lines that are none are left out. */
export async function sumsOf(bundle: Bundle): Promise<ReadonlyMap<string, string>> {
  return parseSums((await bundle.readFile(SUMS_FILE)).toString("utf8")).sums;
}
