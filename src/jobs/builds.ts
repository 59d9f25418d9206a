import { makeImages } from "../build/make-images.js";
import { planBuild } from "../build/plan-build.js";
import type { BuildContext } from "../build/types.js";
import { openBuildHost } from "../builder/build-host.js";
import { BundlerError } from "../core/errors.js";
import type { Platform } from "../core/platform.js";
import type { Component, Definition } from "../definition/types.js";
import type { PlannedBuild, PlatformLock } from "../plan/types.js";
import type { BuildChoices, SelectionOptions } from "./selection.js";
import type { JobOptions, Opened } from "./job.js";

export const NO_CHOICES: BuildChoices = {
  always: new Set(),
  strategies: new Map(),
  emulateJava: new Set(),
  sources: new Map(),
};

/** Plans and makes the image builds of one job. */
export interface Builds {
  plan(component: Component, platform: Platform, signal: AbortSignal): Promise<PlannedBuild>;
  /** The lock with the images of its builds, made where the store lacks them. */
  make(lock: PlatformLock, signal: AbortSignal): Promise<PlatformLock>;
}

/**
 * Nothing is asked of docker until a build needs it.
 * @throws BundlerError USAGE for names that the definition does not have.
 */
export function openBuilds(
  definition: Definition,
  {
    build: choices = NO_CHOICES,
    sourceDateEpoch,
  }: Pick<SelectionOptions, "build" | "sourceDateEpoch">,
  options: JobOptions & Opened,
): Builds {
  checkNames(definition, choices);
  const { network } = options;
  const host =
    options.buildHost ??
    openBuildHost({
      env: network.env,
      caFiles: network.caFiles,
      ...(choices.builder === undefined ? {} : { builder: choices.builder }),
    });
  const context = (signal: AbortSignal): BuildContext => ({
    definition,
    recipesDir: options.recipesDir,
    registry: options.registry,
    store: options.store,
    host,
    given: choices.sources,
    network,
    env: network.env,
    strategies: choices.strategies,
    forceEmulation: choices.emulateJava,
    ...(sourceDateEpoch === undefined ? {} : { sourceDateEpoch }),
    signal,
    onEvent: options.onEvent,
  });
  return {
    plan: (component, platform, signal) => planBuild(component, platform, context(signal)),
    make: async (lock, signal) => {
      if (lock.components.every(({ method }) => method !== "build")) {
        const phase = { phase: "build", subject: lock.platform } as const;
        options.onEvent({ type: "phase-start", ...phase });
        options.onEvent({ type: "phase-end", ...phase, summary: "nothing to build" });
        return lock;
      }
      return makeImages(lock, definition.components, context(signal));
    },
  };
}

function checkNames(definition: Definition, choices: BuildChoices): void {
  const buildable = definition.components.filter(({ build }) => build !== undefined);
  const components = buildable.map(({ name }) => name);
  const sources = [...definition.sources, ...definition.extras].map(({ name }) => name);
  const check = (flag: string, names: Iterable<string>, known: readonly string[]): void => {
    for (const name of names) {
      if (known.includes(name)) continue;
      throw new BundlerError(
        "USAGE",
        flag === "source"
          ? `--source ${name}: ${definition.name} has no source of this name.`
          : `--${flag} ${name}: ${definition.name} has no component of this name that can be built.`,
        { hint: known.length === 0 ? "It has none." : `It has ${known.join(", ")}.` },
      );
    }
  };
  check("build", choices.always, components);
  check("strategy", choices.strategies.keys(), components);
  check("emulate-java", choices.emulateJava, components);
  check("source", choices.sources.keys(), sources);
}
