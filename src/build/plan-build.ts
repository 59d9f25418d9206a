import type { Builder } from "../builder/types.js";
import { BundlerError } from "../core/errors.js";
import { type Platform, formatPlatform } from "../core/platform.js";
import type { Component } from "../definition/types.js";
import { formatReference, parseReference } from "../image/reference.js";
import type { LockedBuild, LockedSource, Strategy } from "../plan/build-types.js";
import type { PlannedBuild } from "../plan/types.js";
import { lockSource } from "../source/lock.js";
import { lockBases } from "./bases.js";
import { cachedImage } from "./cache.js";
import { type OpenContext, openContext, usedSources } from "./context.js";
import { type Inspection, describeHazard, findBuilder, inspectBuild } from "./inspect.js";
import {
  type ChosenStrategy,
  chooseStrategy,
  machinePlatform,
  strategyReason,
} from "./strategy.js";
import { type BuildContext, type BuildableComponent, asBuildable } from "./types.js";

/**
 * Plans one component's image build for a platform: reads and inspects its Dockerfile, pins its
 * sources and its base images, chooses how its steps are run. Nothing is built, and no layer is
 * downloaded; sources are only where the Dockerfile lies in one. What keeps it from being built is
 * the answer and not an error.
 * @throws BundlerError NETWORK, DISK or INTERRUPTED: failures that say nothing about the build.
 */
export async function planBuild(
  component: Component,
  platform: Platform,
  context: BuildContext,
): Promise<PlannedBuild> {
  const buildable = asBuildable(component);
  let build: LockedBuild | undefined;
  try {
    const found = await findBuilder(context);
    const { builder } = found;
    const sources = await lockSources(buildable, context);
    const opened = await openContext(buildable, sources, context);
    const inspection = inspectBuild(opened, buildable.build, { platform, builder });
    const draft = await lockBuild(buildable, { platform, opened, inspection, sources }, context);
    const asked = context.strategies.get(component.name);
    build = { ...draft, strategy: asked ?? unaskedStrategy(inspection, platform) };

    const image = await cachedImage(build, context.store);
    if (image !== undefined) {
      return {
        ...describeAgain(component.name, build, { platform, opened, inspection, builder }, context),
        image,
      };
    }
    tellHazards(component.name, opened, inspection, context);
    if (builder === undefined) return { kind: "obstacle", error: found.missing, build };
    if (builder.cannotExport !== undefined) {
      return { kind: "obstacle", error: cannotExport(builder.name, builder.cannotExport), build };
    }
    const chosen = chooseFor(component.name, { platform, opened, inspection, builder }, context);
    build = { ...draft, strategy: chosen.strategy };
    return { kind: "planned", build, reason: chosen.reason };
  } catch (error) {
    if (!(error instanceof BundlerError) || SAYS_NOTHING.has(error.code)) throw error;
    return { kind: "obstacle", error, ...(build === undefined ? {} : { build }) };
  }
}

/**
 * What the plan says of an image that an earlier run has made: the same as that run said, as far as it
 * is still known, so that an archive does not depend on what the store happens to have.
 */
function describeAgain(
  component: string,
  build: LockedBuild,
  from: {
    readonly platform: Platform;
    readonly opened: OpenContext;
    readonly inspection: Inspection;
    readonly builder: Builder | undefined;
  },
  context: BuildContext,
): { readonly kind: "planned"; readonly build: LockedBuild; readonly reason: string } {
  const { platform, opened, inspection, builder } = from;
  try {
    if (builder !== undefined) {
      const chosen = chooseFor(component, { platform, opened, inspection, builder }, context);
      return {
        kind: "planned",
        build: { ...build, strategy: chosen.strategy },
        reason: chosen.reason,
      };
    }
  } catch (error) {
    // It could not be built here today, and need not be.
    if (!(error instanceof BundlerError)) throw error;
  }
  const reason = strategyReason(build.strategy, {
    file: opened.dockerfile.shown,
    runs: inspection.runs,
    target: platform,
    asked: context.strategies.has(component),
  });
  return { kind: "planned", build, reason };
}

