import { formatBytes } from "../core/bytes.js";
import { counted } from "../core/counted.js";
import { shortDigest } from "../core/digest.js";
import type {
  BundleDiff,
  Change,
  ComponentChange,
  ComponentFacts,
  DiffSide,
  Shares,
} from "../diff/types.js";
import { fileLines, imageFileLines, packageLines } from "./describe-diff-files.js";
import { SIGNS, countsOf, oneLine } from "./diff-words.js";
import { section } from "./section.js";

/** What `diff OLD NEW` says: the sum of it first, then each group that differs. */
export function describeDiff(diff: BundleDiff): readonly string[] {
  const { about, components, leftOut, settings = [], compose, files = [] } = diff;
  return [
    `${sideName(diff.old)} → ${sideName(diff.new)}`,
    `  - ${diff.old.path}${sizeOf(diff.old)}`,
    `  + ${diff.new.path}${sizeOf(diff.new)}`,
    "",
    ...summaryOf(diff),
    ...section("About", about.map(changeLine)),
    ...section("Components", [
      ...components.added.map((one) => `+ ${factsLine(one)}`),
      ...components.removed.map((one) => `- ${factsLine(one)}`),
      ...components.changed.flatMap(componentLines),
    ]),
    ...section("Left out, and why", leftOut.map(changeLine)),
    ...section("Settings", settings.map(changeLine)),
    ...section("Compose file", [
      ...(compose?.servicesAdded ?? []).map((name) => `+ service ${name}`),
      ...(compose?.servicesRemoved ?? []).map((name) => `- service ${name}`),
      ...(compose?.changes ?? []).map(changeLine),
    ]),
    ...section("Scripts and files", fileLines(files)),
    ...(diff.packages ?? []).flatMap((one) =>
      section(
        `Packages of ${one.component}: ${countsOf(one.changes)}, ${one.same} the same`,
        packageLines(one),
      ),
    ),
    ...(diff.imageFiles ?? []).flatMap((one) =>
      section(
        `Files of ${one.component}: ${countsOf(one.changes)}, ${one.same} the same`,
        imageFileLines(one),
      ),
    ),
    ...section("Not compared", diff.notes.map(oneLine)),
  ];
}

function sideName({ name, version, platform }: DiffSide): string {
  return `${name} ${version} for ${platform}`;
}

function sizeOf({ kind, size }: DiffSide): string {
  return size === undefined ? ` (${kind})` : ` (${kind}, ${formatBytes(size)})`;
}

function summaryOf({
  different,
  components,
  blobs,
  settings,
  compose,
  files,
}: BundleDiff): readonly string[] {
  if (!different) return ["Nothing differs."];
  const { added, removed, changed, same } = components;
  const services = compose && [...compose.servicesAdded, ...compose.servicesRemoved].length;
  const rest = [
    ...(settings === undefined ? [] : [`settings: ${countsOf(settings)}`]),
    ...(compose === undefined
      ? []
      : [
          `compose file: ${services === 0 ? "" : `${counted(services ?? 0, "service")}, `}${counted(compose.changes.length, "value")}`,
        ]),
    ...(files === undefined ? [] : [`scripts and files: ${countsOf(files)}`]),
  ].join("; ");
  return [
    `Components: ${added.length} added, ${removed.length} removed, ${changed.length} changed, ${same.length} the same.`,
    `To move: ${counted(blobs.added.count, "blob")}, ${formatBytes(blobs.added.bytes)}; ${counted(blobs.reused.count, "blob")}, ${formatBytes(blobs.reused.bytes)} are there already; ${formatBytes(blobs.removed.bytes)} are no longer used.`,
    ...(rest === "" ? [] : [`${rest[0]?.toUpperCase() ?? ""}${rest.slice(1)}.`]),
  ];
}

function factsLine({ name, method, reference, layers, required }: ComponentFacts): string {
  return `${name}${required ? "" : " (optional)"}: ${oneLine(reference ?? "no image")}, ${method}, ${counted(layers.count, "layer")}, ${formatBytes(layers.bytes)}`;
}

/** Told by digests and layers already. */
const TECHNICAL = new Set(["index", "config", "created", "layers", "layers[]"]);

function componentLines(change: ComponentChange): readonly string[] {
  const { name, old, new: next, changes, layers } = change;
  const shown = changes.filter(({ key }) => !TECHNICAL.has(key));
  const only = shown.length === 0 ? " (the image's own documents)" : "";
  return [
    `~ ${name}${versionsOf(change)}${old.manifest === next.manifest ? "" : moves(layers)}${only}`,
    ...shown.map((one) => `    ${changeLine(one)}`),
  ];
}

function versionsOf({ old, new: next, step, direction }: ComponentChange): string {
  if (step === undefined || old.version === undefined || next.version === undefined) return "";
  if (step === "none") return `: ${next.version} still`;
  return `: ${old.version} → ${next.version} (${step}${direction === "down" ? ", lower" : ""})`;
}

function moves({ added, reused }: Shares): string {
  return `; ${counted(added.count, "new layer")}, ${formatBytes(added.bytes)}, ${reused.count} reused`;
}

function changeLine({ key, kind, old, new: next }: Change): string {
  const values = [old, next].flatMap((value) => (value === undefined ? [] : [valueText(value)]));
  return `${SIGNS[kind]} ${oneLine(key)}: ${values.join(" → ")}`;
}

function valueText(value: string): string {
  return /^sha256:[0-9a-f]{64}$/.test(value)
    ? shortDigest(value as Parameters<typeof shortDigest>[0])
    : value === ""
      ? '""'
      : oneLine(value);
}
