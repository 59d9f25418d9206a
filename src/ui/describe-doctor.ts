import type { Repaired } from "../doctor/repair.js";
import type { DoctorReport, Finding } from "../doctor/types.js";
import { formatTable } from "./table.js";

const GROUPS: Readonly<Record<string, string>> = {
  docker: "Docker",
  builder: "Builder",
  emulation: "Emulation",
  registry: "Registries",
  source: "Sources",
  machine: "Machine",
  build: "Builds",
};

/** What `doctor` says: the findings by group, what mends each, and the verdict as the last line. */
export function describeDoctor(report: DoctorReport, width: number): readonly string[] {
  const rows = Object.entries(GROUPS).flatMap(([group, title]) =>
    report.findings
      .filter(({ id }) => id.startsWith(`${group}.`))
      .flatMap((finding, at) => rowsOf(at === 0 ? title : "", finding)),
  );
  return [
    formatTable(
      [{ title: "" }, { title: "check" }, { title: "level" }, { title: "found", wrap: true }],
      rows,
      width,
    ),
    "",
    report.verdict,
  ];
}

function rowsOf(
  group: string,
  { expected, fixable, found, level, mend, title }: Finding,
): string[][] {
  const advice = [
    ...(expected === undefined ? [] : [`expected: ${expected}`]),
    ...(mend === undefined ? [] : [`→ ${mend}${fixable === true ? "  (or: --fix)" : ""}`]),
  ];
  const rows = [[group, title, level, found], ...advice.map((text) => ["", "", "", text])];
  return rows.map((row) => row.map((cell) => cell.replace(/\s+/g, " ")));
}

/** What `--fix` did. */
export function describeRepairs(repairs: readonly Repaired[]): readonly string[] {
  if (repairs.length === 0) return ["", "There is nothing that --fix could mend."];
  const words = { done: "Done", failed: "Failed", declined: "Left", offered: "Would do" } as const;
  return [
    "",
    ...repairs.flatMap(({ command, error, outcome, what }) => [
      `${words[outcome]}: ${what}`,
      `  ${command}`,
      ...(error === undefined ? [] : [`  ${error}`]),
    ]),
    ...(repairs.some(({ outcome }) => outcome === "offered")
      ? ["Nothing was changed: there is no terminal to ask on. --fix --yes does it without asking."]
      : []),
  ];
}
