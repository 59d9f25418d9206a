import { type Platform, formatPlatform } from "../core/platform.js";
import { checkBuilder, builderObstacle, isRunning } from "./check-builder.js";
import {
  BUILDX_MINIMUM,
  DOCKER_MINIMUM,
  checkBuildx,
  checkClient,
  checkEngine,
  checkExperimental,
  checkImageStore,
  checkRootless,
} from "./check-docker.js";
import { checkEmulation, checkQemu } from "./check-emulation.js";
import { type EmulationFacts, howStepsRun } from "./emulation.js";
import { checkMachine } from "./check-machine.js";
import { checkClock, checkRegistry, checkSource, isReachable } from "./check-registries.js";
import { type Facts, type GatherOptions, gather, isLocal } from "./gather.js";
import type { DoctorReport, Finding, Level, Needs } from "./types.js";
import { type BuildFacts, checkBuilds, judge, withoutBuilds } from "./verdict.js";
import { atLeast } from "./versions.js";

export interface DoctorOptions extends GatherOptions {
  readonly platforms: readonly Platform[];
  /** Image that installs binfmt handlers, e.g. `tonistiigi/binfmt`, or the same on a mirror. */
  readonly binfmtImage: string;
}

/** A report, and what it was made from. */
export interface Diagnosis {
  readonly report: DoctorReport;
  readonly facts: Facts;
  readonly emulation: EmulationFacts;
}

/**
 * Checks whether this machine can pull and build what a definition needs, in less than 20 s, whatever
 * hangs. Changes nothing.
 * @throws BundlerError INTERRUPTED; FILE, USAGE or DEFINITION for options and names that cannot be used.
 */
export async function diagnose(needs: Needs, options: DoctorOptions): Promise<Diagnosis> {
  const facts = await gather(needs, options);
  const emulation = emulationFacts(facts, options);
  return { report: reportOf(needs, facts, { ...options, emulation }), facts, emulation };
}

/** All findings about facts that were gathered before. */
export function reportOf(
  needs: Needs,
  facts: Facts,
  options: Pick<DoctorOptions, "builder" | "env" | "platforms"> & {
    readonly emulation: EmulationFacts;
  },
): DoctorReport {
  const { emulation, env, platforms } = options;
  const named = options.builder !== undefined || (env["BUILDX_BUILDER"] ?? "") !== "";
  const runs = platforms.map((platform) => howStepsRun(platform, emulation));
  const runnable = new Map(
    runs.flatMap((run, at) => {
      const platform = platforms[at];
      if (run.kind === "no" || platform === undefined) return [];
      const how = run.kind === "native" ? ("native" as const) : ("emulated" as const);
      return [[formatPlatform(platform), how]];
    }),
  );
  const obstacle = whyNoBuilds(facts);
  const builds: BuildFacts = { needs, runnable, ...(obstacle === undefined ? {} : { obstacle }) };
  // Where builds run all the same, as on a builder far away, nothing here is in their way.
  const level: Level = obstacle === undefined ? "note" : withoutBuilds(needs);
  const used = runs.flatMap((run) =>
    run.kind !== "native" && run.handler !== undefined ? [run.handler] : [],
  );
  const answers = [
    ...facts.registries.flatMap(({ places }) => places.map(({ answer }) => answer)),
    ...facts.sources.flatMap(({ answers: own }) => own.map(({ answer }) => answer)),
  ];
  const findings: readonly Finding[] = [
    ...checkClient(facts.client, level),
    ...checkEngine(facts.engine, level, env),
    ...checkExperimental(facts.client, facts.engine),
    ...(facts.engine.kind === "up"
      ? [...checkRootless(facts.engine.info), ...checkImageStore(facts.engine.info)]
      : []),
    ...checkBuildx(facts.buildx, facts.client, level),
    // Without an engine, a builder says no more than that.
    ...(facts.engine.kind !== "up" && facts.builder.kind !== "found"
      ? []
      : checkBuilder(facts.builder, level, { named })),
    ...(obstacle === undefined || facts.engine.kind === "up"
      ? platforms.map((platform) =>
          checkEmulation(
            platform,
            needs.builds.filter((one) => one.platform === formatPlatform(platform)),
            emulation,
          ),
        )
      : []),
    ...checkQemu(used, emulation.binfmtImage),
    ...facts.registries.map(checkRegistry),
    ...facts.loginTroubles.map((message, at): Finding => ({
      id: `registry.login${at === 0 ? "" : `.${at + 1}`}`,
      level: "warn",
      title: "logins",
      found: message,
      mend: "Mend Docker's config.json (in DOCKER_CONFIG, else ~/.docker), or log in anew: docker login REGISTRY",
    })),
    ...facts.sources.map(checkSource),
    ...checkClock(answers),
    ...(facts.machine === undefined
      ? [
          {
            id: "machine.store",
            level: "warn",
            title: "store",
            found: "the file system of the store does not answer",
            mend: "Give a folder on a disk of this machine: --store DIR",
          } as const,
        ]
      : checkMachine(facts.machine, needs)),
    ...checkBuilds(builds),
  ];
  const reachable = facts.registries.every((one) => !one.registry.needed || isReachable(one));
  return judge(findings, { ...builds, reachable });
}

/** Why no build can run at all, in a few words; undefined when the builder is there and works. */
function whyNoBuilds({ builder, buildx, client, engine }: Facts): string | undefined {
  if (client.kind === "absent") return "there is no docker command";
  if (client.kind === "broken") return "the docker command does not work";
  if (client.kind === "podman") return "docker is Podman, which has no buildx";
  if (atLeast(client.version, DOCKER_MINIMUM) === false)
    return `docker ${client.version} is too old`;
  if (buildx.kind === "late") return "buildx does not answer";
  if (buildx.kind !== "found") return "there is no buildx";
  if (atLeast(buildx.version, BUILDX_MINIMUM) === false)
    return `buildx ${buildx.version} is too old`;
  if (builder.kind === "found") {
    const obstacle = builderObstacle(builder);
    const elsewhere = builder.builder.nodes.some(isRunning);
    if (obstacle !== undefined || elsewhere) return obstacle;
  }
  switch (engine.kind) {
    case "denied":
      return "this user may not use the Docker engine";
    case "incompatible":
      return "the Docker engine and the docker command do not understand each other";
    case "late":
    case "down":
      return "the Docker engine does not answer";
    case "unasked":
      return builderObstacle(builder);
    case "up":
      return atLeast(engine.version, DOCKER_MINIMUM) === false
        ? `the Docker engine ${engine.version} is too old`
        : builderObstacle(builder);
  }
}

function emulationFacts(facts: Facts, options: DoctorOptions): EmulationFacts {
  const { binfmt, engine } = facts;
  const builder = facts.builder.kind === "found" ? facts.builder.builder : undefined;
  const here = isLocal(engine);
  const nodes = builder?.nodes ?? [];
  return {
    binfmt,
    builder,
    local: builder === undefined ? here : nodes.some(({ endpoint }) => isHere(endpoint, here)),
    mayInstall:
      engine.kind === "up" &&
      engine.product === "docker" &&
      engine.info?.rootless === false &&
      (builder === undefined || nodes.some(({ endpoint }) => isHere(endpoint, true))),
    root: process.getuid?.() === 0,
    binfmtImage: options.binfmtImage,
  };
}

/** @param engineHere a docker context's name is taken to be the engine in use. */
function isHere(endpoint: string, engineHere: boolean): boolean {
  if (!endpoint.includes("://")) return engineHere;
  return /^(unix:\/\/|tcp:\/\/(127\.|localhost[:/]|\[::1\]))/.test(endpoint);
}
