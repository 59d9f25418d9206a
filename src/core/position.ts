/** A place in a text file; line and column count from 1. */
export interface Position {
  /** Path as the user knows it. */
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** `components.yaml:12:7`, clickable in terminals and editors. */
export function formatPosition(at: Position): string {
  return `${at.file}:${at.line}:${at.column}`;
}
