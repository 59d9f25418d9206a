import type { Builder, BuilderNode } from "../builder/types.js";
import { type Platform, formatPlatform, platformMatches } from "../core/platform.js";
import type { Binfmt, Handler } from "./binfmt.js";
import { isRunning } from "./check-builder.js";

/** What decides whether steps of a foreign platform can be run. */
export interface EmulationFacts {
  /** Undefined: there is none to ask. */
  readonly builder: Builder | undefined;
  readonly binfmt: Binfmt;
  /** Whether builds run on this machine's kernel, whose handlers `binfmt` are. */
  readonly local: boolean;
  /** Image that installs handlers. */
  readonly binfmtImage: string;
  /** Whether the engine in use is the one that builds run on, and its containers may install handlers. */
  readonly mayInstall: boolean;
  /** Whether this process may change the kernel's settings. */
  readonly root: boolean;
}

/** How steps of a platform would be run. */
export type Runs =
  | { readonly kind: "native"; readonly node: string }
  /** A builder that is running says that it can. */
  | { readonly kind: "listed"; readonly handler?: Handler }
  /** The builder is not running yet, and the kernel is ready. */
  | { readonly kind: "handler"; readonly handler: Handler }
  | { readonly kind: "no"; readonly handler?: Handler; readonly why: string };

export function howStepsRun(platform: Platform, facts: EmulationFacts): Runs {
  const { binfmt, builder, local } = facts;
  const handlers = binfmt.handlers.filter(
    ({ architecture }) => architecture === platform.architecture,
  );
  // The best of several: what is right about one makes up for the others.
  const handler = handlers.toSorted((a, b) => defects(binfmt, a) - defects(binfmt, b))[0];
  const known = handler === undefined || !local ? {} : { handler };
  const running = builder?.nodes.filter(isRunning) ?? [];
  const native = running.find((node) => runsItself(node, platform));
  if (native !== undefined) return { kind: "native", node: native.name };
  const listing = running.filter((node) =>
    node.platforms.some((one) => platformMatches(one, platform)),
  );
  const ready = handler !== undefined && defects(binfmt, handler) === 0;
  if (listing.length > 0 && (ready || !needsHandler(listing, platform, facts))) {
    return { kind: "listed", ...known };
  }
  if (running.length > 0) return { kind: "no", ...known, why: lack(facts, platform, handler) };
  if (local && ready) return { kind: "handler", handler };
  return { kind: "no", ...known, why: lack(facts, platform, handler) };
}

/**
 * Whether a listed platform is run by this kernel's handler and by nothing else. An engine goes on
 * listing what it could once emulate; builders in containers have emulators of their own, and many
 * processors of arm64 run arm.
 */
function needsHandler(
  listing: readonly BuilderNode[],
  { architecture }: Platform,
  { binfmt, builder, local }: EmulationFacts,
): boolean {
  const arm64 = listing.some(({ native }) => native?.architecture === "arm64");
  return (
    local && binfmt.mounted && builder?.driver === "docker" && !(arm64 && architecture === "arm")
  );
}

/** Without QEMU, as strategies are chosen: what it is claimed for, its own, and x86 of 32 bits on 64. */
function runsItself({ claimed, native, platforms }: BuilderNode, platform: Platform): boolean {
  if (claimed.some((one) => platformMatches(one, platform))) return true;
  if (native === undefined) return false;
  return (
    platformMatches(native, platform) ||
    (native.architecture === "amd64" &&
      platform.architecture === "386" &&
      platforms.some((one) => platformMatches(one, platform)))
  );
}

/** 0 when it works for builds: enabled, and with an emulator that the kernel holds open (F). */
export function defects(binfmt: Binfmt, { enabled, flags }: Handler): number {
  return (binfmt.enabled && enabled ? 0 : 2) + (flags.includes("F") ? 0 : 1);
}

/** Why steps of a platform cannot be run. */
function lack(
  { binfmt, builder, local }: EmulationFacts,
  platform: Platform,
  handler: Handler | undefined,
): string {
  const name = formatPlatform(platform);
  if (!local)
    return `no node of the builder ${builder?.name ?? ""} runs ${name}`.replace("  ", " ");
  if (!binfmt.mounted) return "binfmt_misc is not mounted";
  if (handler === undefined) return `binfmt_misc has no handler for ${platform.architecture}`;
  const { flags, interpreter } = handler;
  if (!binfmt.enabled) return "binfmt_misc is switched off";
  if (!handler.enabled) return `the handler ${handler.name} is switched off`;
  if (!flags.includes("F")) {
    return `the handler ${handler.name} has the flags ${flags || "(none)"} and not F, so ${interpreter} would have to be inside of every container`;
  }
  return `the handler ${handler.name} (${flags}) is there, and the builder ${builder?.name ?? ""} does not list ${name}`;
}
