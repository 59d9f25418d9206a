import type { Platform } from "../core/platform.js";
import { formatPlatform } from "../core/platform.js";
import { describeMachine, elfFits } from "../image/elf.js";
import { compareVersions } from "../walk/elf-dynamic.js";
import { layerHistory } from "../walk/history.js";
import { resolveStart } from "../walk/start.js";
import type { FinalFile, Program, StartStep, WalkedImage } from "../walk/types.js";
import type { Evidence, Start } from "./types.js";

/** More steps than any way to a program has reason for. */
const MAX_STEPS = 20;

/** What an image's own programs say of the machine that they are for. */
export function evidenceOf(image: WalkedImage, target: Platform): Evidence {
  const counts = new Map<string, { machine: string; count: number; fits: boolean }>();
  let scripts = 0;
  let glibc: string | undefined;
  for (const { program, mode, type } of image.files.values()) {
    if (program === undefined || type !== "file") continue;
    if (program.format === "script") {
      scripts += 1;
      continue;
    }
    const made = madeFor(program, mode, target);
    if (made === undefined) continue;
    const key = `${made.machine}\n${String(made.fits)}`;
    const known = counts.get(key) ?? { ...made, count: 0 };
    known.count += 1;
    counts.set(key, known);
    const needs = program.format === "elf" && made.fits ? program.glibc : undefined;
    if (needs !== undefined && (glibc === undefined || compareVersions(needs, glibc) > 0)) {
      glibc = needs;
    }
  }
  const hidden = image.hidden.filter(
    ({ program }) => madeFor(program, 0o755, target)?.fits === false,
  ).length;
  return {
    claimed: formatPlatform(image.config.platform),
    start: startOf(image, target),
    machines: [...counts.values()].sort(
      (a, b) => b.count - a.count || (a.machine < b.machine ? -1 : 1),
    ),
    scripts,
    hidden,
    ...(glibc === undefined ? {} : { glibc }),
  };
}

function startOf(image: WalkedImage, target: Platform): Start {
  const { command, steps, end, trouble } = resolveStart(image);
  return {
    command,
    steps: steps.slice(0, MAX_STEPS).map(stepOf),
    ...(end === undefined ? {} : { program: programOf(image, end, target) }),
    ...(trouble === undefined ? {} : { trouble }),
  };
}

function stepOf({ what, path, program }: StartStep): Start["steps"][number] {
  const is = program === undefined ? undefined : describeProgram(program);
  return { what, path, ...(is === undefined ? {} : { is }) };
}

function programOf(
  image: WalkedImage,
  { path, layer: index, program, mode }: FinalFile,
  target: Platform,
): NonNullable<Start["program"]> {
  const made = program === undefined ? undefined : madeFor(program, mode | 0o111, target);
  const layer = image.layers[index]?.digest;
  const history = layerHistory(image)[index];
  return {
    path,
    machine: made?.machine ?? "nothing that is known",
    fits: made?.fits ?? false,
    ...(layer === undefined ? {} : { layer }),
    ...(history === undefined || history === "" ? {} : { history }),
  };
}

/**
 * The machine a program is for, and whether the target is one; undefined for what is no program of
 * any: scripts, object files, and other systems' programs that may not be executed.
 */
function madeFor(
  program: Program,
  mode: number,
  target: Platform,
): { readonly machine: string; readonly fits: boolean } | undefined {
  if (program.format === "script") return undefined;
  if (program.format !== "elf") {
    return (mode & 0o111) === 0 ? undefined : { machine: program.machine, fits: false };
  }
  const { header, armVersion } = program;
  if (header.type !== "program" && header.type !== "shared") return undefined;
  const machine = describeMachine(header);
  if (armVersion === undefined || target.architecture !== "arm") {
    return { machine, fits: elfFits(header, target) };
  }
  const most = Number(/^v(\d+)$/.exec(target.variant ?? "v7")?.[1] ?? 7);
  return {
    machine: `${machine}, ARMv${armVersion}`,
    fits: elfFits(header, target) && armVersion <= most,
  };
}

function describeProgram(program: Program): string {
  switch (program.format) {
    case "elf":
      return describeMachine(program.header);
    case "script":
      return `#!${program.interpreter}${program.argument === undefined ? "" : ` ${program.argument}`}`;
    default:
      return program.machine;
  }
}
