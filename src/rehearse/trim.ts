import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { parseDocument } from "yaml";
import { COMPOSE_FILE, SUMS_FILE } from "../bundle/paths.js";
import { BundlerError, messageOf } from "../core/errors.js";

const SMOKE_TABLE = "site/smoke.tsv";

/**
 * Takes services out of an extracted bundle, so that its installer can be rehearsed without them: out of
 * the compose file and the table of smoke tests, with sums that fit again. Their images stay.
 * @throws BundlerError REHEARSAL when the compose file cannot do without them.
 */
export async function trimBundle(dir: string, services: Iterable<string>): Promise<void> {
  const gone = new Set(services);
  if (gone.size === 0) return;
  await rewrite(dir, COMPOSE_FILE, (text) => withoutServices(text, gone));
  await rewrite(dir, SMOKE_TABLE, (text) =>
    text
      .split("\n")
      .filter((line) => !gone.has(line.split("\t")[0] ?? ""))
      .join("\n"),
  );
}

/** Everything else stays as it is written. */
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
