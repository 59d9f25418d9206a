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
      "A table under site/, which install.sh reads, does not say what bundle.json says.",
  },
  note: {
    "bundle/other-version":
      "Another version of the program made the archive: its scripts, and tables of another form, are not compared.",
  },
});

/** The table that every bundle with tables has. */
const FIRST = "site/bundle.tsv";
const LONGEST = 200;

/**
 * What install.sh reads on the site is what bundle.json says: the tables under site/ are made from it
 * once more, and compared line by line. Another version may have tables of another form, with other
 * columns or not at all; that the archive claims one is told.
 * @param version of this program; undefined where every archive is to be taken for its own.
 */
export async function checkTables(
  archive: ArchiveFacts,
  manifest: BundleManifest,
  version: string | undefined,
): Promise<Finding[]> {
  if (!archive.files.has(FIRST)) return [];
  const findings: Finding[] = [];
  const { tool } = manifest;
  const foreign = version !== undefined && version !== tool.version;
  if (foreign) {
    const message = `Says that ${tool.name} ${tool.version} made it; this is ${version}, and cannot tell whether its scripts are that version's own.`;
    findings.push(TABLES.finding("bundle/other-version", { subject: MANIFEST_FILE, message }));
  }
  for (const table of tablesOf(manifest, findings)) {
    if (foreign && !(await hasForm(archive, table))) continue;
    const one = await checkTable(archive, table);
    if (one !== undefined) findings.push(one);
  }
  return findings;
}

/** Whether a table of the archive has the columns that this version gives it. */
async function hasForm(archive: ArchiveFacts, { path, text }: SiteIndexFile): Promise<boolean> {
  const [expected] = text.split("\n", 1);
  const found = (await archive.read(path, LIMITS.text))?.toString("utf8").split("\n", 1)[0];
  return expected === found;
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
