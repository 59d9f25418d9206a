import { type Digest, digestOf } from "../core/digest.js";
import type { LockedBuild } from "../plan/build-types.js";
import { CONTEXT_VERSION } from "./context.js";

/**
 * The key of a build's result: over everything that goes into it. How its steps are run, the
 * strategy, does not: it changes the way and not the image.
 */
export function buildKey(build: LockedBuild): Digest {
  const bases = build.bases.map(({ reference, digest }) => [reference, digest]).toSorted(byText);
  const sources = build.sources.map(({ name, checksum }) => [name, checksum]).toSorted(byText);
  const args = Object.entries(build.args).toSorted(byText);
  return digestOf(
    JSON.stringify([
      "openim-bundler image build",
      CONTEXT_VERSION,
      build.reference,
      build.platform,
      build.context,
      build.dockerfile,
      build.target ?? null,
      args,
      bases,
      sources,
      build.date,
    ]),
  );
}

function byText(one: readonly string[], other: readonly string[]): number {
  return JSON.stringify(one) < JSON.stringify(other) ? -1 : 1;
}
