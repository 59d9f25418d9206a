import { type Position, formatPosition } from "../core/position.js";
import type { DefinitionProblem } from "./types.js";

/** Takes down one problem; checks go on after it. */
export type Report = (at: Position, message: string, hint?: string) => void;

export function reportTo(problems: DefinitionProblem[]): Report {
  return (at, message, hint) => {
    problems.push({ at, message, ...(hint === undefined ? {} : { hint }) });
  };
}

/** `components.yaml:12:7 unknown key "imgae". Did you mean "image"?` */
export function formatProblem({ at, message, hint }: DefinitionProblem): string {
  return `${formatPosition(at)} ${message}${hint === undefined ? "" : `. ${hint}`}`;
}

/** By file in the order first met, then by line and column; the same thing said twice is said once. */
export function sortProblems(problems: readonly DefinitionProblem[]): readonly DefinitionProblem[] {
  const files = [...new Set(problems.map(({ at }) => at.file))];
  const distinct = new Map(problems.map((problem) => [formatProblem(problem), problem]));
  return [...distinct.values()].sort(
    (a, b) =>
      files.indexOf(a.at.file) - files.indexOf(b.at.file) ||
      a.at.line - b.at.line ||
      a.at.column - b.at.column,
  );
}
