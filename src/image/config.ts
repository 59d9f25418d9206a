import { z } from "zod";
import { type DiffId, isDigest } from "../core/digest.js";
import { LIMITS } from "../core/limits.js";
import { type Platform, normalizePlatform } from "../core/platform.js";
import { parseJson } from "./json.js";

/** What we read of an image config (OCI image-spec config.md). */
export interface ImageConfig {
  /** As the config says, normalised. Proof of the platform as far as labels go. */
  readonly platform: Platform;
  /** Base first, one per layer. */
  readonly diffIds: readonly DiffId[];
  /** RFC 3339, absent where the builder wrote none. */
  readonly created?: string;
}

/** Four-digit years only: everything else cannot be a time in a tar header. */
const RFC3339 = /^\d{4}-\d\d-\d\dT[\d:.]{8,18}(Z|[+-]\d\d:\d\d)$/;

const configSchema = z.object({
  os: z.string().min(1).max(64),
  architecture: z.string().min(1).max(64),
  variant: z.string().max(64).nullish(),
  created: z.string().nullish(),
  rootfs: z.object({
    type: z.literal("layers"),
    diff_ids: z
      .array(
        z.custom<DiffId>(
          (value) => typeof value === "string" && isDigest(value),
          "expected a sha256 digest",
        ),
      )
      .max(LIMITS.layers),
  }),
});

/** @throws BundlerError INTEGRITY when it is not an image config. */
export function parseConfig(what: string, bytes: Uint8Array): ImageConfig {
  const config = parseJson(what, bytes, configSchema);
  return {
    platform: normalizePlatform({
      os: config.os,
      architecture: config.architecture,
      ...(config.variant ? { variant: config.variant } : {}),
    }),
    diffIds: config.rootfs.diff_ids,
    ...(config.created && RFC3339.test(config.created) ? { created: config.created } : {}),
  };
}
