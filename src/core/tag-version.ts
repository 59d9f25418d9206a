import coerce from "semver/functions/coerce.js";

/** `2.13-2.8.1`: Kafka's images name the version of Scala, which has two numbers, before their own. */
const BEHIND_SCALA = /^\d+\.\d+-(\d+\.\d+\.\d+)/;
/** `RELEASE.2024-12-18T13-15-44Z`: the day is the version. */
const DATED = /(?<!\d)(\d{4})-(\d{2})-(\d{2})(?!\d)/;
/** `sha-1a2b3c4`: the digits of a commit are no version. */
const COMMIT = /^(?:sha|git|commit)-?[0-9a-f]{6,}/i;

/**
 * The version that an image's tag tells, as semver: of `v3.5.21` and `7.0.15-alpine` it is `3.5.21` and
 * `7.0.15`; undefined when it tells none.
 */
export function tagVersion(tag: string): string | undefined {
  if (COMMIT.test(tag)) return undefined;
  const [, year, month, day] = DATED.exec(tag) ?? [];
  if (year !== undefined) return `${Number(year)}.${Number(month)}.${Number(day)}`;
  return coerce(BEHIND_SCALA.exec(tag)?.[1] ?? tag)?.version;
}
