import type { Report } from "./report.js";
import { isMapping } from "./mapping.js";
import { SETTING_NAME, settingSchema, siteSchema } from "./schema.js";
import { checkSchema } from "./schema-problems.js";
import type { Setting, SettingType } from "./types.js";
import type { YamlFile } from "./yaml-file.js";

/** Characters of a secret whose definition does not say. */
const SECRET_LENGTH = 32;

/**
 * Names that a shell, Docker or Compose sets itself: Compose takes the environment before `.env`,
 * so the site's value would be lost to whoever is logged in.
 */
const TAKEN =
  /^(?:USER|USERNAME|LOGNAME|HOME|HOST|HOSTNAME|PATH|PWD|OLDPWD|SHELL|SHLVL|TERM|UID|EUID|GID|LANG|LANGUAGE|LC_.*|TMPDIR|MAIL|EDITOR|DISPLAY|IFS|HTTPS?_PROXY|NO_PROXY|ALL_PROXY|SUDO_.*|SSH_.*|DOCKER_.*|COMPOSE_.*|BUILDX_.*)$/;

/** Reads site.yaml's settings, in its order; those with a problem are reported and left out. */
export function readSettings(file: YamlFile, report: Report): readonly Setting[] {
  checkSchema(file, siteSchema, report);
  const settings = isMapping(file.data) ? file.data["settings"] : undefined;
  if (!isMapping(settings)) return [];
  return Object.entries(settings).flatMap(([name, value]) => {
    const parsed = settingSchema.safeParse(value);
    if (!parsed.success || !SETTING_NAME.test(name)) return [];
    const path = ["settings", name];
    const { type, description, default: preset, length } = parsed.data;
    if (TAKEN.test(name)) {
      report(
        file.at(path, "key"),
        `the name ${name} is taken: the environment of whoever runs Compose goes before the site's value`,
        `Use a name of your own, such as OPENIM_${name}.`,
      );
    }
    if (type === "secret" && preset !== undefined) {
      report(
        file.at([...path, "default"], "key"),
        `the secret ${name} has a default`,
        "Leave it out: a secret is generated on the site.",
      );
    }
    if (type !== "secret" && length !== undefined) {
      report(
        file.at([...path, "length"], "key"),
        `only a secret has a length, and ${name} is a ${type}`,
      );
    }
    const trouble =
      preset === undefined || type === "secret" ? undefined : valueTrouble(type, preset);
    if (trouble !== undefined) {
      report(file.at([...path, "default"]), `the default of ${name} ${trouble}`);
    }
    return [
      {
        name,
        type,
        ...(preset === undefined ? {} : { default: preset }),
        ...(type === "secret" ? { length: length ?? SECRET_LENGTH } : {}),
        description,
        at: file.at(path, "key"),
      },
    ];
  });
}

/** What is wrong with a value of a type, or undefined. */
function valueTrouble(type: Exclude<SettingType, "secret">, value: string): string | undefined {
  // An .env file has one value a line, and Compose interpolates what is in it.
  if (/[\p{Cc}$]/u.test(value))
    return "has a control character or a $, which an .env file cannot hold";
  switch (type) {
    case "integer":
      return /^-?\d{1,15}$/.test(value) ? undefined : "must be a whole number";
    case "boolean":
      return /^(?:true|false)$/.test(value) ? undefined : "must be true or false";
    case "port":
      return /^\d{1,5}$/.test(value) && Number(value) >= 1 && Number(value) <= 65_535
        ? undefined
        : "must be a port from 1 to 65535";
    case "path":
      return /^\/[A-Za-z0-9._/@+-]*$/.test(value) && !value.split("/").includes("..")
        ? undefined
        : "must be an absolute path without .., spaces and colons";
    case "host":
      return /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|[0-9A-Fa-f:.]{2,45})$/.test(value)
        ? undefined
        : "must be an address or a host name";
    case "string":
      return undefined;
  }
}
