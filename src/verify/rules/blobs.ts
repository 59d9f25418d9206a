import { blobDigest, blobPath } from "../../bundle/image-layout.js";
import { type Digest, digestFromHex } from "../../core/digest.js";
import { type Compression, layerCompression } from "../../image/media-types.js";
import type { TarFacts } from "../archive.js";
import type { ImageDocuments } from "../image-documents.js";
import type { Finding } from "../report.js";
import { type RuleIdOf, declareRules } from "../rule.js";

export const BLOBS = declareRules("image", {
  error: {
    "blob/missing": "A blob that is referred to is not in the image tarball.",
    "blob/size": "A blob has another size than its descriptor says.",
    "blob/digest": "A blob's bytes have another digest than its name.",
    "blob/unused": "Nothing refers to a blob.",
    "layer/compression": "A layer's first bytes are not what its media type says.",
    "image/file": "An image tarball has a file that is neither a document nor a blob.",
  },
});

const DOCUMENTS = ["oci-layout", "index.json", "manifest.json"];

/** What a tarball's images say of a blob, and which of them do. */
interface Wanted {
  readonly sizes: Set<number>;
  readonly users: Set<string>;
}

/** Every blob has the bytes that its name says, and every blob that is spoken of is there. */
export function checkBlobs(tar: TarFacts, images: readonly ImageDocuments[]): Finding[] {
  const findings: Finding[] = [];
  const wanted = wantedBlobs(images);
  const add = (
    rule: RuleIdOf<typeof BLOBS>,
    digest: Digest,
    message: string,
    more: Partial<Finding> = {},
  ): void => {
    const [component, ...others] = wanted.get(digest)?.users ?? [];
    const shared =
      others.length === 0
        ? ""
        : ` ${listed(others)} ${others.length === 1 ? "has" : "have"} it, too.`;
    const about = component === undefined ? soleName(images) : { component };
    findings.push(
      BLOBS.finding(rule, { ...about, subject: digest, message: message + shared, ...more }),
    );
  };
  for (const [digest, { sizes }] of wanted) {
    const entry = tar.files.get(blobPath(digest));
    if (entry === undefined) {
      add("blob/missing", digest, "Is referred to, but not in the image tarball.");
      continue;
    }
    for (const size of sizes) {
      if (entry.size === size) continue;
      add("blob/size", digest, "Has another size than its descriptor says, in bytes.", {
        expected: String(size),
        found: String(entry.size),
      });
    }
  }
  const allRead = images.length > 0 && images.every(({ manifest }) => manifest !== undefined);
  for (const [path, hash] of tar.hashes) {
    if (DOCUMENTS.includes(path)) continue;
    const digest = blobDigest(path);
    if (digest === undefined) {
      const message = "Is neither a document of an image tarball nor a blob.";
      findings.push(BLOBS.finding("image/file", { ...soleName(images), subject: path, message }));
      continue;
    }
    if ("sha256" in hash && digestFromHex(hash.sha256) !== digest) {
      add("blob/digest", digest, "Its bytes have another digest than its name.", {
        expected: digest,
        found: digestFromHex(hash.sha256),
      });
    }
    if (allRead && !wanted.has(digest)) {
      add("blob/unused", digest, "Is in the image tarball, but nothing refers to it.");
    }
  }
  return findings;
}

function wantedBlobs(images: readonly ImageDocuments[]): ReadonlyMap<Digest, Wanted> {
  const wanted = new Map<Digest, Wanted>();
  for (const { name, entry, manifest } of images) {
    const descriptors = [
      ...(entry === undefined ? [] : [entry]),
      ...(manifest === undefined ? [] : [manifest.config, ...manifest.layers]),
    ];
    for (const { digest, size } of descriptors) {
      const known = wanted.get(digest) ?? { sizes: new Set(), users: new Set() };
      known.sizes.add(size);
      known.users.add(name);
      wanted.set(digest, known);
    }
  }
  return wanted;
}

/** Of a tarball that one component has for itself. */
function soleName(images: readonly ImageDocuments[]): { readonly component?: string } {
  const names = new Set(images.map(({ name }) => name));
  const [component] = names;
  return component === undefined || names.size > 1 ? {} : { component };
}

function listed(names: readonly string[]): string {
  const [first = "", second = "", ...more] = names;
  if (more.length > 0) return `${first} and ${more.length + 1} more`;
  return second === "" ? first : `${first} and ${second}`;
}

/** Layers begin as their media types say, so that no engine is told gzip and given something else. */
export async function checkCompression(
  tar: TarFacts,
  images: readonly ImageDocuments[],
): Promise<Finding[]> {
  const findings: Finding[] = [];
  const seen = new Set<string>();
  for (const { name, manifest } of images) {
    for (const { digest, mediaType } of manifest?.layers ?? []) {
      const key = `${digest} ${mediaType}`;
      const expected = layerCompression(mediaType);
      if (seen.has(key) || expected === undefined) continue;
      seen.add(key);
      const bytes = await tar.head(blobPath(digest), 4);
      if (bytes === undefined) continue;
      const found = compressionOf(bytes);
      if (found === expected) continue;
      const message = "Its first bytes are not what its media type says.";
      findings.push(
        BLOBS.finding("layer/compression", {
          component: name,
          subject: digest,
          message,
          expected,
          found,
        }),
      );
    }
  }
  return findings;
}

/** By the magic numbers of RFC 1952 and RFC 8878. */
function compressionOf(bytes: Buffer): Compression {
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) return "gzip";
  return bytes.length >= 4 && bytes.readUInt32LE(0) === 0xfd2fb528 ? "zstd" : "none";
}
