import type { ComponentPackages } from "../sbom/types.js";
import { visible } from "./escape.js";

/**
 * All packages by columns, so that 100,000 of them stay a few megabytes and are read at once.
 * Columns that repeat themselves are numbers into a list of their own, where 0 is "nothing".
 */
export interface PackageTable {
  readonly names: readonly string[];
  readonly versions: readonly string[];
  readonly type: Column;
  readonly component: Column;
  readonly license: Column;
  readonly source: Column;
  readonly path: Column;
}

interface Column {
  readonly words: readonly string[];
  readonly rows: readonly number[];
}

/** Rows by name, then version, then component. */
export function packageTable(components: readonly ComponentPackages[]): PackageTable {
  const rows = components.flatMap(({ component, packages }) =>
    packages.map((one) => ({ ...one, component })),
  );
  rows.sort(
    (a, b) =>
      compare(a.name, b.name) || compare(a.version, b.version) || compare(a.component, b.component),
  );
  return {
    names: rows.map(({ name }) => visible(name)),
    versions: rows.map(({ version }) => visible(version)),
    type: column(rows, ({ type }) => type),
    component: column(rows, ({ component }) => component),
    license: column(rows, ({ licenses }) => licenses?.join(", ")),
    source: column(rows, ({ name, source }) => (source === name ? undefined : source)),
    path: column(rows, ({ path }) => path),
  };
}

function column<Row>(rows: readonly Row[], text: (row: Row) => string | undefined): Column {
  const numbers = new Map<string, number>([["", 0]]);
  const of = rows.map((row) => {
    const word = visible(text(row) ?? "");
    const known = numbers.get(word) ?? numbers.size;
    numbers.set(word, known);
    return known;
  });
  return { words: [...numbers.keys()], rows: of };
}

/** By code units: the same on every machine. */
function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
