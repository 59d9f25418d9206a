import { BundlerError } from "../core/errors.js";
import { formatPlatform, parsePlatform } from "../core/platform.js";
import type { BundleManifest } from "./types.js";

/** A small text file for the site, made from the manifest. */
export interface SiteIndexFile {
  readonly path: string;
  readonly text: string;
}

/** What the archive's own size depends on may not say that size, so the index leaves it out. */
export type SiteManifest = Omit<BundleManifest, "sizes">;

/**
 * bundle.json once more, in flat files that a shell reads: one record a line, fields separated by
 * one tab, never empty (`-` stands for nothing), after a first line `#` with the fields' names.
 *
 * @throws BundlerError DEFINITION for a value that would break a line, or a setting's default that
 *   an `.env` file cannot hold.
 */
export function siteIndexFiles(manifest: SiteManifest): readonly SiteIndexFile[] {
  const { name, version, title, date } = manifest;
  const platform = formatPlatform(parsePlatform(manifest.platform));
  return [
    table(
      "site/bundle.tsv",
      ["key", "value"],
      [
        ["name", name],
        ["version", version],
        ["project", projectName(name)],
        ["platform", platform],
        ["date", date],
        ["title.en", prose(title.en)],
        ["title.zh", prose(title.zh)],
        ["definition", manifest.definition],
      ],
    ),
    table(
      "site/images.tsv",
      ["component", "tarball", "reference", "manifest", "config", "platform", "bytes"],
      manifest.components.map(({ name: component, tarball, image }) => [
        component,
        tarball.path,
        image.reference,
        image.manifest.digest,
        image.config.digest,
        image.platform,
        String(tarball.size),
      ]),
    ),
    table(
      "site/ports.tsv",
      ["component", "port", "protocol", "en", "zh"],
      manifest.components.flatMap(({ name: component, title: { en, zh }, ports }) =>
        ports.map(({ host, protocol }) => [
          component,
          String(host),
          protocol,
          prose(en),
          prose(zh),
        ]),
      ),
    ),
    table(
      "site/settings.tsv",
      ["name", "type", "default", "length", "en", "zh"],
      manifest.settings.map((setting) => [
        setting.name,
        setting.type,
        // A default may be empty: the sign before it tells that from none.
        setting.default === undefined ? "-" : `=${envValue(setting.name, setting.default)}`,
        String(setting.length ?? "-"),
        prose(setting.description.en),
        prose(setting.description.zh),
      ]),
    ),
    table(
      "site/leftout.tsv",
      ["component", "required", "reason"],
      manifest.leftOut.map(({ name: component, required, reason }) => [
        component,
        required ? "yes" : "no",
        prose(reason),
      ]),
    ),
  ];
}

/** The compose project of a bundle (compose-spec, "name": lower-case letters, digits, `-`, `_`). */
export function projectName(name: string): string {
  return (
    name
      .toLowerCase()
      .replace(/[^a-z0-9_-]+/g, "-")
      .replace(/^[-_]+|[-_]+$/g, "") || "bundle"
  );
}

function table(
  path: string,
  fields: readonly string[],
  records: readonly (readonly string[])[],
): SiteIndexFile {
  const lines = records.map((record) => {
    for (const [index, value] of record.entries()) {
      if (!/[\p{Cc}\u2028\u2029]/u.test(value)) continue;
      throw new BundlerError(
        "DEFINITION",
        `The ${fields[index] ?? "value"} of ${record[0] ?? "a record"} in ${path} has a tab, a line break or another control character: ${JSON.stringify(value)}.`,
        { hint: "Write it in one line of printable characters." },
      );
    }
    return record.map((value) => (value === "" ? "-" : value)).join("\t");
  });
  return { path, text: [`#${fields.join("\t")}`, ...lines].map((line) => `${line}\n`).join("") };
}

/** Text for people, which a definition may break over lines. */
function prose(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}

/**
 * The engines' tools read `.env` in their own ways: quotes, backslashes, `#` and `$` mean something
 * to one and nothing to another, so a value has none of them.
 */
function envValue(name: string, value: string): string {
  if (!/["'`\\$#]|^\s|\s$/.test(value)) return value;
  throw new BundlerError(
    "DEFINITION",
    `The default of ${name} cannot stand in an .env file: ${JSON.stringify(value)}.`,
    { hint: "Leave out quotes, backslashes, `, $, # and white space at either end." },
  );
}
