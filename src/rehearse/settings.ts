import { randomBytes } from "node:crypto";
import type { BundleManifest } from "../bundle/types.js";
import { BundlerError } from "../core/errors.js";

type SettingFacts = BundleManifest["settings"][number];

/** Where nobody says otherwise; nothing outside of the rehearsal ever uses it. */
const FILLERS = {
  string: "rehearsal",
  integer: "1",
  boolean: "false",
  port: "10000",
  host: "127.0.0.1",
} as const;

/**
 * The values that a rehearsal gives the bundle's settings: those asked for, defaults, and made-up ones for
 * what only a customer knows. `DATA_DIR` is the rehearsal's own folder. Secrets are the installer's to make:
 * each has a mark in its place, which is found again wherever compose puts it.
 * @throws BundlerError USAGE for a setting that the bundle does not have, or a value that no .env file
 *   can hold.
 */
export function rehearsalSettings(
  settings: readonly SettingFacts[],
  { dataDir, given }: { readonly dataDir: string; readonly given: ReadonlyMap<string, string> },
): ReadonlyMap<string, string> {
  for (const [name, value] of given) {
    if (!settings.some((setting) => setting.name === name)) {
      throw new BundlerError("USAGE", `The bundle has no setting ${JSON.stringify(name)}.`, {
        hint: `It has ${settings.map((setting) => setting.name).join(", ")}.`,
      });
    }
    if (/["'`\\$#\p{Cc}]|^\s|\s$/u.test(value)) {
      throw new BundlerError("USAGE", `The value of ${name} cannot stand in an .env file.`, {
        hint: "Leave out quotes, backslashes, `, $, #, control characters and white space at either end.",
      });
    }
  }
  return new Map(
    settings.map((setting) => [setting.name, given.get(setting.name) ?? valueOf(setting, dataDir)]),
  );
}

function valueOf({ name, type, default: usual }: SettingFacts, dataDir: string): string {
  if (type === "secret") return `secret${randomBytes(16).toString("hex")}`;
  if (name === "DATA_DIR") return dataDir;
  if (usual !== undefined) return usual;
  return type === "path" ? `${dataDir}/${name.toLowerCase()}` : FILLERS[type];
}

/** The lines of an .env file. */
export function envLines(values: ReadonlyMap<string, string>): string {
  return [...values].map(([name, value]) => `${name}=${value}\n`).join("");
}

/**
 * The caller's environment without what would go before the .env file or lead compose to other files,
 * as the site's installer has it.
 */
export function environmentFor(
  env: NodeJS.ProcessEnv,
  settings: Iterable<string>,
): NodeJS.ProcessEnv {
  const hidden = new Set([...settings, "DOCKER_DEFAULT_PLATFORM"]);
  return Object.fromEntries(
    Object.entries(env).filter(([name]) => !hidden.has(name) && !name.startsWith("COMPOSE_")),
  );
}
