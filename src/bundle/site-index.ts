import { BundlerError } from "../core/errors.js";
import { formatPlatform, parsePlatform } from "../core/platform.js";
import { tagVersion } from "../core/tag-version.js";
import type { Localized, SmokeTest } from "../definition/types.js";
import { layerCompression } from "../image/media-types.js";
import type { BundleComponent, BundleManifest } from "./types.js";
import { type UnpackedOf, addedBytes, padded } from "./unpacked.js";

/** A small text file for the site, made from the manifest. */
export interface SiteIndexFile {
  readonly path: string;
  readonly text: string;
}

/** What the archive's own size depends on may not say that size, so the index leaves it out. */
export type SiteManifest = Omit<BundleManifest, "sizes">;

export const IMAGES_TABLE = "site/images.tsv";

/**
 * bundle.json once more, in flat files that a shell reads: one record a line, fields separated by
 * one tab, never empty (`-` stands for nothing), after a first line `#` with the fields' names.
 *
 * @param unpackedOf as for {@link imagesTable}; without it the layers count as nothing.
 * @throws BundlerError DEFINITION for a value that would break a line, or a setting's default that
 *   an `.env` file cannot hold.
 */
export function siteIndexFiles(
  manifest: SiteManifest,
  unpackedOf: UnpackedOf = () => 0,
): readonly SiteIndexFile[] {
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
    imagesTable(manifest, unpackedOf),
    requiresTable(manifest),
    smokeTable(manifest),
    upgradeTable(manifest),
    table(
      "site/extras.tsv",
      ["name", "file", "sha256", "bytes", "version"],
      (manifest.extras ?? []).map((extra) => [
        extra.name,
        extra.path,
        extra.sha256,
        String(extra.size),
        extra.version,
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

/**
 * The images in the order in which they are loaded. `adds` is what each takes on the engine's disk
 * once those before it are there, in a column as wide for every number: it is filled in late.
 */
export function imagesTable(
  { components }: Pick<SiteManifest, "components">,
  unpackedOf: UnpackedOf,
): SiteIndexFile {
  const added = addedBytes(components, unpackedOf);
  return table(
    IMAGES_TABLE,
    ["component", "tarball", "reference", "manifest", "config", "platform", "bytes", "adds"],
    components.map(({ name: component, tarball, image }, position) => [
      component,
      tarball.path,
      image.reference,
      image.manifest.digest,
      image.config.digest,
      image.platform,
      String(tarball.size),
      padded(added[position] ?? 0),
    ]),
  );
}

/** What Docker before 23 says of such a layer tells nobody what is wrong. */
const ZSTD: Localized = {
  en: "a layer of its image is compressed with zstd, which Docker reads since version 23",
  zh: "其镜像中有使用 zstd 压缩的层，Docker 23 及以上版本才能读取",
};

function requiresTable({ requires = [], components }: SiteManifest): SiteIndexFile {
  const rows = ({ requires: own = [] }: Pick<BundleComponent, "requires">, component: string) =>
    own.map(({ kind, value, level, reason: { en, zh } }) => [
      component,
      kind,
      value,
      level,
      prose(en),
      prose(zh),
    ]);
  return table(
    "site/requires.tsv",
    ["component", "kind", "value", "level", "en", "zh"],
    [
      ...rows({ requires }, ""),
      ...components.flatMap((component) => [
        ...rows(component, component.name),
        ...(component.image.layers.some(({ mediaType }) => layerCompression(mediaType) === "zstd")
          ? [[component.name, "engine", "23.0.0", "fail", ZSTD.en, ZSTD.zh]]
          : []),
      ]),
    ],
  );
}

function smokeTable({ components }: SiteManifest): SiteIndexFile {
  return table(
    "site/smoke.tsv",
    ["component", "kind", "limit", "expect", "command"],
    components.flatMap(({ name: component, smoke = [] }) =>
      smoke.map((test) => [
        component,
        "run" in test ? "run" : "http",
        String(test.limit),
        test.expect ?? "",
        smokeCommand(test),
      ]),
    ),
  );
}

function smokeCommand(test: SmokeTest): string {
  return "run" in test ? test.run.map(shellWord).join(" ") : test.http;
}

/** A text as one word of a POSIX shell (2.2.2, "Single-Quotes"): nothing inside means anything to it. */
export function shellWord(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function upgradeTable({ components }: SiteManifest): SiteIndexFile {
  return table(
    "site/upgrade.tsv",
    ["component", "repository", "version", "within", "en", "zh"],
    components.map(({ name: component, image: { reference }, upgrade }) => {
      const colon = reference.lastIndexOf(":");
      return [
        component,
        reference.slice(0, colon),
        tagVersion(reference.slice(colon + 1)) ?? "",
        upgrade?.within ?? "any",
        prose(upgrade?.reason?.en ?? ""),
        prose(upgrade?.reason?.zh ?? ""),
      ];
    }),
  );
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
