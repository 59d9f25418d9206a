import { SUMS_FILE } from "../../bundle/paths.js";
import { parseSums } from "../../bundle/sums.js";
import type { ArchiveFacts } from "../archive.js";
import type { Finding } from "../report.js";
import { declareRules } from "../rule.js";

export const SUMS = declareRules("sums", {
  error: {
    "sums/format": "A line of SHA256SUMS is not a sum and a path, or names a path again.",
    "sums/missing": "SHA256SUMS lists a file that is not there.",
    "sums/mismatch": "A file does not have the sum that SHA256SUMS gives.",
    "sums/unlisted": "A file is not listed in SHA256SUMS.",
  },
});

/** SHA256SUMS lists every other file, each with the sum that its bytes have. */
export async function checkSums(archive: ArchiveFacts): Promise<Finding[]> {
  const bytes = await archive.read(SUMS_FILE);
  if (bytes === undefined) return [];
  const { sums, problems } = parseSums(bytes.toString("utf8"));
  const findings = problems.map(({ line, message }): Finding =>
    SUMS.finding("sums/format", {
      subject: SUMS_FILE,
      message: `Line ${line} ${message}.`,
    }),
  );
  for (const [path, expected] of sums) {
    const hash = archive.hashes.get(path);
    if (hash === undefined || path === SUMS_FILE) {
      findings.push(
        SUMS.finding("sums/missing", {
          subject: path,
          message: "Listed in SHA256SUMS, but not in the archive.",
        }),
      );
    } else if ("sha256" in hash && hash.sha256 !== expected) {
      findings.push(
        SUMS.finding("sums/mismatch", {
          subject: path,
          message: "Its bytes do not have the sum that SHA256SUMS gives.",
          expected,
          found: hash.sha256,
        }),
      );
    }
  }
  for (const path of archive.files.keys()) {
    if (path === SUMS_FILE || sums.has(path)) continue;
    findings.push(
      SUMS.finding("sums/unlisted", {
        subject: path,
        message: "In the archive, but not listed in SHA256SUMS.",
      }),
    );
  }
  return findings;
}