const SAYS_NOTHING: ReadonlySet<string> = new Set(["NETWORK", "DISK", "INTERRUPTED", "INTERNAL"]);

function cannotExport(builder: string, why: string): BundlerError {
  return new BundlerError("BUILDER", why, {
    hint: "Make a builder that can: `openim-bundler builder setup`.",
    details: { builder },
  });
}

/** How a build's steps will be run on a builder. @throws BundlerError USAGE, BUILDER. */
export function chooseFor(
  component: string,
  from: {
    readonly platform: Platform;
    readonly opened: OpenContext;
    readonly inspection: Inspection;
    readonly builder: Parameters<typeof chooseStrategy>[0]["builder"];
  },
  context: Pick<BuildContext, "strategies" | "forceEmulation">,
): ChosenStrategy {
  const asked = context.strategies.get(component);
  return chooseStrategy({
    component,
    target: from.platform,
    runs: from.inspection.runs,
    hazards: from.inspection.report.hazards,
    file: from.opened.dockerfile.shown,
    builder: from.builder,
    ...(asked === undefined ? {} : { asked }),
    forced: context.forceEmulation.has(component),
  });
}

async function lockSources(
  component: BuildableComponent,
  context: BuildContext,
): Promise<readonly LockedSource[]> {
  const locked: LockedSource[] = [];
  for (const { source, place } of usedSources(component, context.definition.sources)) {
    const one = await lockSource(source, context);
    if (one !== undefined) locked.push(one);
    else if (place === "root") {
      throw new BundlerError(
        "NOT_FOUND",
        `The source ${source.name}, whose tree is the build context, is not there.`,
        {
          hint: `Give it by hand: --source ${source.name}=FILE.`,
          details: { component: component.name, source: source.name },
        },
      );
    }
  }
  return locked.sort((a, b) => (a.name < b.name ? -1 : 1));
}

async function lockBuild(
  { image, build }: BuildableComponent,
  from: {
    readonly platform: Platform;
    readonly opened: OpenContext;
    readonly inspection: Inspection;
    readonly sources: readonly LockedSource[];
  },
  context: BuildContext,
): Promise<Omit<LockedBuild, "strategy">> {
  const { platform, opened, inspection, sources } = from;
  const { registry, repository, tag } = parseReference(image);
  const { bases, created } = await lockBases(
    inspection.report.bases,
    opened.dockerfile.shown,
    { target: platform, build: inspection.inputs.buildPlatform },
    context,
  );
  return {
    reference: formatReference({ registry, repository, tag: tag ?? "latest" }),
    platform: formatPlatform(platform),
    context: opened.digest,
    dockerfile: build.dockerfile,
    ...(build.target === undefined ? {} : { target: build.target }),
    args: build.args,
    bases,
    sources,
    date: buildDate(created, context.sourceDateEpoch),
  };
}

/** A tar header counts to the year 2242, and unpackers on FAT media from 1980 on. */
function buildDate(created: readonly string[], sourceDateEpoch: number | undefined): string {
  const times = created.map((text) => Date.parse(text)).filter((ms) => ms < 8 ** 11 * 1000);
  const ms =
    sourceDateEpoch === undefined
      ? Math.max(Date.UTC(1980, 0, 1), ...times)
      : sourceDateEpoch * 1000;
  return new Date(Math.floor(ms / 1000) * 1000).toISOString().replace(".000Z", "Z");
}

/** What the lock says where there is no builder to choose for. */
function unaskedStrategy({ runs }: Inspection, platform: Platform): Strategy {
  if (runs.length === 0) return "cross";
  const own = formatPlatform(machinePlatform()) === formatPlatform(platform);
  return own ? "native" : "emulate";
}

function tellHazards(
  component: string,
  opened: OpenContext,
  { report }: Inspection,
  { onEvent }: BuildContext,
): void {
  for (const hazard of report.hazards) {
    if (hazard.kind === "java") continue;
    const message = `${component}: ${describeHazard(opened, hazard)}`;
    onEvent({ type: "notice", level: "warn", message });
  }
}
