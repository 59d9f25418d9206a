import os from "node:os";
import { BundlerError } from "../core/errors.js";
import {
  type Platform,
  formatPlatform,
  normalizePlatform,
  platformMatches,
} from "../core/platform.js";
import { readBinfmt } from "../doctor/binfmt.js";
import { defects } from "../doctor/emulation.js";
import type { Engine } from "../engine/find-engine.js";

/** How much longer everything may take under QEMU. */
export const EMULATED_FACTOR = 3;

/** Processors that run programs of another architecture by themselves, as most of them do. */
const RUNS_TOO: Readonly<Record<string, string>> = { amd64: "386", arm64: "arm" };

/** Whether an engine needs QEMU for a platform. */
function isForeign(engine: Platform, bundle: Platform): boolean {
  return !platformMatches(engine, bundle) && RUNS_TOO[engine.architecture] !== bundle.architecture;
}

/**
 * Whether this machine's own programs are of another platform, for an installer that looks at the machine
 * it runs on: the engine may be elsewhere, or run other programs without QEMU.
 */
export function isForeignHere(bundle: Platform): boolean {
  const here = normalizePlatform({ os: process.platform, architecture: os.machine() });
  return !platformMatches(here, bundle);
}

/**
 * Whether the bundle's programs will run under QEMU.
 * @throws BundlerError BUILDER when they would have to, and nothing here emulates them.
 */
export async function needsEmulation(
  { platform, local }: Pick<Engine, "platform" | "local">,
  bundle: Platform,
  binfmt: typeof readBinfmt = readBinfmt,
): Promise<boolean> {
  if (!isForeign(platform, bundle)) return false;
  // What an engine elsewhere emulates shows when its containers start.
  if (!local) return true;
  const facts = await binfmt();
  const usable = facts.handlers.some(
    (handler) => handler.architecture === bundle.architecture && defects(facts, handler) === 0,
  );
  if (usable) return true;
  const name = formatPlatform(bundle);
  throw new BundlerError(
    "BUILDER",
    `The bundle is for ${name} and the engine for ${formatPlatform(platform)}; binfmt_misc has no emulator for ${bundle.architecture} that works in containers.`,
    {
      hint: `\`openim-bundler doctor --platform ${name}\` says how to get one, and gets it with --fix; or rehearse on a machine of that architecture.`,
      details: { platform: name, engine: formatPlatform(platform) },
    },
  );
}
