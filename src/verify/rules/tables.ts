import { MANIFEST_FILE } from "../../bundle/paths.js";
import { IMAGES_TABLE, type SiteIndexFile, siteIndexFiles } from "../../bundle/site-index.js";
import type { BundleManifest } from "../../bundle/types.js";
import { BundlerError } from "../../core/errors.js";
import { LIMITS } from "../../core/limits.js";
import type { ArchiveFacts } from "../archive.js";
import type { Finding } from "../report.js";
import { declareRules } from "../rule.js";

export const TABLES = declareRules("manifest", {
  error: {
    "bundle/tables":
      "A table under site/, which install.sh reads, does not say what bundle.json says (of an archive made by this version).",
  },
});

/** The table that every bundle with tables has. */
const FIRST = "site/bundle.tsv";
const LONGEST = 200;

/**
 * What install.sh reads on the site is what bundle.json says: the tables under site/ are made from it
 * once more, and compared line by line. Only for archives of this program's version: another one may
 * have made other tables of the same.
 */
export async function checkTables(
  archive: ArchiveFacts,
  manifest: BundleManifest,
): Promise<Finding[]> {
  if (!archive.files.has(FIRST)) return [];
  const findings: Finding[] = [];
  for (const table of tablesOf(manifest, findings)) {
    const one = await checkTable(archive, table);
    if (one !== undefined) findings.push(one);
  }
  return findings;
}

function tablesOf(manifest: BundleManifest, findings: Finding[]): readonly SiteIndexFile[] {
  try {
    return siteIndexFiles(manifest);
  } catch (error) {
    if (!(error instanceof BundlerError)) throw error;
    const message = `No table can be made from it: ${error.message}`;
    findings.push(TABLES.finding("bundle/tables", { subject: MANIFEST_FILE, message }));
    return [];
  }
}

async function checkTable(
  archive: ArchiveFacts,
  { path, text }: SiteIndexFile,
): Promise<Finding | undefined> {
  const expected = linesOf(path, text);
  const bytes = await archive.read(path, LIMITS.text);
  if (bytes === undefined) {
    return TABLES.finding("bundle/tables", {
      subject: path,
      message: "Is not there, or cannot be read.",
    });
  }
  const found = linesOf(path, bytes.toString("utf8"));
  const at = expected.findIndex((line, index) => line !== found[index]);
  const differs = at >= 0 ? at : found.length > expected.length ? expected.length : undefined;
  if (differs === undefined) return undefined;
  return TABLES.finding("bundle/tables", {
    subject: path,
    message: `Line ${differs + 1} is not what ${MANIFEST_FILE} says, and install.sh goes by it.`,
    expected: shown(expected[differs]),
    found: shown(found[differs]),
  });
}

/** How much each image adds on the engine's disk is measured while it is packed: that column may say anything. */
function linesOf(path: string, text: string): readonly string[] {
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  return path === IMAGES_TABLE ? lines.map((line) => line.replace(/\t *\d+$/, "")) : lines;
}

function shown(line: string | undefined): string {
  if (line === undefined) return "nothing more";
  return line.length > LONGEST ? `${line.slice(0, LONGEST)}…` : line;
}
