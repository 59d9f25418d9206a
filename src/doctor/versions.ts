import semver from "semver";

/**
 * Whether a version is at least another, by its three numbers alone: what distributions append
 * (`20.10.24+dfsg1`, `24.0.7-0ubuntu2~22.04.1`, `18.09.1-ce`) makes it neither older nor newer.
 * Undefined for what has no number in it.
 */
export function atLeast(version: string, minimum: string): boolean | undefined {
  // Docker's months with a leading zero (18.09, 19.03) are no semantic versions.
  const [found, wanted] = [version, minimum].map((text) => semver.coerce(text, { loose: true }));
  return found == null || wanted == null ? undefined : semver.gte(found, wanted);
}
