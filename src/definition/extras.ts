import { z } from "zod";
import { formatPlatform } from "../core/platform.js";
import { isMapping } from "./mapping.js";
import type { Report } from "./report.js";
import { readPlatform } from "./schema-parts.js";
import type { Extra, ExtraName } from "./types.js";
import { checksumOf, checksums, webAddresses } from "./web-file.js";
import type { YamlFile } from "./yaml-file.js";

const EXTRA_NAMES = ["docker", "compose"] as const satisfies readonly ExtraName[];

const extraFile = z
  .strictObject({
    url: webAddresses.meta({ description: "Where it is downloaded, and its mirrors in order." }),
    ...checksums,
  })
  .refine(
    ({ sha256, sha512, checksumUrl }) =>
      [sha256, sha512, checksumUrl].filter((one) => one !== undefined).length === 1,
    { error: "must have one of sha256, sha512 and checksumUrl" },
  );

const extraSchema = z
  .object({
    version: z
      .string()
      .max(64, { error: "must be at most 64 characters" })
      .regex(/^[0-9A-Za-z]+(?:[._+~-][0-9A-Za-z]+)*$/, {
        error: "must be letters and digits, with . _ - + ~ between them",
      })
      .meta({ description: "As people know it." }),
  })
  .catchall(extraFile);

/** The engine that a bundle can carry for a site that has none. */
export const extrasSchema = z.strictObject({
  docker: extraSchema.optional().meta({
    description: "Docker's static programs: a .tgz with a folder docker/, for each platform.",
  }),
  compose: extraSchema.optional().meta({
    description: "The plugin of Docker Compose: one program, for each platform.",
  }),
});

/** Reads `extras` of components.yaml; the table's schema reports what has not the right form. */
export function readExtras(file: YamlFile, report: Report): readonly Extra[] {
  const data = isMapping(file.data) ? file.data : {};
  const entries = isMapping(data["extras"]) ? data["extras"] : {};
  const sources = isMapping(data["sources"]) ? data["sources"] : {};
  return EXTRA_NAMES.flatMap((name) => {
    const entry = entries[name];
    if (!isMapping(entry)) return [];
    const at = file.at(["extras", name], "key");
    if (name in sources) {
      report(at, `extras.${name} has the name of a source, and --source could mean either`);
    }
    checkPlatforms(name, Object.keys(entry), file, report);
    const parsed = extraSchema.safeParse(entry);
    if (!parsed.success) return [];
    const { version, ...files } = parsed.data;
    return [
      {
        name,
        version,
        files: Object.entries(files).flatMap(([text, { url, sha256, sha512, checksumUrl }]) => {
          const platform = readPlatform(text);
          const checksum = checksumOf(sha256, sha512);
          if (platform === undefined) return [];
          return [
            {
              platform,
              urls: [url].flat(),
              ...(checksum === undefined ? {} : { checksum }),
              ...(checksumUrl === undefined ? {} : { checksumUrl }),
            },
          ];
        }),
        at,
      },
    ];
  });
}

function checkPlatforms(
  name: string,
  keys: readonly string[],
  file: YamlFile,
  report: Report,
): void {
  const seen = new Set<string>();
  for (const key of keys) {
    if (key === "version") continue;
    const platform = readPlatform(key);
    const at = file.at(["extras", name, key], "key");
    if (platform === undefined) {
      report(at, `${JSON.stringify(key)} in extras.${name} is not a platform like linux/arm64`);
      continue;
    }
    const known = formatPlatform(platform);
    if (seen.has(known)) report(at, `extras.${name} names the platform ${known} twice`);
    seen.add(known);
  }
}
