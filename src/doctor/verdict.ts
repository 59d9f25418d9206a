import { type ErrorCode, redact } from "../core/errors.js";
import type { DeclaredBuild, DoctorReport, Finding, Level, Needs } from "./types.js";

/** How bad it is when nothing can be built here. */
export function withoutBuilds({ builds }: Needs): Level {
  if (builds.some(({ needed }) => needed)) return "fail";
  return builds.length > 0 ? "warn" : "note";
}

export interface BuildFacts {
  readonly needs: Needs;
  /** Why no build can run at all, in a few words. */
  readonly obstacle?: string;
  /** Platforms whose steps can be run, and how. */
  readonly runnable: ReadonlyMap<string, "native" | "emulated">;
}

/** One finding for each platform that was asked for: its builds, and whether they can run here. */
export function checkBuilds(facts: BuildFacts): readonly Finding[] {
  return facts.needs.platforms.map((platform) => {
    const builds = facts.needs.builds.filter((build) => build.platform === platform);
    const base = { id: `build.${platform}`, title: `builds for ${platform}` };
    const cannot = builds.filter((build) => whyNot(build, facts) !== undefined);
    if (builds.length === 0) {
      return { ...base, level: "pass", found: "none is declared" };
    }
    if (cannot.length === 0) {
      return { ...base, level: "pass", found: builds.map((build) => describe(build)).join(", ") };
    }
    const needed = cannot.filter((one) => one.needed);
    const others = cannot.filter((one) => !one.needed);
    return {
      ...base,
      level: needed.length > 0 ? "fail" : "warn",
      found: [
        ...(needed.length === 0 ? [] : [`not possible, and needed: ${reasons(needed, facts)}`]),
        ...(others.length === 0
          ? []
          : [`not possible, should no registry have the image: ${reasons(others, facts)}`]),
      ].join("; "),
      expected: "every declared build can run",
      mend: "See the findings above; or bring a finished image: --archive COMPONENT=FILE",
    };
  });
}

/** Why a build cannot run here; undefined when it can. */
function whyNot(build: DeclaredBuild, { obstacle, runnable }: BuildFacts): string | undefined {
  if (obstacle !== undefined) return obstacle;
  if (build.targetRuns === 0) return undefined;
  const how = runnable.get(build.platform);
  if (how !== undefined) {
    return build.java && how === "emulated"
      ? "it runs Java, which hangs under emulation"
      : undefined;
  }
  return build.targetRuns === undefined
    ? "whether its steps need emulation is not known, and there is none"
    : `${steps(build.targetRuns)} on the target, to be emulated or run on a node of that architecture`;
}

function reasons(builds: readonly DeclaredBuild[], facts: BuildFacts): string {
  const byReason = new Map<string, string[]>();
  for (const build of builds) {
    const why = whyNot(build, facts) ?? "";
    byReason.set(why, [...(byReason.get(why) ?? []), build.component]);
  }
  return [...byReason].map(([why, names]) => `${names.join(", ")} (${why})`).join(", ");
}

function describe({ component, targetRuns }: DeclaredBuild): string {
  if (targetRuns === 0) return `${component} (cross, nothing runs on the target)`;
  return targetRuns === undefined ? component : `${component} (${steps(targetRuns)} on the target)`;
}

function steps(count: number): string {
  return count === 1 ? "1 step" : `${count} steps`;
}

/**
 * Sums the findings up.
 * @param reachable every registry that is needed answers.
 */
export function judge(
  findings: readonly Finding[],
  facts: BuildFacts & { readonly reachable: boolean },
): DoctorReport {
  const { needs } = facts;
  const stored = findings.every(({ id, level }) => id !== "machine.store" || level !== "fail");
  const canPull = facts.reachable && stored;
  const canBuild = Object.fromEntries(
    needs.platforms.map((platform) => [
      platform,
      facts.obstacle === undefined &&
        needs.builds.every((one) => one.platform !== platform || whyNot(one, facts) === undefined),
    ]),
  );
  return {
    // Programs repeat addresses that they were given, passwords and all.
    findings: findings.map((finding) => ({ ...finding, found: redact(finding.found) })),
    ok: findings.every(({ level }) => level !== "fail"),
    canPull,
    canBuild,
    verdict: sentences(canPull, stored, facts).join(" "),
  };
}

function sentences(canPull: boolean, stored: boolean, facts: BuildFacts): readonly string[] {
  const { needs, obstacle } = facts;
  const pulls = canPull
    ? "Pulls work."
    : stored
      ? "Pulls do not work: a registry that is needed does not answer."
      : "Pulls do not work: nothing can be stored.";
  const builds = needs.platforms.map((platform) => {
    const own = needs.builds.filter((one) => one.platform === platform);
    const cannot = own.filter((one) => whyNot(one, facts) !== undefined);
    if (cannot.length > 0) {
      const also = cannot.some((one) => one.needed)
        ? "the bundle needs them"
        : "they are needed only where no registry has the image";
      return `Builds for ${platform} do not work: ${reasons(cannot, facts)}; ${also}.`;
    }
    if (own.length > 0)
      return `Builds for ${platform} work: ${own.map((one) => one.component).join(", ")}.`;
    return obstacle === undefined
      ? `Builds for ${platform} would work; none is declared.`
      : `Builds for ${platform} would not work (${obstacle}); none is declared.`;
  });
  return [pulls, ...builds];
}

/**
 * The code that a script gets: FILE when nothing can be stored, else NETWORK when a registry that is
 * needed does not answer, else BUILDER when a build that is needed cannot run; undefined when none of
 * this is so.
 */
export function failureCode({ findings }: DoctorReport): ErrorCode | undefined {
  const failed = findings.filter(({ level }) => level === "fail").map(({ id }) => id);
  if (failed.length === 0) return undefined;
  if (failed.some((id) => id.startsWith("machine."))) return "FILE";
  return failed.some((id) => id.startsWith("registry.")) ? "NETWORK" : "BUILDER";
}
