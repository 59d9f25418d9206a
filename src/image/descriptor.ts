import { z } from "zod";
import { type Digest, isDigest } from "../core/digest.js";

/** Points at a blob: what it is, its bytes' digest, and how many there are (OCI image-spec, descriptor.md). */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  /** In bytes. */
  readonly size: number;
}

export const digestSchema = z.custom<Digest>(
  (value) => typeof value === "string" && isDigest(value),
  "expected a sha256 digest",
);

/** Sizes are exact: whatever JavaScript cannot count exactly is refused. */
export const sizeSchema = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

/** One blob; the sums over all layers of all images stay exact, too. */
const blobSizeSchema = sizeSchema.max(2 ** 40);

export const descriptorSchema = z.object({
  mediaType: z.string().max(255),
  digest: digestSchema,
  size: blobSizeSchema,
});
