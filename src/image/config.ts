import { z } from "zod";
import { type DiffId, isDigest } from "../core/digest.js";
import { BundlerError } from "../core/errors.js";
import { LIMITS } from "../core/limits.js";
import { type Platform, normalizePlatform } from "../core/platform.js";
import { goList, goString, parseJson } from "./json.js";

/** What we read of an image config (OCI image-spec config.md). */
export interface ImageConfig {
  /** As the config says, normalised. Proof of the platform as far as labels go. */
  readonly platform: Platform;
  /**
   * Whether the config says `arm` and not which: some builders write the variant into the index alone.
   * `platform` then has v7, as engines take it.
   */
  readonly anyArm: boolean;
  /** Base first, one per layer. */
  readonly diffIds: readonly DiffId[];
  /** RFC 3339, absent where the builder wrote none. */
  readonly created?: string;
}

/** Text that a builder chose: a command, a comment. */
const text = goString(LIMITS.config);
const texts = goList(text, 100_000);

/** A map of Go's whose values carry nothing: of ports, of volumes. */
const names = z
  .record(z.string(), z.object({}).nullish())
  .nullish()
  .transform((map) => Object.keys(map ?? {}));

const flag = z
  .boolean()
  .nullish()
  .transform((value) => value ?? false);

/** A time as Go's own reader takes it (RFC 3339), with a year that every reader can hold. */
const time = z
  .string()
  .regex(
    /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:[.,]\d+)?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/,
    "expected a time such as 2023-05-26T10:00:00Z, engines take no other",
  )
  .refine(dayExists, "expected a day that exists")
  .nullish()
  .transform((value) => value?.replace(",", "."));

const diffId = z.custom<DiffId>(
  (value) => typeof value === "string" && isDigest(value),
  "expected a sha256 digest",
);

/** The fields that engines read, in the types in which they read them: another type fails there as here. */
export const configSchema = z.object({
  os: goString(64),
  architecture: goString(64),
  variant: goString(64),
  created: time,
  config: z
    .object({
      Entrypoint: texts,
      Cmd: texts,
      Env: texts,
      WorkingDir: text,
      User: text,
      Labels: z
        .record(z.string(), text)
        .nullish()
        .transform((map) => map ?? {}),
      ExposedPorts: names,
      Volumes: names,
      Healthcheck: z.object({ Test: texts }).nullish(),
      OnBuild: texts,
      Shell: texts,
      StopSignal: text,
    })
    .nullish(),
  rootfs: z
    .object({
      type: goString(64).refine(
        (type) => type === "" || type === "layers",
        "expected layers, engines know no other",
      ),
      diff_ids: goList(diffId, LIMITS.layers),
    })
    .nullish(),
  history: goList(
    z.object({ created: time, created_by: text, comment: text, empty_layer: flag }),
    100_000,
  ),
});

/** JavaScript takes the 31st of February for the 3rd of March, Go for an error. */
function dayExists(time: string): boolean {
  const [year = 0, month = 0, day = 0] = time.slice(0, 10).split("-").map(Number);
  return day <= new Date(Date.UTC(year, month, 0)).getUTCDate();
}

/**
 * @throws BundlerError INTEGRITY when it is not an image config, or one that says not what it runs on,
 *   which no engine takes.
 */
export function parseConfig(what: string, bytes: Uint8Array): ImageConfig {
  const { os, architecture, variant, rootfs, created } = parseJson(what, bytes, configSchema);
  const platform = configuredPlatform(what, { os, architecture, variant });
  return {
    platform,
    anyArm: platform.architecture === "arm" && architecture.toLowerCase() === "arm" && !variant,
    diffIds: rootfs?.diff_ids ?? [],
    ...(created === undefined ? {} : { created }),
  };
}

/** @throws BundlerError INTEGRITY where the config names no operating system or no architecture. */
export function configuredPlatform(
  what: string,
  { os, architecture, variant }: { os: string; architecture: string; variant: string },
): Platform {
  const lacking = os === "" ? "operating system" : architecture === "" ? "architecture" : undefined;
  if (lacking === undefined) {
    return normalizePlatform({ os, architecture, ...(variant === "" ? {} : { variant }) });
  }
  throw new BundlerError(
    "INTEGRITY",
    `${what} names no ${lacking}, so nobody can say which machines the image is for; engines refuse to load it.`,
    { hint: "Have the image built anew with its platform set, or name another one." },
  );
}

/**
 * What an image runs on: as its config says, except that a claim of an index or a label fills in the
 * variant that the config of an `arm` image leaves out.
 */
export function platformOf(config: ImageConfig, claim: Platform | undefined): Platform {
  return config.anyArm && claim?.architecture === "arm"
    ? normalizePlatform(claim)
    : config.platform;
}
