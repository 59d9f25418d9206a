import { MANIFEST_FILE } from "../../bundle/paths.js";
import { extraFault } from "../../bundle/extras.js";
import type { BundleManifest } from "../../bundle/types.js";
import { parsePlatform } from "../../core/platform.js";
import type { ArchiveFacts } from "../archive.js";
import type { Finding } from "../report.js";
import { MANIFEST } from "./manifest.js";
import { STRUCTURE } from "./structure.js";
import { type RuleIdOf, declareRules } from "../rule.js";

export const EXTRAS = declareRules(
  "manifest",
  {
    error: {
      "extra/missing": "A part of the engine that the bundle carries is not in the archive.",
      "extra/digest": "A part of the engine does not have the sum that bundle.json gives.",
      "extra/content": "A part of the engine is not what the installer makes an engine from.",
      "extra/platform": "A part of the engine is made for another machine.",
      "extra/unknown": "A file in extras/ is not in bundle.json.",
    },
  },
  { using: [MANIFEST, STRUCTURE] },
);

/**
 * The engine that a bundle carries is there, byte for byte what bundle.json says, and made for the
 * bundle's platform. Nothing else lies beside it.
 */
export async function checkExtras(
  archive: ArchiveFacts,
  { extras = [], platform }: BundleManifest,
  signal: AbortSignal,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  const report = (
    rule: RuleIdOf<typeof EXTRAS>,
    subject: string,
    rest: Omit<Finding, "rule" | "severity" | "subject">,
  ): void => {
    findings.push(EXTRAS.finding(rule, { subject, ...rest }));
  };
  for (const { name, path, size, sha256 } of extras) {
    const entry = archive.files.get(path);
    if (entry === undefined) {
      report("extra/missing", path, { message: "This part of the engine is not in the archive." });
      continue;
    }
    if (entry.size !== size) {
      report("bundle/size", path, {
        message: `${MANIFEST_FILE} gives another size, in bytes.`,
        expected: String(size),
        found: String(entry.size),
      });
    }
    const hash = archive.hashes.get(path);
    if (hash !== undefined && "sha256" in hash && hash.sha256 !== sha256) {
      report("extra/digest", path, {
        message: `Its bytes do not have the sum that ${MANIFEST_FILE} gives.`,
        expected: sha256,
        found: hash.sha256,
      });
    }
    if (name === "compose" && !entry.executable) {
      report("layout/mode", path, { message: "Is not executable." });
    }
    const fault = await extraFault(name, archive.stream(entry), {
      platform: parsePlatform(platform),
      signal,
    });
    if (fault !== undefined) {
      const rule = fault.expected === undefined ? "extra/content" : "extra/platform";
      report(rule, path, fault);
    }
  }
  const known = new Set<string>(extras.map(({ path }) => path));
  for (const path of archive.files.keys()) {
    if (!path.startsWith("extras/") || known.has(path)) continue;
    report("extra/unknown", path, { message: `Is not in ${MANIFEST_FILE}.` });
  }
  return findings;
}
