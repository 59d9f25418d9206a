import { z } from "zod";
import { type Checksum, isChecksum } from "../core/checksum.js";
import { type DiffId, isDigest } from "../core/digest.js";
import { LIMITS } from "../core/limits.js";
import { formatPlatform, parsePlatform } from "../core/platform.js";
import { descriptorSchema, digestSchema } from "../image/descriptor.js";
import type { LockedBuild } from "./build-types.js";

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

const name = text.regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/);
const reference = text.regex(
  /^[^\s/]+\/[^\s]+:[\w.-]+$/,
  "expected a fully qualified name with a tag",
);

/** The shape of an image build in locks and in `bundle.json`. */
export const lockedBuildSchema: z.ZodType<LockedBuild> = z.object({
  reference,
  platform: platformSchema,
  strategy: z.enum(["cross", "native", "emulate"]),
  context: digestSchema,
  dockerfile: text,
  target: name.exactOptional(),
  args: z.record(text.regex(/^[A-Za-z_][A-Za-z0-9_]*$/), text),
  bases: z.array(z.object({ reference, digest: digestSchema })).max(100),
  sources: z
    .array(
      z.object({
        name,
        checksum: z.custom<Checksum>(
          (value) => typeof value === "string" && isChecksum(value),
          "expected a sha256 or sha512 checksum",
        ),
      }),
    )
    .max(100),
  date: z.iso.datetime(),
});
