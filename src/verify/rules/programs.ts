import type { Platform } from "../../core/platform.js";
import { describeMachine, elfFits } from "../../image/elf.js";
import { compareVersions } from "../../walk/elf-dynamic.js";
import { lookUp } from "../../walk/look-up.js";
import type { FinalFile, Program, WalkedImage } from "../../walk/types.js";
import type { Finding } from "../report.js";
import { checkArm } from "./programs-arm.js";
import { checkLabel } from "./programs-label.js";
import { ProgramFindings } from "./program-findings.js";
import { type Start, startsOf } from "./program-starts.js";
import { declareRules } from "../rule.js";

export const PROGRAMS = declareRules(
  "programs",
  {
    error: {
      "programs/start":
        "A program that the entrypoint, command or health check starts is for another machine, or not there.",
    },
    warning: {
      "programs/foreign": "A program or library that nothing starts is for another machine.",
      "programs/interpreter": "A script's interpreter is not in the image (of what starts: error).",
      "programs/loader": "A program's loader is not in the image (of what starts: error).",
    },
    note: {
      "programs/hidden": "A program for another machine is deleted or replaced by a later layer.",
      "programs/glibc": "The programs need glibc 2.34 or newer, and so Docker 20.10.10 or newer.",
    },
  },
  { deep: true },
);

/** From this version on glibc starts threads by clone3, which older engines' seccomp profile forbids. */
const CLONE3_GLIBC = "2.34";
const CLONE3_ENGINE = "20.10.10";

/**
 * Whether the programs of an image run on a platform: the ones that start, and what lies about. What
 * counts is the final file system; what a later layer deletes is only noted.
 */
export function checkPrograms(image: WalkedImage, platform: Platform): readonly Finding[] {
  const findings = new ProgramFindings(image);
  const starts = startsOf(image);
  const started = new Set(starts.flatMap(({ resolution }) => pathsOf(resolution)));
  for (const start of starts) checkStart(image, platform, start, findings);
  // Sorted, so that the same image gives the same report.
  const files = [...image.files.values()]
    .filter(({ program, type }) => program !== undefined && type === "file")
    .sort((a, b) => (a.path < b.path ? -1 : 1));
  for (const file of files) {
    const machine = foreignMachine(file, platform);
    if (machine === undefined) checkNeeds(image, file, started.has(file.path), findings);
    else if (!started.has(file.path)) {
      findings.add(PROGRAMS, "programs/foreign", {
        path: file.path,
        layer: file.layer,
        ...foreign(machine),
      });
    }
  }
  for (const { path, program, layer, by } of image.hidden) {
    const machine = foreignMachine({ program, mode: 0o111 }, platform);
    if (machine === undefined) continue;
    findings.add(PROGRAMS, "programs/hidden", {
      path,
      layer,
      message: `Is for another machine, but layer ${by + 1} deletes or replaces it.`,
      found: machine,
    });
  }
  const native = files.filter((file) => foreignMachine(file, platform) === undefined);
  checkArm(native, platform, started, findings);
  checkGlibc(native, findings);
  return [...checkLabel(image, platform, starts), ...findings.all()];
}

function pathsOf({ steps }: Start["resolution"]): readonly string[] {
  return steps.map(({ path }) => path);
}

function checkStart(
  image: WalkedImage,
  platform: Platform,
  { of, isVital, resolution }: Start,
  findings: ProgramFindings,
): void {
  const { command, steps, trouble } = resolution;
  const shown = command.join(" ").slice(0, 200);
  for (const { path } of steps) {
    const file = image.files.get(path);
    const machine = file && foreignMachine(file, platform);
    if (file === undefined || machine === undefined) continue;
    findings.add(PROGRAMS, "programs/start", {
      path,
      layer: file.layer,
      message: `${of} (${shown}) starts it, and it is for another machine.`,
      found: machine,
      hint: "Take an image for the platform, or build one.",
    });
  }
  if (trouble === undefined) return;
  const last = steps.at(-1);
  // What a script wants is told by the rule for interpreters, with the script.
  if (last?.program?.format === "script") return;
  findings.add(PROGRAMS, "programs/start", {
    path: last?.path ?? command[0]?.replace(/^\/+/, "") ?? "",
    ...(isVital && last === undefined ? {} : { severity: "warning" }),
    message: `${of} (${shown}) does not lead to a program: ${trouble}`,
  });
}

