import { suggestion } from "../core/nearest.js";
import { oneLine } from "../core/invisible.js";
import { BundlerError } from "../core/errors.js";
import type { EventSink } from "../core/events.js";
import { type Platform, formatPlatform } from "../core/platform.js";
import { together } from "../core/together.js";
import type { Component, Definition } from "../definition/types.js";
import { SAID, type DecideContext, type Decision, decide } from "./decide.js";
import type { Lock, LockedComponent, PlatformLock } from "./types.js";

export interface PlanContext extends Omit<DecideContext, "leaveOut"> {
  readonly onEvent: EventSink;
  /** Keep only these components; all when absent. */
  readonly only?: readonly string[];
  readonly without: readonly string[];
  /** SOURCE_DATE_EPOCH, in seconds since 1970, where the caller has one. */
  readonly sourceDateEpoch?: number;
}

/** A plan may have holes: `lock` says what was found, `problems` what a bundle still lacks. */
export interface Plan {
  readonly lock: Lock;
  /** One for each required component without a way, and each optional one, as `severity` tells. */
  readonly problems: readonly PlanProblem[];
}

export interface PlanProblem {
  readonly platform: string;
  readonly component: string;
  readonly required: boolean;
  readonly reason: string;
  readonly hint: string;
  readonly error?: BundlerError;
}

/**
 * Asks the registries how each component can be had for each platform, all in parallel.
 * @throws BundlerError USAGE for unknown component names, NETWORK when a registry cannot be asked.
 */
export async function makePlan(
  definition: Definition,
  targets: readonly Platform[],
  context: PlanContext,
): Promise<Plan> {
  const leaveOut = selection(definition, context);
  const platforms: PlatformLock[] = [];
  const problems: PlanProblem[] = [];
  for (const target of targets) {
    const platform = formatPlatform(target);
    const { components } = definition;
    context.onEvent({
      type: "phase-start",
      phase: "plan",
      subject: platform,
      totalItems: components.length,
    });
    const decisions = await together(components, context.signal, (component, signal) =>
      decideNamed(component, target, { ...context, leaveOut, signal }),
    );
    context.onEvent({
      type: "phase-end",
      phase: "plan",
      subject: platform,
      summary: summaryOf(decisions),
    });
    platforms.push({ platform, components: decisions.map((decision) => decision.component) });
    problems.push(...decisions.flatMap((decision) => problemOf(decision, platform)));
  }
  const lock: Lock = {
    lockVersion: 1,
    bundle: { name: definition.name, version: definition.version, definition: definition.digest },
    date: lockDate(platforms, context.sourceDateEpoch),
    platforms,
  };
  return { lock, problems };
}

/** The plan as an error, when a required component has no way; all of them are in the message. */
export function planFailure({ problems }: Plan): BundlerError | undefined {
  const missing = problems.filter(({ required }) => required);
  if (missing.length === 0) return undefined;
  const refused = missing.find(({ error }) => error?.code === "AUTH")?.error;
  const unbuildable = missing.every(({ error }) => error?.code === "BUILDER");
  const list = missing.map(
    ({ component, platform, reason }) => `  ${component} (${platform}): ${reason}`,
  );
  return new BundlerError(
    refused === undefined ? (unbuildable ? "BUILDER" : "NO_WAY") : "AUTH",
    `${missing.length === 1 ? "A required component has" : `${missing.length} required components have`} no way into the bundle:\n${list.join("\n")}`,
    {
      hint: refused?.hint ?? missing.map(({ hint }) => hint).join("\n    "),
      ...(refused === undefined ? {} : { cause: refused }),
      details: {
        problems: missing.map(({ component, platform, reason, hint }) => ({
          component,
          platform,
          reason,
          hint,
        })),
      },
    },
  );
}

async function decideNamed(
  component: Component,
  target: Platform,
  context: DecideContext & Pick<PlanContext, "onEvent">,
): Promise<Decision> {
  const { name } = component;
  context.onEvent({ type: "item", phase: "plan", name, state: "start" });
  try {
    const decision = await decide(component, target, context);
    context.onEvent({
      type: "item",
      phase: "plan",
      name,
      state: "done",
      detail: decision.component.method,
    });
    return decision;
  } catch (error) {
    if (error instanceof BundlerError && error.code !== "INTERRUPTED") {
      throw error.with({ component: name, platform: formatPlatform(target) }, `${name}: `);
    }
    throw error;
  }
}

function selection(
  definition: Definition,
  { only, without, archives }: Pick<PlanContext, "only" | "without" | "archives">,
): ReadonlyMap<string, string> {
  const names = new Set(definition.components.map(({ name }) => name));
  for (const name of [...(only ?? []), ...without, ...archives.keys()]) {
    if (!names.has(name)) {
      throw new BundlerError(
        "USAGE",
        `There is no component ${JSON.stringify(name)} in ${definition.name}.`,
        {
          hint: suggestion(name, [...names]),
        },
      );
    }
  }
  const leaveOut = new Map<string, string>();
  for (const name of names) {
    if (without.includes(name)) leaveOut.set(name, "left out by --without");
    else if (only !== undefined && !only.includes(name)) leaveOut.set(name, "left out by --only");
  }
  if (leaveOut.size === names.size) {
    throw new BundlerError("USAGE", "--only and --without together leave out every component.");
  }
  return leaveOut;
}

function problemOf({ component, obstacle }: Decision, platform: string): PlanProblem[] {
  const { name, required, method, reason } = component;
  if (method !== "none" && (method !== "build" || obstacle === undefined)) return [];
  const otherWays =
    `ive its image as an archive (--archive ${name}=FILE)` +
    (required
      ? ", or name an alternative in components.yaml."
      : `, or leave it out (--without ${name}).`);
  const told = method === "build" || obstacle?.code === "AUTH" ? obstacle?.hint : undefined;
  const hint =
    told === undefined ? `G${otherWays}` : method === "build" ? `${told} Or g${otherWays}` : told;
  return [
    {
      ...{ platform, component: name, required, hint },
      // Whoever plans wants to hear it all; what goes further does not say what their network is.
      reason: obstacle === undefined ? reason : `${reason} (${oneLine(obstacle.message, SAID)})`,
      ...(obstacle ? { error: obstacle } : {}),
    },
  ];
}

function summaryOf(decisions: readonly Decision[]): string {
  const counts = new Map<string, number>();
  for (const { component } of decisions)
    counts.set(component.method, (counts.get(component.method) ?? 0) + 1);
  return [...counts].map(([method, count]) => `${method} ${count}`).join(", ");
}

/**
 * The one time that an archive carries. Without SOURCE_DATE_EPOCH it is the newest image's, so that
 * planning the same images again, another day, gives the same bytes.
 */
function lockDate(platforms: readonly PlatformLock[], sourceDateEpoch: number | undefined): string {
  const second = (ms: number): string =>
    new Date(Math.floor(ms / 1000) * 1000).toISOString().replace(".000Z", "Z");
  if (sourceDateEpoch !== undefined) return second(sourceDateEpoch * 1000);
  const created = platforms
    .flatMap(({ components }) =>
      // A build has its date before it is made.
      components.map(({ build, image }: LockedComponent) => build?.date ?? image?.created),
    )
    .map((text) => (text === undefined ? Number.NaN : Date.parse(text)))
    // A plain tar header counts to the year 2242.
    .filter((ms) => ms > 0 && ms < 8 ** 11 * 1000);
  // DOS time's first year: unpackers on FAT media go no lower.
  return second(Math.max(Date.UTC(1980, 0, 1), ...created));
}
