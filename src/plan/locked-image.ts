import { z } from "zod";
import { type DiffId, isDigest } from "../core/digest.js";
import { LIMITS } from "../core/limits.js";
import { formatPlatform, parsePlatform } from "../core/platform.js";
import { descriptorSchema } from "../image/descriptor.js";

const text = z.string().max(4096);

export const platformSchema = text.refine((value) => {
  try {
    return formatPlatform(parsePlatform(value)) === value;
  } catch {
    return false;
  }
}, "expected a platform such as linux/arm64");

const layerSchema = descriptorSchema.extend({
  diffId: z.custom<DiffId>(
    (value) => typeof value === "string" && isDigest(value),
    "expected a sha256 digest",
  ),
});

/** The shape of an image in locks and in `bundle.json`. */
export const lockedImageSchema = z.object({
  reference: text.regex(/^[^\s/]+\/[^\s]+:[\w.-]+$/, "expected a fully qualified name with a tag"),
  index: descriptorSchema.exactOptional(),
  manifest: descriptorSchema,
  config: descriptorSchema,
  layers: z.array(layerSchema).max(LIMITS.layers),
  platform: platformSchema,
  created: text.exactOptional(),
});

export const methodSchema = z.enum([
  "image",
  "alternative",
  "provided",
  "build",
  "left-out",
  "none",
]);
