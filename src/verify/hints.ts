import type { Finding } from "./report.js";
import type { RuleId } from "./rules.js";

const DAMAGED =
  "Copy the archive here again from where it was made; if it is the same there, make it again.";
const REPACKED =
  "Whoever made the archive has to make it again with create: this one was changed afterwards.";
const IMAGE =
  "Make the bundle again; if it stays, the image itself is wrong: take another one, or build it.";
const ENGINE = "Make the bundle again with create --with-engine.";
const PLATFORM =
  "Take an image that is made for the platform: an alternative, a build, or one given with --archive.";
const DEFINITION = "Correct the bundle definition, and make the bundle again.";
const SCRIPT = "Correct the file where the bundle comes from, and make the bundle again.";

/** What to do about what a rule finds, where the finding itself does not say it better. */
const HINTS: ReadonlyMap<string, string> = new Map(
  Object.entries({
    "tar/format": "Give verify the .tar that create made: copied whole, and not compressed.",
    "tar/header": REPACKED,
    "tar/padding": REPACKED,
    "tar/unreadable": "Copy the archive to another disk, and verify it there.",
    "layout/order": REPACKED,
    "layer/media-type":
      "Have the image built anew with today's tools, or see to it that sites' Docker keeps images its own way.",
    "image/zstd": "Sites need Docker 23 or later, or Podman; else take an image with gzip layers.",
    "image/platform": PLATFORM,
    "programs/start": PLATFORM,
    "programs/label": PLATFORM,
    "programs/arm-version": PLATFORM,
    "programs/interpreter":
      "What needs it will not start: take another image, or build it with it.",
    "programs/float": PLATFORM,
    "bundle/unpacked": "The site's check of its disk goes by it: make the bundle again.",
    "sbom/mismatch": "Make the documents again with create --sbom.",
    "table/left-out": "Make the bundle again without leaving it out, or declare it optional.",
  } satisfies Readonly<Partial<Record<RuleId, string>>>),
);

/** By the first word of a rule's id, for those that have no hint of their own. */
const FAMILIES: Readonly<Record<string, string>> = {
  tar: DAMAGED,
  layout: REPACKED,
  sums: DAMAGED,
  bundle: REPACKED,
  extra: ENGINE,
  blob: DAMAGED,
  layer: IMAGE,
  image: IMAGE,
  programs: IMAGE,
  compose: DEFINITION,
  scripts: SCRIPT,
  table: DEFINITION,
  host: DEFINITION,
};

/** The finding with what to do about it; notes and what is accepted need nothing. */
export function withHint(one: Finding): Finding {
  if (one.hint !== undefined || one.severity === "note" || one.waived !== undefined) return one;
  const hint = HINTS.get(one.rule) ?? FAMILIES[one.rule.slice(0, one.rule.indexOf("/"))];
  return hint === undefined ? one : { ...one, hint };
}
