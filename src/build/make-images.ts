import { BundlerError, isAbort } from "../core/errors.js";
import { together } from "../core/together.js";
import type { Component } from "../definition/types.js";
import type { LockedBuild } from "../plan/build-types.js";
import type { LockedComponent, PlatformLock } from "../plan/types.js";
import { cachedImage } from "./cache.js";
import { makeImage } from "./make-image.js";
import type { BuildContext } from "./types.js";

/** A builder runs the steps of one build side by side already; more than two builds wait for each other. */
const AT_ONCE = 2;

interface Job {
  readonly locked: LockedComponent;
  readonly build: LockedBuild;
}

/**
 * Makes all images of a platform that are to be built, two at a time. The first failure stops the
 * others, and everything has ended when it is thrown.
 * @returns the lock with every image filled in.
 * @throws BundlerError naming the component: as `makeImage`.
 */
export async function makeImages(
  lock: PlatformLock,
  components: readonly Component[],
  context: BuildContext,
): Promise<PlatformLock> {
  const jobs = lock.components.flatMap((locked): Job[] => {
    const { method, build } = locked;
    return method === "build" && build !== undefined ? [{ locked, build }] : [];
  });
  if (jobs.length === 0) return lock;
  const { onEvent } = context;
  onEvent({
    type: "phase-start",
    phase: "build",
    subject: lock.platform,
    totalItems: jobs.length,
  });
  const made = new Map<string, LockedComponent>();
  let built = 0;
  const queue = jobs.values();
  await together(Array.from({ length: AT_ONCE }), context.signal, async (_, signal) => {
    for (const { locked, build } of queue) {
      const { name } = locked;
      const cached = await cachedImage(build, context.store);
      if (cached !== undefined) {
        onEvent({ type: "item", phase: "build", name, state: "skipped", detail: "in the store" });
        made.set(name, { ...locked, image: cached });
        continue;
      }
      onEvent({ type: "item", phase: "build", name, state: "start" });
      const image = await makeNamed({ locked, build }, components, { ...context, signal });
      onEvent({ type: "item", phase: "build", name, state: "done", detail: build.strategy });
      made.set(name, { ...locked, image });
      built += 1;
    }
  });
  onEvent({
    type: "phase-end",
    phase: "build",
    subject: lock.platform,
    summary: built === 0 ? "everything was built before" : `${built} built`,
  });
  return {
    ...lock,
    components: lock.components.map((locked) => made.get(locked.name) ?? locked),
  };
}

async function makeNamed(
  { locked, build }: Job,
  components: readonly Component[],
  context: BuildContext,
) {
  const { name } = locked;
  const component = components.find((one) => one.name === name);
  if (component === undefined) {
    throw new BundlerError("LOCK", `${name} is in the lock and not in the bundle definition.`, {
      details: { component: name },
    });
  }
  try {
    return await makeImage(build, component, context);
  } catch (error) {
    if (!(error instanceof BundlerError) || isAbort(error)) throw error;
    // What the build itself has to say begins with the name already.
    const prefix = error.message.startsWith(`${name}: `) ? "" : `${name}: `;
    throw error.with({ component: name, platform: build.platform }, prefix);
  }
}
