import { z } from "zod";
import { isMapping } from "./mapping.js";
import { nearest } from "../core/nearest.js";
import type { Report } from "./report.js";
import { isOneLine } from "./schema-parts.js";
import { type Promises, promisesIn } from "./promises.js";
import type { Setting, SmokeTest } from "./types.js";
import type { YamlFile } from "./yaml-file.js";

/** Seconds that a smoke test may take where the definition does not say. */
const LIMIT = 20;

const printable = z
  .string()
  .max(4096, { error: "must be at most 4096 characters" })
  .refine(isOneLine, { error: "must not have a line break or another control character" });

const smokeTest = z
  .strictObject({
    run: z
      .array(printable)
      .min(1, { error: "must name a program" })
      .refine(([program]) => program !== "", { error: "must begin with a program" })
      .optional()
      .meta({
        description:
          "A program and its arguments, inside the service's container, without a shell.",
        examples: [["redis-cli", "ping"]],
      }),
    http: printable
      .refine((text) => isWebAddress(text), {
        error: "must be an http:// or https:// address without user, password, spaces and quotes",
      })
      .optional()
      .meta({
        description: "An address that the host asks and that answers well; ${NAME} is a setting.",
        examples: ["http://127.0.0.1:${API_PORT}/healthz"],
      }),
    expect: printable
      .refine((text) => text.trim() !== "" && text !== "-", { error: "must be text to look for" })
      .optional()
      .meta({ description: "Text that is somewhere in what it prints or answers." }),
    limit: z
      .int({ error: "must be a whole number of seconds" })
      .min(1, { error: "must be at least 1 second" })
      .max(600, { error: "must be at most 600 seconds" })
      .optional()
      .meta({ description: "Seconds that it may take.", default: LIMIT }),
  })
  .refine(({ run, http }) => (run === undefined) !== (http === undefined), {
    error: "must have either run or http",
  });

/** The schema of a list of smoke tests in components.yaml. */
export const smokeTests = z
  .array(smokeTest)
  .min(1, { error: "must have at least one entry; leave it out otherwise" });

/** Smoke tests as they stand in the table, typed. */
export function toSmokeTests(entries: z.infer<typeof smokeTests>): readonly SmokeTest[] {
  return entries.flatMap(({ run, http, expect, limit = LIMIT }): readonly SmokeTest[] => {
    const terms = { limit, ...(expect === undefined ? {} : { expect }) };
    if (run !== undefined) return [{ run, ...terms }];
    return http === undefined ? [] : [{ http, ...terms }];
  });
}

/** Every `${NAME}` of an address is a setting that may be shown, and nothing else in it is a variable. */
export function checkSmokeAddresses(
  file: YamlFile,
  settings: { readonly declared: readonly string[]; readonly known: readonly Setting[] },
  report: Report,
): void {
  const secrets = settings.known.filter(({ type }) => type === "secret").map(({ name }) => name);
  for (const { path, text } of addressesIn(promisesIn(file))) {
    for (const [written, name] of text.matchAll(VARIABLE)) {
      if (name === undefined) continue;
      const at = file.atText(path, written);
      if (secrets.includes(name)) report(at, `the secret \${${name}} would stand in an address`);
      if (settings.declared.includes(name)) continue;
      const near = nearest(name, settings.declared);
      report(
        at,
        `there is no setting ${name} in site.yaml`,
        near === undefined ? undefined : `Did you mean "${near}"?`,
      );
    }
    const [stray] = /\$(?!\{[A-Z][A-Z0-9_]*\})[^$]*/.exec(text) ?? [];
    if (stray !== undefined) {
      report(
        file.atText(path, stray),
        "an address of a smoke test can have ${NAME} of a setting, and no other $",
      );
    }
  }
}

const VARIABLE = /\$\{([A-Z][A-Z0-9_]*)\}/g;

function* addressesIn(
  promises: Iterable<Promises>,
): Generator<{ readonly path: (string | number)[]; readonly text: string }> {
  for (const { path, value } of promises) {
    const list: readonly unknown[] = Array.isArray(value["smoke"]) ? value["smoke"] : [];
    for (const [position, entry] of list.entries()) {
      const text = isMapping(entry) ? entry["http"] : undefined;
      if (typeof text === "string") yield { path: [...path, "smoke", position, "http"], text };
    }
  }
}

/** Whether it is an address once its settings have values; `1` is a host, a port and a path alike. */
function isWebAddress(text: string): boolean {
  const filled = text.replaceAll(VARIABLE, "1");
  if (!/^https?:\/\/[^\s"'`\\<>]+$/.test(text) || !URL.canParse(filled)) return false;
  const { username, password } = new URL(filled);
  return username === "" && password === "";
}
