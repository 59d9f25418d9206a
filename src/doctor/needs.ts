import { type Platform, formatPlatform, platformMatches } from "../core/platform.js";
import { SUPPORTED_PLATFORMS, parsePlatform } from "../core/platform.js";
import type { Build, Component, Definition } from "../definition/types.js";
import { familiarReference, parseReference } from "../image/reference.js";
import type { DeclaredBuild, NeededRegistry, NeededSource, Needs } from "./types.js";

/** What a component's Dockerfile says for a platform. */
export interface DockerfileFacts {
  /** Names of the base images, as after FROM with arguments expanded. */
  readonly bases: readonly string[];
  /** How many steps run on the target's platform. */
  readonly targetRuns: number;
  /** Whether some of them run Java. */
  readonly java: boolean;
}

/** Undefined where the Dockerfile is not here yet: it lies in a source. @throws BundlerError */
export type ReadDockerfile = (
  component: Component & { readonly build: Build },
  platform: Platform,
) => Promise<DockerfileFacts | undefined>;

/** Where a component's image would come from, by what the table claims. */
type Way = "image" | "alternative" | "archive" | "build" | "left-out" | "none";

/**
 * Platforms that all required components have a way to, by the table: what a definition is for.
 */
export function servedPlatforms({ components }: Definition): readonly Platform[] {
  return SUPPORTED_PLATFORMS.map(parsePlatform).filter((platform) =>
    components.every((one) => !one.required || wayOf(one, platform) !== "none"),
  );
}

/**
 * What a definition will ask of registries, sources and builders. The plan asks the registries what
 * they really have; until then the table's claims are the best guess.
 * @throws BundlerError from `readDockerfile`.
 */
export async function findNeeds(
  definition: Definition,
  platforms: readonly Platform[],
  readDockerfile: ReadDockerfile,
): Promise<Needs> {
  const builds: DeclaredBuild[] = [];
  const registries = new Map<string, Collected>();
  const sources = new Map<string, Set<string>>();
  const use = (image: string, user: string, needed: boolean): void => {
    const { registry, repository } = parseReference(image);
    const known = registries.get(registry) ?? {
      repositories: new Set(),
      users: new Set(),
      needed: false,
    };
    known.repositories.add(repository);
    known.users.add(user);
    known.needed ||= needed;
    registries.set(registry, known);
  };
  for (const platform of platforms) {
    for (const component of definition.components) {
      for (const image of imagesToAsk(component, platform)) use(image, component.name, true);
      const { build } = component;
      if (build === undefined || !covers(build.platforms, platform)) continue;
      if (
        covers(
          component.omit.flatMap(({ platforms: own }) => own),
          platform,
        )
      )
        continue;
      const onlyWay = wayOf(component, platform) === "build";
      const facts = await readDockerfile({ ...component, build }, platform);
      builds.push({
        component: component.name,
        platform: formatPlatform(platform),
        needed: onlyWay && component.required,
        java: facts?.java ?? false,
        ...(facts === undefined ? {} : { targetRuns: facts.targetRuns }),
      });
      for (const base of facts?.bases ?? []) {
        use(base, `${familiarReference(parseReference(base))} for ${component.name}`, onlyWay);
      }
      for (const source of [
        ...(build.source === undefined ? [] : [build.source]),
        ...build.sources,
      ]) {
        sources.set(source, (sources.get(source) ?? new Set()).add(component.name));
      }
    }
  }
  return {
    platforms: platforms.map(formatPlatform),
    builds,
    registries: [...registries].map(([name, { repositories, users, needed }]) => ({
      ...{ name, needed, repositories: [...repositories], users: [...users] },
    })) satisfies readonly NeededRegistry[],
    sources: definition.sources.flatMap(({ name, urls, checksumUrl, optional }): NeededSource[] => {
      const users = sources.get(name);
      if (users === undefined) return [];
      const asked = checksumUrl === undefined ? urls : [...urls, checksumUrl];
      return [{ name, urls: asked, optional, users: [...users] }];
    }),
  };
}

interface Collected {
  readonly repositories: Set<string>;
  readonly users: Set<string>;
  needed: boolean;
}

function wayOf(component: Component, platform: Platform): Way {
  const { alternatives, archive, build, omit, platforms } = component;
  const buildable = build !== undefined && covers(build.platforms, platform);
  if (
    covers(
      omit.flatMap((one) => one.platforms),
      platform,
    )
  )
    return "left-out";
  if (buildable && build.always) return "build";
  if (covers(platforms, platform)) return "image";
  if (alternatives.some((one) => covers(one.platforms, platform))) return "alternative";
  if (archive !== undefined) return "archive";
  return buildable ? "build" : "none";
}

/** The images that a plan asks registries for, in its order, until the table says that one fits. */
function imagesToAsk(component: Component, platform: Platform): readonly string[] {
  const { alternatives, build, image, platforms } = component;
  const way = wayOf(component, platform);
  if (way === "left-out" || (way === "build" && build?.always === true)) return [];
  const candidates = [{ image, platforms }, ...alternatives];
  const fit = candidates.findIndex((one) => covers(one.platforms, platform));
  return candidates.slice(0, fit === -1 ? undefined : fit + 1).map((one) => one.image);
}

function covers(platforms: readonly Platform[], target: Platform): boolean {
  return platforms.some((one) => platformMatches(target, one));
}
