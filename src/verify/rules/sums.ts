import { BLOBS_TABLE, type TarballSums, parseBlobTable } from "../../bundle/blob-table.js";
import { blobDigest } from "../../bundle/image-layout.js";
import { SUMS_FILE } from "../../bundle/paths.js";
import { parseSums } from "../../bundle/sums.js";
import type { BundleManifest } from "../../bundle/types.js";
import { hexOf } from "../../core/digest.js";
import type { ArchiveFacts, TarballFacts } from "../archive.js";
import type { Finding } from "../report.js";
import { declareRules } from "../rule.js";
import { STRUCTURE } from "./structure.js";

export const SUMS = declareRules(
  "sums",
  {
    error: {
      "sums/format":
        "A line of SHA256SUMS or site/blobs.tsv is not one of theirs, or says a thing again.",
      "sums/missing": "SHA256SUMS lists a file, or site/blobs.tsv a blob, that is not there.",
      "sums/mismatch":
        "A file, or what is no blob in an image tarball, does not have the sum that is given for it.",
      "sums/unlisted": "A file is not listed in SHA256SUMS, or a blob not in site/blobs.tsv.",
    },
  },
  { using: [STRUCTURE] },
);

/**
 * SHA256SUMS lists every other file, each with the sum that its bytes have; the image tarballs only in archives
 * of the first version, which have no table of blobs.
 */
export async function checkSums(
  archive: ArchiveFacts,
  manifest: BundleManifest | undefined,
): Promise<Finding[]> {
  const bytes = await archive.read(SUMS_FILE);
  if (bytes === undefined) return [];
  const { sums, problems } = parseSums(bytes.toString("utf8"));
  const findings = problems.map(({ line, message }) =>
    SUMS.finding("sums/format", { subject: SUMS_FILE, message: `Line ${line} ${message}.` }),
  );
  for (const [path, expected] of sums) {
    const hash = archive.hashes.get(path);
    if (hash === undefined || path === SUMS_FILE) {
      const message = "Listed in SHA256SUMS, but not in the archive.";
      findings.push(SUMS.finding("sums/missing", { subject: path, message }));
    } else if ("sha256" in hash && hash.sha256 !== expected) {
      const message = "Its bytes do not have the sum that SHA256SUMS gives.";
      findings.push(
        SUMS.finding("sums/mismatch", { subject: path, message, expected, found: hash.sha256 }),
      );
    }
  }
  const hasTable = isByBlobs(archive, manifest);
  for (const path of archive.files.keys()) {
    if (path === SUMS_FILE || sums.has(path) || (hasTable && archive.images.has(path))) continue;
    const message = "In the archive, but not listed in SHA256SUMS.";
    findings.push(SUMS.finding("sums/unlisted", { subject: path, message }));
  }
  return hasTable ? [...findings, ...(await checkBlobTable(archive))] : findings;
}

/** Where bundle.json cannot be read, the table itself tells. */
function isByBlobs({ files }: ArchiveFacts, manifest: BundleManifest | undefined): boolean {
  return manifest === undefined ? files.has(BLOBS_TABLE) : manifest.bundleVersion === 2;
}

/**
 * The table of blobs, by which the site checks image tarballs, covers each of them: every blob where it lies,
 * under the sum that it is named after, and every other byte by the sum of the structure. That blobs have the
 * bytes of their names is another rule's.
 */
async function checkBlobTable(archive: ArchiveFacts): Promise<Finding[]> {
  const bytes = await archive.read(BLOBS_TABLE);
  if (bytes === undefined) {
    const message = "Every bundle has this file; this one does not, or it cannot be read.";
    return [SUMS.finding("layout/missing", { subject: BLOBS_TABLE, message })];
  }
  const { tarballs, problems } = parseBlobTable(bytes.toString("utf8"));
  const findings = problems.map(({ line, message }) =>
    SUMS.finding("sums/format", { subject: BLOBS_TABLE, message: `Line ${line} ${message}.` }),
  );
  for (const path of tarballs.keys()) {
    if (archive.images.has(path)) continue;
    const message = `Listed in ${BLOBS_TABLE}, but not in the archive.`;
    findings.push(SUMS.finding("sums/missing", { subject: path, message }));
  }
  for (const [path, facts] of archive.images) {
    const rows = tarballs.get(path);
    if (rows !== undefined) {
      findings.push(...checkTarballSums(path, facts, rows));
      continue;
    }
    const message = `In the archive, but not listed in ${BLOBS_TABLE}.`;
    findings.push(SUMS.finding("sums/unlisted", { subject: path, message }));
  }
  return findings;
}

function checkTarballSums(
  tarball: string,
  { blobs, structure }: TarballFacts,
  rows: TarballSums,
): Finding[] {
  const findings: Finding[] = [];
  const listed = new Map(rows.blobs.map((row) => [row.offset, row]));
  for (const { path, dataOffset, size } of blobs) {
    const row = listed.get(dataOffset);
    listed.delete(dataOffset);
    const digest = blobDigest(path);
    const subject = digest ?? path;
    if (row === undefined) {
      const message = `In ${tarball} at byte ${dataOffset}, but not listed in ${BLOBS_TABLE}.`;
      findings.push(SUMS.finding("sums/unlisted", { subject, message }));
    } else if (row.size !== size || digest === undefined || hexOf(digest) !== row.sha256) {
      findings.push(
        SUMS.finding("sums/mismatch", {
          subject,
          message: `In ${tarball}, ${BLOBS_TABLE} gives another size or sum at byte ${dataOffset}.`,
          expected: `${row.size} bytes, ${row.sha256}`,
          found: `${size} bytes, ${digest === undefined ? "no blob" : hexOf(digest)}`,
        }),
      );
    }
  }
  for (const { offset, sha256 } of listed.values()) {
    const message = `Listed in ${BLOBS_TABLE} at byte ${offset} of ${tarball}, where no blob begins.`;
    findings.push(SUMS.finding("sums/missing", { subject: `sha256:${sha256}`, message }));
  }
  const found = "sha256" in structure.hash ? structure.hash.sha256 : undefined;
  if (found === rows.structure.sha256 && structure.size === rows.structure.size) return findings;
  findings.push(
    SUMS.finding("sums/mismatch", {
      subject: tarball,
      message: `Its bytes that are no blob's do not have the sum that ${BLOBS_TABLE} gives.`,
      expected: `${rows.structure.size} bytes, ${rows.structure.sha256}`,
      found: `${structure.size} bytes, ${found ?? "which cannot be read"}`,
    }),
  );
  return findings;
}
