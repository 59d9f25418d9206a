import { MANIFEST_FILE, REQUIRED_FILES, bundleRoot } from "../../bundle/paths.js";
import type { BundleManifest } from "../../bundle/types.js";
import type { TarFault } from "../../tar/scan.js";
import type { ArchiveFacts, TarFacts } from "../archive.js";
import type { Finding } from "../report.js";
import { declareRules } from "../rule.js";

export const STRUCTURE = declareRules("structure", {
  error: {
    "tar/format": "The file is no tar archive: empty, gzip-compressed, or something else.",
    "tar/checksum": "A header's checksum does not hold, or there is no header where one must be.",
    "tar/truncated": "A tar ends inside an entry.",
    "tar/end": "A tar has no end blocks.",
    "tar/trailing": "Something follows the end of a tar.",
    "tar/duplicate": "A tar has two entries of one path.",
    "tar/path": "An entry's path leads out, is absolute, or has no name.",
    "tar/type": "An entry is neither a file nor a folder.",
    "tar/header": "A header was not written by openim-bundler: the archive was repacked.",
    "tar/padding": "Bytes are hidden in the padding between entries.",
    "tar/unreadable": "The disk does not give a file's bytes.",
    "layout/root": "The top folder does not have the bundle's name, or something lies beside it.",
    "layout/missing": "A file that every bundle has is not there.",
    "layout/mode": "install.sh is not executable.",
  },
  warning: {
    "layout/order": "bundle.json is not the first file, so that inspecting means reading it all.",
  },
});

/** Both levels of tar are whole, and every byte outside the files is what our writer puts there. */
export function checkTar(tar: TarFacts, subject: string, component?: string): Finding[] {
  const about = component === undefined ? {} : { component };
  const unreadable = [...tar.hashes].flatMap(([path, hash]): Finding[] =>
    "sha256" in hash
      ? []
      : [
          STRUCTURE.finding("tar/unreadable", {
            ...about,
            subject: path,
            message: hash.unreadable,
          }),
        ],
  );
  const faults = gatherRepacked(tar).map(({ kind, message }): Finding =>
    STRUCTURE.finding(`tar/${kind}`, {
      ...about,
      subject,
      message,
    }),
  );
  return [...faults, ...unreadable];
}

/** Another tar program writes every header in its own way: that is one thing to say, not one per entry. */
function gatherRepacked({ faults, entries }: TarFacts): Pick<TarFault, "kind" | "message">[] {
  const foreign = faults.filter(({ kind }) => kind === "header");
  const [first] = foreign;
  if (first === undefined || foreign.length === 1) return faults.map(atByte);
  const path = entries.find(({ headerOffset }) => headerOffset === first.offset)?.path;
  const named = path === undefined ? `at byte ${first.offset}` : JSON.stringify(path);
  const message = `${foreign.length} entries were not written by openim-bundler (first: ${named}): it was repacked.`;
  return faults.flatMap((fault) => {
    if (fault.kind !== "header") return [atByte(fault)];
    return fault === first ? [{ kind: fault.kind, message }] : [];
  });
}

function atByte({ kind, offset, message }: TarFault): Pick<TarFault, "kind" | "message"> {
  return { kind, message: `At byte ${offset}, ${message}.` };
}

/** One top folder with the bundle's name, and in it what every bundle has. */
export function checkFolder(archive: ArchiveFacts, manifest?: BundleManifest): Finding[] {
  const findings: Finding[] = [];
  const { root, entries, files } = archive;
  if (manifest !== undefined) {
    const expected = bundleRoot(manifest.name, manifest.version, manifest.platform);
    if (root !== expected) {
      findings.push(
        STRUCTURE.finding("layout/root", {
          subject: root,
          message: "The top folder does not have the bundle's name.",
          expected,
          found: root,
        }),
      );
    }
  }
  for (const { path } of entries) {
    if (path === root || path.startsWith(`${root}/`)) continue;
    findings.push(
      STRUCTURE.finding("layout/root", {
        subject: path,
        message: `Lies beside the top folder ${root}.`,
      }),
    );
  }
  for (const path of REQUIRED_FILES) {
    if (files.has(path)) continue;
    findings.push(
      STRUCTURE.finding("layout/missing", {
        subject: path,
        message: "Every bundle has this file; this one does not.",
      }),
    );
  }
  const [first] = files.keys();
  if (first !== undefined && first !== MANIFEST_FILE && files.has(MANIFEST_FILE)) {
    findings.push(
      STRUCTURE.finding("layout/order", {
        subject: MANIFEST_FILE,
        message: "Is not the first file, so that reading it means reading through the archive.",
        expected: MANIFEST_FILE,
        found: first,
      }),
    );
  }
  if (files.get("install.sh")?.executable === false) {
    findings.push(
      STRUCTURE.finding("layout/mode", {
        subject: "install.sh",
        message: "Is not executable.",
      }),
    );
  }
  return findings;
}
