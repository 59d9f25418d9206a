import type { ComponentPackages, PackageType, SbomResult } from "../sbom/types.js";
import { formatTable } from "./table.js";

const TYPES: readonly PackageType[] = ["deb", "apk", "rpm", "golang", "maven", "npm"];

/** Files that could not be read, as many as are named of one component. */
const NAMED = 5;

/** What `sbom` says when its documents went to files. */
export function describeSbom(
  { components, files }: Pick<SbomResult, "components" | "files">,
  width: number,
): readonly string[] {
  const types = TYPES.filter((type) => components.some((one) => count(one, type) > 0));
  const table = formatTable(
    [
      { title: "component" },
      { title: "distribution" },
      { title: "packages", align: "right" },
      ...types.map((title) => ({ title, align: "right" as const })),
    ],
    components.map((one) => [
      one.component,
      one.distro === undefined ? "" : [one.distro.id, one.distro.version].join(" ").trim(),
      String(one.packages.length),
      ...types.map((type) => String(count(one, type) || "")),
    ]),
    width,
  );
  return [table, ...components.flatMap(unreadLines), ...files.map((file) => `Wrote ${file}`)];
}

function count({ packages }: ComponentPackages, type: PackageType): number {
  return packages.filter((one) => one.type === type).length;
}

/** What was not read of a component, the first few of it. */
export function unreadLines({ component, skipped }: ComponentPackages): readonly string[] {
  const more = skipped.length - NAMED;
  return [
    ...skipped
      .slice(0, NAMED)
      .map(({ path, reason }) => `${component}: not read: ${path} ${reason}`),
    ...(more > 0 ? [`${component}: not read: ${more} more`] : []),
  ];
}
