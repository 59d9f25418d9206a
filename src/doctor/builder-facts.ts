import { openBuildx } from "../builder/buildx.js";
import { describeBuilder, findBuilder } from "../builder/choose-builder.js";
import type { Docker } from "../engine/docker.js";
import type { Builder } from "../builder/types.js";
import { BundlerError } from "../core/errors.js";

/** The builder that builds would run on. */
export type BuilderFact =
  /** There is no buildx to ask. */
  | { readonly kind: "unasked" }
  | { readonly kind: "found"; readonly builder: Builder }
  | { readonly kind: "none"; readonly error: BundlerError }
  | { readonly kind: "late"; readonly ms: number };

/**
 * Looks for the builder as a build would, and starts nothing.
 * @param limitMs buildx alone waits 20 s for a node that is away.
 * @throws BundlerError INTERRUPTED; USAGE for a name that no builder can have.
 */
export async function askBuilder(
  docker: Docker,
  options: {
    readonly env: NodeJS.ProcessEnv;
    readonly wanted?: string;
    readonly limitMs: number;
    readonly signal: AbortSignal;
  },
): Promise<BuilderFact> {
  const limit = AbortSignal.timeout(options.limitMs);
  const signal = AbortSignal.any([options.signal, limit]);
  try {
    const buildx = await openBuildx(docker, signal);
    const found = await findBuilder(buildx, { ...options, signal });
    if (found.error !== undefined) {
      const said = `The builder ${found.name} cannot be asked: ${found.error}`;
      return { kind: "none", error: new BundlerError("BUILDER", said) };
    }
    return { kind: "found", builder: await describeBuilder(buildx, found, signal) };
  } catch (error) {
    if (limit.aborted && !options.signal.aborted) return { kind: "late", ms: options.limitMs };
    if (error instanceof BundlerError && error.code === "BUILDER") return { kind: "none", error };
    throw error;
  }
}
