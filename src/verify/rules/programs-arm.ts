import type { Platform } from "../../core/platform.js";
import type { ElfProgram, FinalFile } from "../../walk/types.js";
import type { ProgramFindings } from "./program-findings.js";
import { declareRules } from "../rule.js";

export const ARM = declareRules(
  "programs",
  {
    error: {
      "programs/arm-version":
        "A program is compiled for newer ARM processors than the platform's (a library: warning).",
    },
    warning: {
      "programs/float":
        "A 32-bit ARM program passes floats in another way than the rest (of what starts: error).",
    },
  },
  { deep: true },
);

/**
 * What a header alone does not tell of 32-bit ARM: code for newer processors than the platform's,
 * and programs that pass floats in another way than the rest.
 * @param files programs that run on the platform by their headers
 */
export function checkArm(
  files: readonly FinalFile[],
  { architecture, variant = "v7" }: Platform,
  started: ReadonlySet<string>,
  findings: ProgramFindings,
): void {
  if (architecture !== "arm") return;
  const most = Number(/^v(\d)$/.exec(variant)?.[1] ?? Number.NaN);
  const programs = files.flatMap((file) =>
    file.program?.format === "elf" ? [{ file, program: file.program }] : [],
  );
  for (const { file, program } of programs) {
    const { armVersion } = program;
    if (armVersion === undefined || !(armVersion > most)) continue;
    // Libraries have code for several processors, and choose when they are loaded.
    const isProgram = program.header.type === "program" || program.interpreter !== undefined;
    findings.add(ARM, "programs/arm-version", {
      path: file.path,
      layer: file.layer,
      ...(isProgram || started.has(file.path) ? {} : { severity: "warning" }),
      message: `Is compiled for newer processors than ${architecture}/${variant}.`,
      expected: `ARMv${most}`,
      found: `ARMv${armVersion}`,
    });
  }
  checkFloat(programs, started, findings);
}

function checkFloat(
  programs: readonly { readonly file: FinalFile; readonly program: ElfProgram }[],
  started: ReadonlySet<string>,
  findings: ProgramFindings,
): void {
  // A static program has nothing to disagree with.
  const linked = programs.filter(({ program: { needed = [] } }) => needed.length > 0);
  const of = (float: "hard" | "soft") => linked.filter(({ program }) => program.armFloat === float);
  const [hard, soft] = [of("hard"), of("soft")];
  if (hard.length === 0 || soft.length === 0) return;
  const [few, many] = hard.length < soft.length ? [hard, "soft"] : [soft, "hard"];
  for (const { file, program } of few) {
    findings.add(ARM, "programs/float", {
      path: file.path,
      layer: file.layer,
      ...(started.has(file.path) ? { severity: "error" } : {}),
      message: "Passes floats in another way than most of the image, and cannot use its libraries.",
      expected: `${many} float`,
      found: `${program.armFloat ?? "unknown"} float`,
    });
  }
}
