import { MANIFEST_FILE, REQUIRED_FILES, bundleRoot } from "../../bundle/paths.js";
import type { BundleManifest } from "../../bundle/types.js";
import type { ArchiveFacts, TarFacts } from "../archive.js";
import type { Finding } from "../report.js";

/** Both levels of tar are whole, and every byte outside the files is what our writer puts there. */
export function checkTar(tar: TarFacts, subject: string, component?: string): Finding[] {
  const about = component === undefined ? {} : { component };
  const unreadable = [...tar.hashes].flatMap(([path, hash]): Finding[] =>
    "sha256" in hash
      ? []
      : [
          {
            rule: "tar/unreadable",
            severity: "error",
            ...about,
            subject: path,
            message: hash.unreadable,
          },
        ],
  );
  const faults = tar.faults.map(({ kind, offset, message }): Finding => ({
    rule: `tar/${kind}`,
    severity: "error",
    ...about,
    subject,
    message: `At byte ${offset}, ${message}.`,
  }));
  return [...faults, ...unreadable];
}

/** One top folder with the bundle's name, and in it what every bundle has. */
export function checkFolder(archive: ArchiveFacts, manifest?: BundleManifest): Finding[] {
  const findings: Finding[] = [];
  const { root, entries, files } = archive;
  if (manifest !== undefined) {
    const expected = bundleRoot(manifest.name, manifest.version, manifest.platform);
    if (root !== expected) {
      findings.push({
        rule: "layout/root",
        severity: "error",
        subject: root,
        message: "The top folder does not have the bundle's name.",
        expected,
        found: root,
      });
    }
  }
  for (const { path } of entries) {
    if (path === root || path.startsWith(`${root}/`)) continue;
    findings.push({
      rule: "layout/root",
      severity: "error",
      subject: path,
      message: `Lies beside the top folder ${root}.`,
    });
  }
  for (const path of REQUIRED_FILES) {
    if (files.has(path)) continue;
    findings.push({
      rule: "layout/missing",
      severity: "error",
      subject: path,
      message: "Every bundle has this file; this one does not.",
    });
  }
  const [first] = files.keys();
  if (first !== undefined && first !== MANIFEST_FILE && files.has(MANIFEST_FILE)) {
    findings.push({
      rule: "layout/order",
      severity: "warning",
      subject: MANIFEST_FILE,
      message: "Is not the first file, so that reading it means reading through the archive.",
      expected: MANIFEST_FILE,
      found: first,
    });
  }
  if (files.get("install.sh")?.executable === false) {
    findings.push({
      rule: "layout/mode",
      severity: "error",
      subject: "install.sh",
      message: "Is not executable.",
    });
  }
  return findings;
}