/** What a program needs beside itself: a script its interpreter, a dynamic program its loader. */
function checkNeeds(
  image: WalkedImage,
  file: FinalFile,
  isStarted: boolean,
  findings: ProgramFindings,
): void {
  const { program, mode, path, layer } = file;
  const isExecutable = (mode & 0o111) !== 0;
  const severity = isStarted ? ({ severity: "error" } as const) : {};
  if (program?.format === "script" && (isExecutable || isStarted)) {
    const missing = missingInterpreter(image, program);
    if (missing === undefined) return;
    const message = "Its interpreter is not in the image.";
    findings.add(PROGRAMS, "programs/interpreter", {
      path,
      layer,
      ...severity,
      message,
      expected: missing,
    });
  }
  if (program?.format === "elf" && program.interpreter !== undefined) {
    const loader = lookUp(image.files, program.interpreter);
    if (loader?.type === "file") return;
    findings.add(PROGRAMS, "programs/loader", {
      path,
      layer,
      ...severity,
      message: "The loader that starts it is not in the image.",
      expected: program.interpreter,
      ...(program.interpreter.includes("ld-linux")
        ? { hint: "It was built with glibc; images with musl, such as Alpine's, do not have that." }
        : {}),
    });
  }
}

/** The interpreter that a script does not find, `env`'s argument too. */
function missingInterpreter(
  image: WalkedImage,
  { interpreter, argument }: Extract<Program, { format: "script" }>,
): string | undefined {
  if (lookUp(image.files, interpreter)?.type !== "file") return interpreter;
  if (!interpreter.endsWith("/env") || argument === undefined) return undefined;
  const name = argument.replace(/^-S\s*/, "").split(" ")[0] ?? "";
  if (name === "" || name.startsWith("-") || name.includes("=")) return undefined;
  const path = image.config.env.findLast((setting) => setting.startsWith("PATH="))?.slice(5);
  const folders = `${path ?? ""}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin`.split(":");
  const found = name.startsWith("/")
    ? lookUp(image.files, name) !== undefined
    : folders.some((folder) => lookUp(image.files, `${folder}/${name}`)?.type === "file");
  return found ? undefined : `${interpreter} ${name}`;
}

/** What a file is for when it runs on other machines only; undefined when it runs, or is none to run. */
function foreignMachine(
  { program, mode }: Pick<FinalFile, "mode"> & { readonly program?: Program },
  platform: Platform,
): string | undefined {
  if (program === undefined || program.format === "script") return undefined;
  if (program.format === "elf") {
    const { header } = program;
    const runs = header.type === "program" || header.type === "shared";
    return runs && !elfFits(header, platform) ? describeMachine(header) : undefined;
  }
  // Packages of scripting languages carry their tools along for every system, as data.
  return platform.os === "linux" && (mode & 0o111) !== 0 ? program.machine : undefined;
}

function foreign(machine: string): {
  readonly message: string;
  readonly found: string;
  hint: string;
} {
  return {
    message: "Is for another machine.",
    found: machine,
    hint: "If it is meant to be there, allow its path in the definition, with the reason.",
  };
}

function checkGlibc(files: readonly FinalFile[], findings: ProgramFindings): void {
  let newest: { readonly file: FinalFile; readonly version: string } | undefined;
  for (const file of files) {
    const version = file.program?.format === "elf" ? file.program.glibc : undefined;
    if (version === undefined) continue;
    if (newest === undefined || compareVersions(version, newest.version) > 0) {
      newest = { file, version };
    }
  }
  if (newest === undefined || compareVersions(newest.version, CLONE3_GLIBC) < 0) return;
  const { path, layer } = newest.file;
  findings.add(PROGRAMS, "programs/glibc", {
    path,
    layer,
    message: `Needs glibc ${newest.version}; from ${CLONE3_GLIBC} on, Docker has to be ${CLONE3_ENGINE} or newer.`,
    found: newest.version,
  });
}
