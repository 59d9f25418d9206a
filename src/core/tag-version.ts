import coerce from "semver/functions/coerce.js";

/** The version that an image's tag tells, `v3.5.21` and `7.0.15-alpine` as `3.5.21` and `7.0.15`; undefined when it tells none. */
export function tagVersion(tag: string): string | undefined {
  return coerce(tag)?.version;
}
