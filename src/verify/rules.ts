import type { Finding, Severity } from "./report.js";

/** What a rule looks at; the order is that of the documentation. */
export const RULE_GROUPS = [
  "structure",
  "sums",
  "manifest",
  "image",
  "programs",
  "sbom",
  "compose",
  "scripts",
  "table",
  "host",
  "config",
] as const;

type RuleGroup = (typeof RULE_GROUPS)[number];

/** One thing that `verify` looks for. */
export interface Rule {
  /** Stable: `sums/mismatch`. */
  readonly id: string;
  readonly group: RuleGroup;
  /** Of its findings, unless a configuration says otherwise. */
  readonly severity: Severity;
  /** What it finds, in a sentence. */
  readonly says: string;
  /** Asked with `--deep` alone, which looks inside the layers. */
  readonly deep: boolean;
}

type Sentences = Readonly<Record<string, string>>;

function rules(
  group: RuleGroup,
  sentences: Readonly<Partial<Record<Severity, Sentences>>>,
  deep = false,
): readonly Rule[] {
  return Object.entries(sentences).flatMap(([severity, ofSeverity]) =>
    Object.entries(ofSeverity).map(([id, says]) => ({
      id,
      group,
      severity: severity as Severity,
      says,
      deep,
    })),
  );
}

