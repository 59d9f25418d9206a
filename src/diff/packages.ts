import type { ComponentPackages } from "../sbom/types.js";
import type { PackageChange, PackagesDiff } from "./types.js";

/** Packages of one component by type and name: those that came, went, or have other versions. */
export function diffPackages(old: ComponentPackages, next: ComponentPackages): PackagesDiff {
  const [before, after] = [versionsOf(old), versionsOf(next)];
  const changes: PackageChange[] = [];
  let same = 0;
  for (const key of [...new Set([...before.keys(), ...after.keys()])].sort()) {
    const [was, is] = [before.get(key) ?? [], after.get(key) ?? []];
    if (was.length === is.length && was.every((version, index) => version === is[index])) {
      same += 1;
      continue;
    }
    const slash = key.indexOf(" ");
    changes.push({
      type: key.slice(0, slash),
      name: key.slice(slash + 1),
      kind: was.length === 0 ? "added" : is.length === 0 ? "removed" : "changed",
      old: was,
      new: is,
    });
  }
  return { component: next.component, changes, same };
}

/** By `deb openssl`; each version once, sorted. */
function versionsOf({ packages }: ComponentPackages): ReadonlyMap<string, readonly string[]> {
  const versions = new Map<string, Set<string>>();
  for (const { type, name, version } of packages) {
    const key = `${type} ${name}`;
    versions.set(key, (versions.get(key) ?? new Set()).add(version));
  }
  return new Map([...versions].map(([key, set]) => [key, [...set].sort()]));
}
