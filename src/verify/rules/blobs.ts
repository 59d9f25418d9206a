import { blobDigest, blobPath } from "../../bundle/image-layout.js";
import { type Digest, digestFromHex } from "../../core/digest.js";
import { compressionOf, refusedBecause } from "../../image/compression.js";
import { layerCompression } from "../../image/media-types.js";
import { readBlock } from "../../tar/block.js";
import { BLOCK } from "../../tar/header.js";
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
    "layer/compression": "A layer is not compressed as its media type says, and no tar either.",
    "image/file": "An image tarball has a file that is neither a document nor a blob.",
  },
  warning: {
    "layer/media-type": "A layer's media type keeps containerd from unpacking what Docker unpacks.",
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

/** Engines judge layers by their first bytes, but for the media types that containerd takes at their word. */
export async function checkCompression(
  tar: TarFacts,
  images: readonly ImageDocuments[],
): Promise<Finding[]> {
  const findings: Finding[] = [];
  const seen = new Set<string>();
  for (const { name, manifest } of images) {
    for (const { digest, mediaType } of manifest?.layers ?? []) {
      const key = `${digest} ${mediaType}`;
      if (seen.has(key)) continue;
      seen.add(key);
      const bytes = await tar.head(blobPath(digest), BLOCK);
      if (bytes === undefined) continue;
      const found = compressionOf(bytes);
      const expected = layerCompression(mediaType);
      const refused = refusedBecause(mediaType, found);
      const about = { component: name, subject: digest, found };
      if (refused !== undefined) {
        const message = `Docker unpacks it, but not where it keeps images in containerd: ${refused}.`;
        findings.push(BLOBS.finding("layer/media-type", { ...about, message }));
      } else if (
        expected !== undefined &&
        expected !== found &&
        found === "none" &&
        !isTar(bytes)
      ) {
        const message = "Its first bytes are not what its media type says, and those of no tar.";
        findings.push(BLOBS.finding("layer/compression", { ...about, message, expected }));
      }
    }
  }
  return findings;
}

/** An empty one is nothing but zeros. */
function isTar(block: Buffer): boolean {
  const wrong = (why: string): never => {
    throw new Error(why);
  };
  try {
    if (block.length === BLOCK && block.some((byte) => byte !== 0)) {
      readBlock(block, wrong, () => undefined);
    }
    return block.length === 0 || block.length === BLOCK;
  } catch {
    return false;
  }
}
