import { formatBytes } from "../core/bytes.js";
import { shortDigest } from "../core/digest.js";
import type {
  BundleDiff,
  ComponentChange,
  ComponentFacts,
  Change as ValueChange,
  FileChange,
  FileFacts,
  PackageChange,
} from "../diff/types.js";
import type { Change, ChangeGroup, ReportChanges } from "./types.js";

/** What differs from an older archive, as tables of before and after. */
export function describeChanges(diff: BundleDiff): ReportChanges {
  const { old, about, components, leftOut, settings = [], compose, files = [] } = diff;
  const { added, reused, removed } = diff.blobs;
  const groups: readonly ChangeGroup[] = [
    { title: "The bundle", rows: about.map(valueRow) },
    {
      title: "Components",
      rows: [
        ...components.changed.map(componentRow),
        ...components.added.map((one): Change => ({ ...whole(one, "added"), after: named(one) })),
        ...components.removed.map((one): Change => ({
          ...whole(one, "removed"),
          before: named(one),
        })),
      ],
    },
    { title: "Components left out", rows: leftOut.map(valueRow) },
    ...(diff.packages ?? []).map(({ component, changes }) => ({
      title: `Packages of ${component}`,
      rows: changes.map(packageRow),
    })),
    {
      title: "Services",
      rows: [
        ...(compose?.servicesAdded ?? []).map((what): Change => ({ kind: "added", what })),
        ...(compose?.servicesRemoved ?? []).map((what): Change => ({ kind: "removed", what })),
        ...(compose?.changes ?? []).map(valueRow),
      ],
    },
    { title: "Settings", rows: settings.map(valueRow) },
    { title: "Scripts and files", rows: files.map(fileRow) },
  ];
  return {
    against: `${baseName(old.path)}: ${old.name} ${old.version} for ${old.platform}`,
    remarks: [
      `Of the images' content ${formatBytes(reused.bytes)} stay as they are, ${formatBytes(added.bytes)} are new, ${formatBytes(removed.bytes)} are gone.`,
      ...(components.same.length === 0
        ? []
        : [`Components without any change: ${components.same.join(", ")}.`]),
      ...diff.notes,
    ],
    groups,
  };
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

function valueRow({ key, kind, old, new: next }: ValueChange): Change {
  return {
    kind,
    what: key,
    ...(old === undefined ? {} : { before: old }),
    ...(next === undefined ? {} : { after: next }),
  };
}

function whole({ name, layers }: ComponentFacts, kind: Change["kind"]): Change {
  return { kind, what: name, note: formatBytes(layers.bytes) };
}

function named({ reference, manifest }: ComponentFacts): string {
  return reference ?? (manifest === undefined ? "" : shortDigest(manifest));
}

/** What else may differ of a component; its image is told by names and digests. */
const ASPECTS: ReadonlyMap<string, string> = new Map([
  ["required", "whether it is required"],
  ["method", "the way to its image"],
  ["reason", "the reason for that way"],
  ["platform", "platform"],
  ["build", "what it is built from"],
  ["title", "title"],
  ["ports", "ports"],
  ["requires", "requirements of the host"],
  ["smoke", "smoke test"],
  ["upgrade", "limits of upgrades"],
]);

function componentRow({
  name,
  old,
  new: next,
  step,
  direction,
  changes,
  layers,
}: ComponentChange): Change {
  // An image that was made anew under its old name.
  const isRenamed = named(old) !== named(next);
  const digest = ({ manifest }: ComponentFacts): string =>
    manifest === undefined ? "" : ` @ ${shortDigest(manifest)}`;
  const others = new Set(
    changes.flatMap(({ key }) => ASPECTS.get(/^\w*/.exec(key)?.[0] ?? "") ?? []),
  );
  const remarks = [
    ...(step === undefined || step === "none" ? [] : [`${step} version`]),
    ...(direction === "down" ? ["a step back"] : []),
    `${formatBytes(layers.added.bytes)} new, ${formatBytes(layers.reused.bytes)} reused`,
    ...(others.size === 0 ? [] : [`also changed: ${[...others].join(", ")}`]),
  ];
  return {
    kind: "changed",
    what: name,
    before: named(old) + (isRenamed ? "" : digest(old)),
    after: named(next) + (isRenamed ? "" : digest(next)),
    note: remarks.join("; "),
  };
}

function packageRow({ type, name, kind, old, new: next }: PackageChange): Change {
  return {
    kind,
    what: name,
    ...(old.length === 0 ? {} : { before: old.join(", ") }),
    ...(next.length === 0 ? {} : { after: next.join(", ") }),
    note: type,
  };
}

function fileRow({ path, kind, old, new: next }: FileChange): Change {
  const facts = ({ size, executable }: FileFacts): string =>
    `${formatBytes(size)}${executable ? ", executable" : ""}`;
  return {
    kind,
    what: path,
    ...(old === undefined ? {} : { before: facts(old) }),
    ...(next === undefined ? {} : { after: facts(next) }),
  };
}
