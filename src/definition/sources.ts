import { isMapping } from "./mapping.js";
import { sourceFormat, sourceSchema } from "./schema.js";
import type { Source } from "./types.js";
import { checksumOf } from "./web-file.js";
import type { YamlFile } from "./yaml-file.js";

/** The sources of components.yaml that have no problem of their own; the table's schema reports the others. */
export function readSources(file: YamlFile): readonly Source[] {
  const { data } = file;
  const entries = isMapping(data) && isMapping(data["sources"]) ? data["sources"] : {};
  return Object.entries(entries).flatMap(([name, value]) => {
    const parsed = sourceSchema.safeParse(value);
    if (!parsed.success) return [];
    const { url = [], sha256, sha512, checksumUrl, commit, strip = 1, optional } = parsed.data;
    const checksum = checksumOf(sha256, sha512);
    return [
      {
        name,
        urls: [url].flat(),
        // A source that is given by hand alone tells its format by its first bytes.
        format: sourceFormat(url, parsed.data.format) ?? "tar.gz",
        ...(checksum === undefined ? {} : { checksum }),
        ...(checksumUrl === undefined ? {} : { checksumUrl }),
        ...(commit === undefined ? {} : { commit }),
        strip,
        optional: optional ?? false,
        at: file.at(["sources", name], "key"),
      },
    ];
  });
}
