import { visible } from "../core/invisible.js";

/** A column of a table: its heading, whether numbers stand right, and how wide it may grow before it wraps. */
export interface Column {
  readonly title: string;
  readonly align?: "left" | "right";
  readonly wrap?: boolean;
}

/**
 * Rows under headings, two spaces between columns; the last column that may wrap takes what the
 * terminal's width leaves.
 */
export function formatTable(
  columns: readonly Column[],
  texts: readonly (readonly string[])[],
  width = 120,
): string {
  // A line break in a cell would look like a row of its own.
  const rows = texts.map((row) => row.map((cell) => visible(cell)));
  const widths = columns.map((column, at) =>
    Math.max(column.title.length, ...rows.map((row) => (row[at] ?? "").length)),
  );
  const wrapAt = columns.findIndex((column) => column.wrap === true);
  if (wrapAt >= 0) {
    const others = widths.reduce((sum, one, at) => (at === wrapAt ? sum : sum + one + 2), 0);
    widths[wrapAt] = Math.min(widths[wrapAt] ?? 0, Math.max(30, width - others));
  }
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, at) => {
        const size = widths[at] ?? 0;
        return columns[at]?.align === "right" ? cell.padStart(size) : cell.padEnd(size);
      })
      .join("  ")
      .trimEnd();
  const body = rows.flatMap((row) => {
    const wrapped = row.map((cell, at) =>
      at === wrapAt ? wrapText(cell, widths[at] ?? 0) : [cell],
    );
    const height = Math.max(...wrapped.map((lines) => lines.length));
    return Array.from({ length: height }, (_, index) =>
      line(wrapped.map((lines) => lines[index] ?? "")),
    );
  });
  return [
    line(columns.map((column) => column.title)),
    line(widths.map((size) => "─".repeat(size))),
    ...body,
  ].join("\n");
}

function wrapText(text: string, width: number): string[] {
  const lines: string[] = [];
  let current = "";
  for (const word of text.split(" ")) {
    if (current !== "" && current.length + 1 + word.length > width) {
      lines.push(current);
      current = word;
    } else {
      current = current === "" ? word : `${current} ${word}`;
    }
  }
  return [...lines, current];
}
