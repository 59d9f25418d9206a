import { BundlerError } from "../core/errors.js";
import { type Platform, formatPlatform, parsePlatform } from "../core/platform.js";
import { portsWith } from "../definition/port.js";
import { requirementsFor } from "../definition/requirements.js";
import type { Component, Definition } from "../definition/types.js";
import type { LockedComponent, PlatformLock } from "../plan/types.js";
import { type PlannedTarball, planTarballs } from "./tarballs.js";
import type { BundleComponent, BundleManifest, PackedExtra } from "./types.js";

export interface ManifestInput {
  readonly definition: Pick<
    Definition,
    "name" | "version" | "title" | "requires" | "components" | "settings" | "digest"
  >;
  readonly lock: PlatformLock;
  /** RFC 3339 UTC, the lock's. */
  readonly date: string;
  readonly tool: BundleManifest["tool"];
  /** The engine that goes into the archive; none when absent. */
  readonly extras?: readonly PackedExtra[];
}

/** What bundle.json says but for sizes of the whole, and the image tarballs that it speaks of. */
export interface DescribedBundle {
  readonly manifest: Omit<BundleManifest, "sizes">;
  /** In the order of the archive. */
  readonly tarballs: readonly PlannedTarball[];
}

/**
 * What bundle.json says, from the definition and the lock. Pure: reads no file, asks no clock.
 * @throws BundlerError NO_WAY when a required component has no image and was not left out by choice;
 *   LOCK when lock and definition name different components; INTEGRITY for a lock that contradicts itself.
 */
export function describeBundle({
  definition,
  lock,
  date,
  tool,
  extras = [],
}: ManifestInput): DescribedBundle {
  const platform = parsePlatform(lock.platform);
  const required = requirementsFor(definition.requires, platform);
  const components: Omit<BundleComponent, "tarball">[] = [];
  const leftOut: BundleManifest["leftOut"][number][] = [];
  for (const locked of lock.components) {
    const { name, method, reason, image, build } = locked;
    const defined = definition.components.find((component) => component.name === name);
    if (defined === undefined) {
      throw new BundlerError("LOCK", `The definition has no component ${JSON.stringify(name)}.`, {
        hint: "Make a new lock with plan --lock.",
        details: { component: name },
      });
    }
    if (image === undefined) {
      if (locked.required && method !== "left-out") {
        throw new BundlerError("NO_WAY", `${name} has no image for ${lock.platform}: ${reason}`, {
          details: { component: name, platform: lock.platform },
        });
      }
      const reasonZh = leftOutZh(defined, locked, platform);
      leftOut.push({ name, required: locked.required, reason, reasonZh });
      continue;
    }
    const alternative =
      locked.alternative === undefined ? undefined : defined.alternatives[locked.alternative];
    components.push({
      name,
      required: locked.required,
      title: defined.title,
      method,
      reason,
      ...(alternative === undefined ? {} : { reasonZh: alternative.reason.zh }),
      ports: portsWith(defined.ports, alternative),
      image,
      ...(build === undefined ? {} : { build }),
      ...promised({ ...defined, ...alternative }, platform),
      ...(defined.platforms.length === 0
        ? {}
        : { platforms: defined.platforms.map(formatPlatform) }),
      ...(defined.allow === undefined ? {} : { allow: defined.allow }),
    });
  }
  const tarballs = planTarballs(components, entryTime(date));
  const manifest = {
    bundleVersion: 2 as const,
    name: definition.name,
    version: definition.version,
    title: definition.title,
    platform: lock.platform,
    date,
    tool,
    definition: definition.digest,
    ...(required.length === 0 ? {} : { requires: required }),
    components: components.map((component) => withTarball(component, tarballs)),
    ...(extras.length === 0
      ? {}
      : {
          extras: extras.map(({ name, version, path, size, sha256 }) => ({
            name,
            version,
            path,
            size,
            sha256,
          })),
        }),
    leftOut,
    settings: definition.settings,
  };
  return { manifest, tarballs };
}

/**
 * Seconds since 1970, the time of every entry of an archive and its tarballs.
 * @throws BundlerError LOCK for a date before that.
 */
export function entryTime(date: string): number {
  const mtime = Math.floor(Date.parse(date) / 1000);
  if (Number.isSafeInteger(mtime) && mtime >= 0) return mtime;
  throw new BundlerError("LOCK", `The lock's date is not a time since 1970: ${date}`);
}

function withTarball(
  component: Omit<BundleComponent, "tarball">,
  tarballs: readonly PlannedTarball[],
): BundleComponent {
  const found = tarballs.find(({ components }) => components.includes(component.name));
  if (found === undefined) throw new Error(`${component.name} is in no tarball.`);
  return { ...component, tarball: { path: found.path, size: found.layout.size } };
}

/** Why a component is not inside, in the other language of the site. */
function leftOutZh(
  { omit }: Pick<Component, "omit">,
  { method, reason }: LockedComponent,
  platform: Platform,
): string {
  if (method !== "left-out") return `没有适用于 ${formatPlatform(platform)} 的镜像`;
  // Everything else is left out by whoever makes the bundle.
  return omit.find((one) => one.reason.en === reason)?.reason.zh ?? "制作安装包时未选入";
}

function promised(
  { requires, smoke, upgrade }: Pick<Component, "requires" | "smoke" | "upgrade">,
  platform: Platform,
): Pick<BundleComponent, "requires" | "smoke" | "upgrade"> {
  const required = requirementsFor(requires, platform);
  return {
    ...(required.length === 0 ? {} : { requires: required }),
    ...(smoke.length === 0 ? {} : { smoke }),
    ...(upgrade === undefined ? {} : { upgrade }),
  };
}
