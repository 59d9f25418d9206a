import { z } from "zod";
import { type Platform, parsePlatform } from "../core/platform.js";

export const words = z.string().trim().min(1, { error: "must not be empty" });

export const localized = z
  .strictObject({
    en: words.meta({ description: "English" }),
    zh: words.meta({ description: "Chinese" }),
  })
  .meta({ description: "Text for people, in the two languages that a site reads." });

export const platforms = z
  .array(
    z.string().refine((text) => readPlatform(text) !== undefined, {
      error: ({ input }) => `${JSON.stringify(input)} is not a platform like linux/arm64`,
    }),
  )
  .min(1, { error: "must name at least one platform" })
  .meta({
    description:
      "Platforms in OCI spelling; arm64v8, aarch64, x86_64 and arm32v7 are understood too.",
    examples: [["linux/amd64", "linux/arm64"]],
  });

/** A platform that a Linux bundle can be for, or undefined. */
export function readPlatform(text: string): Platform | undefined {
  try {
    const platform = parsePlatform(text);
    return platform.os === "linux" ? platform : undefined;
  } catch {
    return undefined;
  }
}

/** The platforms that a list names; what is none was reported. */
export function toPlatforms(texts: readonly string[]): readonly Platform[] {
  return texts.flatMap((text) => readPlatform(text) ?? []);
}

/** Whether a text stays in its field of a table that a shell reads line by line. */
export function isOneLine(text: string): boolean {
  return !/[\p{Cc}\u2028\u2029]/u.test(text);
}
