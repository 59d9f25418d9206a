import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { parseDocument } from "yaml";
import { COMPOSE_FILE, SUMS_FILE } from "../bundle/paths.js";
import { BundlerError, messageOf } from "../core/errors.js";
import type { Mapping } from "../definition/mapping.js";

const SMOKE_TABLE = "site/smoke.tsv";
type Row = readonly string[];

/** The smoke tests of an extracted bundle: component, kind, limit, expected, what is run or asked. */
export async function smokeRows(dir: string): Promise<readonly Row[]> {
  const text = await readFile(path.join(dir, SMOKE_TABLE), "utf8").catch(() => "");
  return text.split("\n").filter(isRow).map(fieldsOf);
}

/**
 * Puts other smoke tests into an extracted bundle whose services have nothing of the host. They publish no
 * port, and what a site has to have is only warned of, as this host is none.
 */
export async function isolateTables(dir: string, smoke: readonly Row[]): Promise<void> {
  await rewrite(
    dir,
    SMOKE_TABLE,
    (text) => headOf(text) + smoke.map((row) => `${row.join("\t")}\n`).join(""),
  );
  await rewrite(dir, "site/ports.tsv", headOf);
  await rewrite(dir, "site/requires.tsv", (text) =>
    changeRows(text, (row) => row.map((field, at) => (at === 3 ? "warn" : field))),
  );
}

/** @param written in the place of a text in it, such as a setting's `${NAME}` for its value. */
export async function replaceCompose(
  dir: string,
  compose: Mapping,
  written: (text: string) => string,
): Promise<void> {
  const restored = (_key: string, value: unknown): unknown =>
    typeof value === "string" ? written(value) : value;
  // JSON is YAML, and leaves no doubt about what a text is.
  await rewrite(dir, COMPOSE_FILE, () => `${JSON.stringify(compose, restored, 2)}\n`);
}

/** Takes services and their smoke tests out of an extracted bundle. Their images stay. */
export async function trimCopy(dir: string, services: Iterable<string>): Promise<void> {
  const gone = new Set(services);
  if (gone.size === 0) return;
  await rewrite(dir, COMPOSE_FILE, (text) => withoutServices(text, gone));
  await rewrite(dir, SMOKE_TABLE, (text) =>
    changeRows(text, (row) => (gone.has(row[0] ?? "") ? undefined : row)),
  );
}

/**
 * Everything else stays as it is written.
 * @throws BundlerError REHEARSAL when the compose file cannot do without them.
 */
export function withoutServices(text: string, gone: ReadonlySet<string>): string {
  try {
    const document = parseDocument(text);
    const services: unknown = document.toJS();
    for (const name of gone) document.deleteIn(["services", name]);
    for (const [service, others] of optionalWaits(services)) {
      if (gone.has(service)) continue;
      for (const other of others) {
        if (gone.has(other)) document.deleteIn(["services", service, "depends_on", other]);
      }
    }
    return document.toString();
  } catch (cause) {
    throw new BundlerError(
      "REHEARSAL",
      `${COMPOSE_FILE} cannot do without ${[...gone].join(", ")}: ${messageOf(cause)}`,
      { cause, hint: "Rehearse it without --throw-away." },
    );
  }
}

function optionalWaits(value: unknown): readonly (readonly [string, readonly string[]])[] {
  const entries = (one: unknown): [string, unknown][] =>
    typeof one === "object" && one !== null && !Array.isArray(one) ? Object.entries(one) : [];
  const services = entries(value).find(([key]) => key === "services")?.[1];
  return entries(services).map(([name, service]) => {
    const waits = entries(service).find(([key]) => key === "depends_on")?.[1];
    return [name, entries(waits).map(([other]) => other)] as const;
  });
}

function isRow(line: string): boolean {
  return line !== "" && !line.startsWith("#");
}

function fieldsOf(line: string): Row {
  return line.split("\t");
}

/** The first line of a table, which names its fields. */
function headOf(text: string): string {
  return text.slice(0, text.indexOf("\n") + 1);
}

/** A row that becomes undefined goes. */
function changeRows(text: string, change: (row: Row) => Row | undefined): string {
  return text
    .split("\n")
    .flatMap((line) => {
      const row = isRow(line) ? change(fieldsOf(line)) : [line];
      return row === undefined ? [] : [row.join("\t")];
    })
    .join("\n");
}

/** Changes a file of an extracted bundle, which older ones may lack, and its sum with it. */
async function rewrite(dir: string, file: string, change: (text: string) => string): Promise<void> {
  const target = path.join(dir, file);
  const before = await readFile(target, "utf8").catch(() => undefined);
  if (before === undefined) return;
  const after = change(before);
  await writeFile(target, after);
  const sums = path.join(dir, SUMS_FILE);
  const lines = (await readFile(sums, "utf8")).split("\n");
  const sum = createHash("sha256").update(after).digest("hex");
  const changed = lines.map((line) => (line.slice(66) === file ? `${sum}  ${file}` : line));
  await writeFile(sums, changed.join("\n"));
}
