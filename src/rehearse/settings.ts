import { randomInt } from "node:crypto";
import type { BundleManifest } from "../bundle/types.js";
import { BundlerError } from "../core/errors.js";

type SettingFacts = BundleManifest["settings"][number];

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const SECRET_LENGTH = 32;
/** Where nobody says otherwise; nothing outside of the rehearsal ever uses it. */
const FILLERS = {
  string: "rehearsal",
  integer: "1",
  boolean: "false",
  port: "10000",
  host: "127.0.0.1",
} as const;

/**
 * The values that a rehearsal gives the bundle's settings: those asked for, new secrets, defaults, and
 * made-up ones for what only a customer knows. `DATA_DIR` is the rehearsal's own folder.
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

function valueOf({ name, type, default: usual, length }: SettingFacts, dataDir: string): string {
  if (type === "secret") return newSecret(length ?? SECRET_LENGTH);
  if (name === "DATA_DIR") return dataDir;
  if (usual !== undefined) return usual;
  return type === "path" ? `${dataDir}/${name.toLowerCase()}` : FILLERS[type];
}

/** Letters and digits only, as on a site. */
function newSecret(length: number): string {
  return Array.from({ length: Math.min(Math.max(length, 1), 1024) }, () =>
    LETTERS.charAt(randomInt(LETTERS.length)),
  ).join("");
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