/** Every rule there is. README.md has the same table, and a test compares the two. */
export const RULES: readonly Rule[] = [
  ...rules("structure", {
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
  }),
  ...rules("sums", {
    error: {
      "sums/format": "A line of SHA256SUMS is not a sum and a path, or names a path again.",
      "sums/missing": "SHA256SUMS lists a file that is not there.",
      "sums/mismatch": "A file does not have the sum that SHA256SUMS gives.",
      "sums/unlisted": "A file is not listed in SHA256SUMS.",
    },
  }),
  ...rules("manifest", {
    error: {
      "bundle/manifest": "bundle.json cannot be read, or is of another version.",
      "bundle/size": "bundle.json gives another size than the archive, an image or the blobs have.",
      "bundle/tarball-missing": "A component's image tarball is not in the archive.",
      "bundle/tarball-unknown": "An image tarball belongs to no component.",
      "bundle/tables":
        "A table under site/, which install.sh reads, does not say what bundle.json says (of an archive made by this version).",
      "extra/missing": "A part of the engine that the bundle carries is not in the archive.",
      "extra/digest": "A part of the engine does not have the sum that bundle.json gives.",
      "extra/content": "A part of the engine is not what the installer makes an engine from.",
      "extra/platform": "A part of the engine is made for another machine.",
      "extra/unknown": "A file in extras/ is not in bundle.json.",
    },
  }),
  ...rules("image", {
    error: {
      "blob/missing": "A blob that is referred to is not in the image tarball.",
      "blob/size": "A blob has another size than its descriptor says.",
      "blob/digest": "A blob's bytes have another digest than its name.",
      "blob/unused": "Nothing refers to a blob.",
      "layer/compression": "A layer's first bytes are not what its media type says.",
      "image/file": "An image tarball has a file that is neither a document nor a blob.",
      "image/oci-layout": "oci-layout is missing or of an unknown version.",
      "image/index": "index.json is missing, broken, or describes another image than is there.",
      "image/docker-manifest": "manifest.json is missing, broken, or not what the manifest says.",
      "image/manifest": "The image manifest is missing or broken.",
      "image/config": "The image's config is missing or broken.",
      "image/diff-ids": "The config has another number of diffIDs than the manifest has layers.",
      "image/platform": "The config says another platform than the bundle's.",
      "image/reference": "An engine would know the image by another name than compose.yaml uses.",
      "image/lock": "The image is not the one that bundle.json pins.",
      "image/documents": "A document says more than bundle.json gives reason for.",
    },
    warning: {
      "image/zstd": "A layer is zstd-compressed, which Docker before 23 cannot load.",
    },
    note: {
      "image/variant": "The image is for an older variant of the platform, and runs there as well.",
    },
  }),
  ...rules(
    "programs",
    {
      error: {
        "image/diff-id": "A layer unpacks to other bytes than the image's config names.",
        "image/unread": "The layers could not be looked into.",
        "layer/damaged": "A layer cannot be unpacked to its end.",
        "programs/start":
          "A program that the entrypoint, command or health check starts is for another machine, or not there.",
        "programs/label": "The config's platform is not the one that the programs are for.",
        "programs/arm-version":
          "A program is compiled for newer ARM processors than the platform's (a library: warning).",
      },
      warning: {
        "bundle/unpacked": "bundle.json is off by more than a tenth of what layers unpack to.",
        "programs/foreign": "A program or library that nothing starts is for another machine.",
        "programs/interpreter":
          "A script's interpreter is not in the image (of what starts: error).",
        "programs/loader": "A program's loader is not in the image (of what starts: error).",
        "programs/float":
          "A 32-bit ARM program passes floats in another way than the rest (of what starts: error).",
      },
      note: {
        "layer/unread": "A layer is compressed in a way that is not looked into.",
        "programs/hidden": "A program for another machine is deleted or replaced by a later layer.",
        "programs/glibc": "The programs need glibc 2.34 or newer, and so Docker 20.10.10 or newer.",
      },
    },
    true,
  ),
  ...rules(
    "sbom",
    {
      warning: {
        "sbom/mismatch": "A document in sbom/ does not list the packages that are in the image.",
      },
    },
    true,
  ),
  ...rules("compose", {
    error: {
      "compose/parse": "compose.yaml is no compose file.",
      "compose/image-missing": "A service's image is not in the bundle.",
      "compose/image-unused": "No service uses an image of the bundle.",
      "compose/platform": "A service does not ask for the bundle's platform.",
      "compose/pull-policy": "A service may try to pull its image.",
      "compose/build": "A service wants to build its image on the site.",
      "compose/floating": "An image's tag names another image tomorrow.",
      "compose/host-path":
        "A path of the host is neither in the bundle's folder nor in a path setting such as DATA_DIR.",
      "compose/file-missing":
        "A file or folder of the bundle that is mounted or read is not there.",
      "compose/secret":
        "A password, token or key is written down, so that every site has the same.",
      "compose/health": "A required component's service has no health check.",
      "compose/ports": "Two services that can run together want one port of the host.",
      "compose/profile-required": "A required component only comes up with a profile.",
      "compose/setting": "A variable is no setting of the bundle, or is not written as one.",
    },
    note: {
      "compose/profile": "A service only comes up when its profile is asked for.",
      "compose/ports-profiles":
        "Two services want one port of the host when their different profiles are asked for at once.",
    },
  }),
  ...rules("scripts", {
    error: {
      "scripts/shebang": "install.sh does not begin with #!/bin/sh, or a #! names no interpreter.",
      "scripts/line-ends": "A script has CRLF line ends, which a shell takes as part of a word.",
      "scripts/bom": "A script begins with a byte order mark, so that its #! is not seen.",
      "scripts/nul": "A script has NUL bytes.",
      "scripts/heredoc": "A here-document of a shell script is not closed.",
    },
    warning: {
      "scripts/executable":
        "Something is executable that is neither install.sh nor a #! in files/.",
    },
  }),
  ...rules("table", {
    error: {
      "table/ports": "bundle.json lists other ports of a component than its service publishes.",
    },
    warning: {
      "table/platform": "The component table's claim of platforms is not what came of it.",
      "table/left-out": "A required component was left out.",
    },
  }),
  ...rules("host", {
    error: {
      "host/requires": "A requirement cannot be read, or no host could meet it.",
    },
    warning: {
      "host/level": "A warning can never appear, for a stricter requirement fails before it.",
    },
  }),
  ...rules("config", {
    note: {
      "config/waiver": "A waiver of the configuration matches nothing.",
    },
  }),
];

const BY_ID: ReadonlyMap<string, Rule> = new Map(RULES.map((rule) => [rule.id, rule]));

/** The rule with an id, or undefined. */
export function ruleOf(id: string): Rule | undefined {
  return BY_ID.get(id);
}

/** A finding of a rule, with the rule's own severity. */
export function finding(id: string, facts: Omit<Finding, "rule" | "severity">): Finding {
  const rule = BY_ID.get(id);
  if (rule === undefined) throw new Error(`There is no rule ${id}.`);
  return { rule: id, severity: rule.severity, ...facts };
}
