import { createHash } from "node:crypto";
import { BundlerError } from "./errors.js";

declare const digestBrand: unique symbol;
declare const diffIdBrand: unique symbol;

/** `sha256:<64 lower-case hex>` of bytes as they are stored or sent (OCI image-spec, descriptor.md). */
export type Digest = string & { readonly [digestBrand]: true };

/** `sha256:<64 lower-case hex>` of a layer's uncompressed tar (OCI image-spec, config.md, `rootfs.diff_ids`). */
export type DiffId = string & { readonly [diffIdBrand]: true };

const FORM = /^sha256:[0-9a-f]{64}$/;

export function isDigest(text: string): text is Digest {
  return FORM.test(text);
}

/** @throws BundlerError INTEGRITY when the text is not a lower-case sha256 digest. */
function parseDigest(text: string): Digest {
  if (isDigest(text)) return text;
  throw new BundlerError(
    "INTEGRITY",
    `Not a sha256 digest: ${JSON.stringify(text.slice(0, 100))}`,
    {
      hint: "Digests look like sha256: followed by 64 lower-case hexadecimal digits; other algorithms are not supported.",
    },
  );
}

export function digestOf(data: Uint8Array | string): Digest {
  return digestFromHex(createHash("sha256").update(data).digest("hex"));
}

export function digestFromHex(hex: string): Digest {
  return parseDigest(`sha256:${hex}`);
}

/** The 64 hexadecimal digits, as file names under `blobs/sha256/` use them. */
export function hexOf(digest: Digest): string {
  return digest.slice("sha256:".length);
}

/** `sha256:0123456789ab`, for people. */
export function shortDigest(digest: Digest): string {
  return digest.slice(0, "sha256:".length + 12);
}
