import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import type { BuildHost, Builder } from "../builder/types.js";
import { digestOf } from "../core/digest.js";
import { BundlerError } from "../core/errors.js";
import { type Platform, platformMatches } from "../core/platform.js";
import type { Build, Component, Definition, Source } from "../definition/types.js";
import { inspectDockerfile } from "../dockerfile/inspect.js";
import { parseDockerfile } from "../dockerfile/parse.js";
import { parseReference } from "../image/reference.js";
import type { SampleImage } from "../sample/images.js";
import { sampleSource } from "../sample/sources.js";

/** What of a definition the demo can build for real, out of samples. */
export interface DemoBuilds {
  /** The definition, with the samples' checksums for the sources that they stand in for. */
  readonly definition: Definition;
  /** Samples of the base images. */
  readonly images: readonly SampleImage[];
  /** Source → sample file. */
  readonly sources: ReadonlyMap<string, string>;
  readonly built: readonly string[];
  /** Components that are not built, with the reason. */
  readonly archived: ReadonlyMap<string, string>;
}

/** A docker command that hangs must not hold up the demo, in milliseconds. */
const PATIENCE = 15_000;

/**
 * Finds out which builds the samples can stand in for: those that run nothing, on a builder that takes
 * base images from here, since samples neither have programs nor lie in a public registry.
 * @param dir a folder for the samples of sources.
 */
export async function prepareDemoBuilds(
  definition: Definition,
  platform: Platform,
  context: {
    readonly host: BuildHost;
    readonly recipesDir: string;
    readonly dir: string;
    readonly signal: AbortSignal;
  },
): Promise<DemoBuilds> {
  const images = new Map<string, SampleImage>();
  const sources = new Map<string, string>();
  const checksums = new Map<string, Source["checksum"]>();
  const built: string[] = [];
  const archived = new Map<string, string>();
  let builder: Promise<Builder | string> | undefined;
  for (const component of definition.components) {
    const { name, build } = component;
    if (!needsBuild(component, platform) || build?.recipe === undefined) continue;
    builder ??= usableBuilder(context.host, context.signal);
    const usable = await builder;
    if (typeof usable === "string") {
      archived.set(name, usable);
      continue;
    }
    const recipe = await openRecipe({ ...component, build }, platform, usable, context.recipesDir);
    const samples = new Map(build.sources.map((source) => [source, sampleSource(source)]));
    if (recipe.runs || [...samples.values()].includes(undefined)) {
      archived.set(name, "its build runs a compiler, and the samples have none");
      continue;
    }
    for (const image of recipe.bases) images.set(`${image.repository}:${image.tag}`, image);
    for (const [source, bytes] of samples) {
      if (bytes === undefined) continue;
      const file = path.join(context.dir, `${source}.tar.gz`);
      await writeFile(file, bytes);
      sources.set(source, file);
      checksums.set(source, digestOf(bytes) as Source["checksum"]);
    }
    built.push(name);
  }
  return {
    definition: {
      ...definition,
      sources: definition.sources.map((source) => {
        const checksum = checksums.get(source.name);
        return checksum === undefined ? source : { ...source, checksum };
      }),
    },
    images: [...images.values()],
    sources,
    built,
    archived,
  };
}

/** Whether the demo's registry has no image of the component and a recipe makes one. */
function needsBuild({ platforms, build }: Component, platform: Platform): boolean {
  const fits = (one: Platform): boolean => platformMatches(platform, one);
  return !platforms.some(fits) && build?.platforms.some(fits) === true;
}

/** The builder, or why there is none for the demo. */
async function usableBuilder(host: BuildHost, signal: AbortSignal): Promise<Builder | string> {
  const patience = AbortSignal.timeout(PATIENCE);
  try {
    const builder = await host.builder(AbortSignal.any([signal, patience]));
    if (builder.cannotExport !== undefined) return builder.cannotExport;
    return builder.takesLayouts
      ? builder
      : `the builder ${builder.name} is too old to take base images from here`;
  } catch (error) {
    signal.throwIfAborted();
    if (patience.aborted) return "docker does not answer";
    if (error instanceof BundlerError) return error.message.replace(/\.$/, "");
    throw error;
  }
}

async function openRecipe(
  { build, smoke }: Pick<Component, "smoke"> & { readonly build: Build },
  platform: Platform,
  builder: Builder,
  recipesDir: string,
): Promise<{ readonly runs: boolean; readonly bases: readonly SampleImage[] }> {
  const file = path.join(recipesDir, build.recipe ?? "", build.dockerfile);
  const dockerfile = parseDockerfile(build.dockerfile, await readFile(file, "utf8"));
  const buildPlatform = builder.nodes[0]?.native ?? platform;
  const { bases } = inspectDockerfile(dockerfile, {
    args: build.args,
    targetPlatform: platform,
    buildPlatform,
    ...(build.target === undefined ? {} : { target: build.target }),
  });
  const says = smoke.flatMap((test) =>
    "run" in test && test.expect !== undefined ? [test.expect] : [],
  );
  return {
    runs: dockerfile.stages.some(({ instructions }) =>
      instructions.some(({ keyword }) => keyword === "RUN"),
    ),
    bases: bases.map(({ image }) => {
      const { registry, repository, tag = "latest" } = parseReference(image);
      return {
        registry,
        repository,
        tag,
        name: `a base of ${build.recipe ?? ""}`,
        platforms: [platform, ...(sameMachine(platform, buildPlatform) ? [] : [buildPlatform])],
        format: "oci" as const,
        index: true,
        // The start script of what is built on it finds a shell that stays, its health check and its
        // smoke tests one that ends.
        service: {
          tools: ["/bin/bash", "/usr/bin/bash"].map((shell) => ({ path: shell, says })),
          daemons: ["/bin/sh"],
        },
      };
    }),
  };
}

function sameMachine(one: Platform, other: Platform): boolean {
  return one.architecture === other.architecture && one.variant === other.variant;
}
