import { openDocker } from "../engine/docker.js";
import { BundlerError, messageOf } from "../core/errors.js";
import { type Platform, formatPlatform } from "../core/platform.js";
import { askDocker, askProgram } from "./ask.js";
import type { Diagnosis } from "./doctor.js";
import { type Repair, installCommand, repairCommand, repairOf } from "./emulation-repair.js";
import { type EmulationFacts, howStepsRun } from "./emulation.js";
import { shellCommand } from "../core/shell-command.js";

/** Something safe that `--fix` can do. */
export interface PlannedRepair {
  /** Findings that it mends. */
  readonly mends: readonly string[];
  /** What it changes on this machine, as a sentence. */
  readonly what: string;
  /** The same by hand. */
  readonly command: string;
  /** @throws BundlerError BUILDER quoting what went wrong; INTERRUPTED. */
  run(signal: AbortSignal): Promise<void>;
}

/** How a builder is made; the command knows with which options. */
export interface BuilderSetup {
  readonly command: string;
  run(signal: AbortSignal): Promise<void>;
}

/** Milliseconds; an image of some ten megabytes may have to be pulled. */
const REPAIR_MS = 10 * 60_000;

/**
 * What can be mended of the findings marked as fixable, in the order in which it has to be done:
 * handlers before the builder, which looks for them when it starts.
 */
export function planRepairs(
  { emulation, report }: Diagnosis,
  platforms: readonly Platform[],
  { env, setup }: { readonly env: NodeJS.ProcessEnv; readonly setup: BuilderSetup },
): readonly PlannedRepair[] {
  const fixable = new Set(
    report.findings.flatMap(({ fixable: can, id }) => (can === true ? [id] : [])),
  );
  const planned = new Map<string, { readonly repair: Repair; readonly mends: string[] }>();
  for (const platform of platforms) {
    const id = `emulation.${formatPlatform(platform)}`;
    const runs = howStepsRun(platform, emulation);
    const repair =
      runs.kind === "no" && fixable.has(id) ? repairOf(platform, runs, emulation) : undefined;
    if (repair === undefined) continue;
    const key = shellCommand(repairCommand(repair, emulation.binfmtImage));
    planned.set(key, { repair, mends: [...(planned.get(key)?.mends ?? []), id] });
  }
  const repairs = [...planned.values()];
  const installs = repairs.filter(({ repair }) => repair.kind === "install");
  const others = repairs.filter(({ repair }) => repair.kind !== "install");
  return [
    ...(installs.length === 0 ? [] : [installRepair(installs, emulation, env)]),
    ...others.map(({ mends, repair }) => runRepair(repair, mends, emulation, env)),
    ...(fixable.has("builder.default")
      ? [
          {
            mends: ["builder.default"],
            what: "Make a builder of docker buildx, in a container of the engine.",
            ...setup,
          },
        ]
      : []),
  ];
}

/** One run of the image for all architectures. */
function installRepair(
  installs: readonly { readonly repair: Repair; readonly mends: readonly string[] }[],
  { binfmtImage }: EmulationFacts,
  env: NodeJS.ProcessEnv,
): PlannedRepair {
  const architectures = installs.flatMap(({ repair }) =>
    repair.kind === "install" ? [repair.architecture] : [],
  );
  const command = installCommand(binfmtImage, architectures);
  return {
    mends: installs.flatMap(({ mends }) => mends),
    what: `Install binfmt handlers for ${architectures.join(", ")} into the kernel, until it is started anew: the image ${binfmtImage} runs with all privileges.`,
    command: shellCommand(command),
    run: (signal) => runCommand(command, env, signal),
  };
}

function runRepair(
  repair: Repair,
  mends: readonly string[],
  { binfmtImage }: EmulationFacts,
  env: NodeJS.ProcessEnv,
): PlannedRepair {
  const command = repairCommand(repair, binfmtImage);
  const what = {
    install: "Install binfmt handlers.",
    enable: "Switch on handlers that the kernel has.",
    register: "Register the binfmt handlers of the installed package.",
    start: "Start the builder, so that it looks for emulators again.",
  }[repair.kind];
  return {
    mends,
    what,
    command: shellCommand(command),
    run: (signal) => runCommand(command, env, signal),
  };
}

async function runCommand(
  [program, ...args]: readonly [string, ...string[]],
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<void> {
  const limits = { limitMs: REPAIR_MS, signal };
  const answer =
    program === "docker"
      ? await askDocker(openDocker(env), args, limits)
      : await askProgram(program, args, { ...limits, env });
  if (answer.kind === "ended" && answer.code === 0) return;
  const shown = shellCommand([program, ...args]);
  const why =
    answer.kind === "ended"
      ? (answer.stderr.trim() || answer.stdout.trim()).split("\n").slice(-3).join(" ")
      : answer.kind === "late"
        ? "it did not end in time"
        : answer.kind === "missing"
          ? `there is no ${program}`
          : answer.why;
  throw new BundlerError("BUILDER", `${shown}: ${why || "it failed and said nothing"}`, {
    hint: "Run it by hand to see all that it says.",
    details: { command: shown },
  });
}

/** How a repair went. */
export interface Repaired {
  readonly mends: readonly string[];
  readonly what: string;
  readonly command: string;
  /** `offered`: nobody was there to say yes. */
  readonly outcome: "done" | "failed" | "declined" | "offered";
  readonly error?: string;
}

/**
 * Does what is agreed to, one after the other. A repair that fails does not keep the next from being
 * tried.
 * @param agree asked before each; undefined where nobody can be asked.
 * @throws BundlerError INTERRUPTED.
 */
export async function carryOut(
  repairs: readonly PlannedRepair[],
  agree: ((repair: PlannedRepair) => Promise<boolean>) | undefined,
  signal: AbortSignal,
): Promise<readonly Repaired[]> {
  const done: Repaired[] = [];
  for (const repair of repairs) {
    const { command, mends, what } = repair;
    const head = { mends, what, command };
    if (agree === undefined) {
      done.push({ ...head, outcome: "offered" });
    } else if (!(await agree(repair))) {
      done.push({ ...head, outcome: "declined" });
    } else {
      try {
        await repair.run(signal);
        done.push({ ...head, outcome: "done" });
      } catch (error) {
        if (signal.aborted) throw error;
        const hint = error instanceof BundlerError ? (error.hint ?? "") : "";
        done.push({ ...head, outcome: "failed", error: `${messageOf(error)} ${hint}`.trim() });
      }
    }
  }
  return done;
}
