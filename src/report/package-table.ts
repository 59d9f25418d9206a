import type { ComponentPackages, Package } from "../sbom/types.js";
import { visible } from "../core/invisible.js";

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

interface Row {
  readonly component: string;
  readonly one: Package;
}

/** Rows by name, then version, then component. */
export function packageTable(components: readonly ComponentPackages[]): PackageTable {
  const rows = components.flatMap(({ component, packages }) =>
    packages.map((one): Row => ({ component, one })),
  );
  rows.sort(
    (a, b) =>
      compare(a.one.name, b.one.name) ||
      compare(a.one.version, b.one.version) ||
      compare(a.component, b.component),
  );
  return {
    names: rows.map(({ one }) => visible(one.name)),
    versions: rows.map(({ one }) => visible(one.version)),
    type: column(rows, ({ one }) => one.type),
    component: column(rows, ({ component }) => component),
    license: column(rows, ({ one }) => one.licenses?.join(", ")),
    source: column(rows, ({ one }) => (one.source === one.name ? undefined : one.source)),
    path: column(rows, ({ one }) => one.path),
  };
}

function column(rows: readonly Row[], text: (row: Row) => string | undefined): Column {
  const numbers = new Map<string, number>([["", 0]]);
  const words = [""];
  const of = rows.map((row) => {
    const word = text(row) ?? "";
    const known = numbers.get(word);
    if (known !== undefined) return known;
    numbers.set(word, words.length);
    return words.push(visible(word)) - 1;
  });
  return { words, rows: of };
}

/** By code units: the same on every machine. */
function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
