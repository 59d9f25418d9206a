import { z } from "zod";
import type { Checksum } from "../core/checksum.js";

/** The address of a file on the web. */
const webAddress = z
  .string()
  .max(2048)
  .refine((text) => sourceUrl(text) !== undefined, {
    error: "must be an http:// or https:// address without user and password",
  });

/** An address, or a list of them: mirrors, in the order in which they are tried. */
export const webAddresses = z.union([webAddress, z.array(webAddress).min(1)], {
  error: "must be an http:// or https:// address without user and password, or a list",
});

const digits = (algorithm: "sha256" | "sha512", count: number): z.ZodString =>
  z.string().regex(new RegExp(`^[0-9a-fA-F]{${count}}$`), {
    error: `must be the ${count} hexadecimal digits of a ${algorithm}`,
  });

/** What a file's content is measured by, one of them for a file. */
export const checksums = {
  sha256: digits("sha256", 64).optional(),
  sha512: digits("sha512", 128).optional(),
  checksumUrl: webAddress
    .optional()
    .meta({ description: "Where the checksum is published; the lock keeps what it said." }),
};

export function sourceUrl(text: string): URL | undefined {
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  const web = url.protocol === "http:" || url.protocol === "https:";
  return web && url.username === "" && url.password === "" ? url : undefined;
}

/** The one of the two that is written. */
export function checksumOf(
  sha256: string | undefined,
  sha512: string | undefined,
): Checksum | undefined {
  if (sha256 !== undefined) return `sha256:${sha256.toLowerCase()}`;
  return sha512 === undefined ? undefined : `sha512:${sha512.toLowerCase()}`;
}
