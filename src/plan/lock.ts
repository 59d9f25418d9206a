import { z } from "zod";
import { type Checksum, isChecksum } from "../core/checksum.js";
import { BundlerError } from "../core/errors.js";
import { printableJson } from "../core/invisible.js";
import { digestSchema } from "../image/descriptor.js";
import {
  lockedBuildSchema,
  lockedImageSchema,
  methodSchema,
  platformSchema,
} from "./locked-image.js";
import type { Lock } from "./types.js";

const text = z.string().max(4096);

/** A list in which no name comes twice. */
function onceEach<T extends z.ZodType<{ name: string }>>(item: T) {
  return z
    .array(item)
    .refine(
      (list) => new Set(list.map(({ name }) => name)).size === list.length,
      "expected each name once",
    );
}

const lockSchema: z.ZodType<Lock> = z.object({
  lockVersion: z.literal(1),
  bundle: z.object({ name: text, version: text, definition: digestSchema }),
  date: z.iso.datetime(),
  platforms: z
    .array(
      z.object({
        platform: platformSchema,
        components: onceEach(
          z.object({
            name: text,
            required: z.boolean(),
            method: methodSchema,
            reason: text,
            image: lockedImageSchema.exactOptional(),
            build: lockedBuildSchema.exactOptional(),
            alternative: z.number().int().min(0).exactOptional(),
          }),
        ),
        extras: onceEach(
          z.object({
            name: z.enum(["docker", "compose"]),
            version: text,
            checksum: z.custom<Checksum>(
              (value) => typeof value === "string" && isChecksum(value),
              "expected a sha256 or sha512",
            ),
          }),
        ).exactOptional(),
      }),
    )
    .min(1),
});

/**
 * The lock as a file: the same lock gives the same text. A build is pinned by all that goes into it,
 * so that it can be made again where the image itself is gone.
 */
export function formatLock(lock: Lock): string {
  const platforms = lock.platforms.map(({ platform, components, extras }) => ({
    platform,
    components: components.map(({ image, ...component }) =>
      image === undefined || component.method === "build" ? component : { ...component, image },
    ),
    ...(extras === undefined ? {} : { extras }),
  }));
  return `${printableJson({ ...lock, platforms })}\n`;
}

/** @throws BundlerError LOCK naming the file and what does not fit. */
export function parseLock(file: string, content: string): Lock {
  let value: unknown;
  try {
    value = JSON.parse(content);
  } catch (cause) {
    throw new BundlerError("LOCK", `${file} is not a lock: it is not JSON.`, {
      cause,
      details: { file },
    });
  }
  const result = lockSchema.safeParse(value);
  if (result.success) return result.data;
  const problems = result.error.issues
    .slice(0, 5)
    .map((issue) => `${issue.path.join(".") || "document"}: ${issue.message}`);
  throw new BundlerError(
    "LOCK",
    `${file} is not a lock that this version reads: ${problems.join("; ")}.`,
    {
      hint: "Write it anew with `openim-bundler plan --lock FILE`.",
      details: { file },
    },
  );
}
