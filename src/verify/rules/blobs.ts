import { blobPath } from "../../bundle/image-layout.js";
import { hexOf, type Digest } from "../../core/digest.js";
import type { Descriptor } from "../../image/descriptor.js";
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
const BLOB = /^blobs\/sha256\/([0-9a-f]{64})$/;

/** Every blob has the bytes that its name says, and every blob that is spoken of is there. */
export function checkBlobs(
  tar: TarFacts,
  { manifestDescriptor, manifest }: ImageDocuments,
  component: string,
): Finding[] {
  const findings: Finding[] = [];
  const add = (
    rule: RuleIdOf<typeof BLOBS>,
    subject: string,
    message: string,
    more: Partial<Finding> = {},
  ): void => {
    findings.push(BLOBS.finding(rule, { component, subject, message, ...more }));
  };
  const wanted = new Map<Digest, Descriptor>();
  const descriptors = [
    ...(manifestDescriptor === undefined ? [] : [manifestDescriptor]),
    ...(manifest === undefined ? [] : [manifest.config, ...manifest.layers]),
  ];
  for (const descriptor of descriptors) {
    const { digest, size } = descriptor;
    const known = wanted.get(digest);
    wanted.set(digest, descriptor);
    const entry = tar.files.get(blobPath(digest));
    if (known?.size === size) continue;
    if (entry === undefined) {
      add("blob/missing", digest, "Is referred to, but not in the image tarball.");
    } else if (entry.size !== size) {
      add("blob/size", digest, "Has another size than its descriptor says, in bytes.", {
        expected: String(size),
        found: String(entry.size),
      });
    }
  }
  for (const [path, hash] of tar.hashes) {
    if (DOCUMENTS.includes(path)) continue;
    const hex = BLOB.exec(path)?.[1];
    if (hex === undefined) {
      add("image/file", path, "Is neither a document of an image tarball nor a blob.");
      continue;
    }
    if ("sha256" in hash && hash.sha256 !== hex) {
      add("blob/digest", `sha256:${hex}`, "Its bytes have another digest than its name.", {
        expected: `sha256:${hex}`,
        found: `sha256:${hash.sha256}`,
      });
    }
    if (manifest !== undefined && ![...wanted.keys()].some((digest) => hexOf(digest) === hex)) {
      add("blob/unused", `sha256:${hex}`, "Is in the image tarball, but nothing refers to it.");
    }
  }
  return findings;
}

/** Layers begin as their media types say, so that no engine is told gzip and given something else. */
export async function checkCompression(
  tar: TarFacts,
  { manifest }: ImageDocuments,
  component: string,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const { digest, mediaType } of manifest?.layers ?? []) {
    const bytes = await tar.head(blobPath(digest), 4);
    const expected = layerCompression(mediaType);
    if (bytes === undefined || expected === undefined) continue;
    const found = compressionOf(bytes);
    if (found === expected) continue;
    findings.push(
      BLOBS.finding("layer/compression", {
        component,
        subject: digest,
        message: "Its first bytes are not what its media type says.",
        expected,
        found,
      }),
    );
  }
  return findings;
}

/** By the magic numbers of RFC 1952 and RFC 8878. */
function compressionOf(bytes: Buffer): Compression {
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) return "gzip";
  return bytes.length >= 4 && bytes.readUInt32LE(0) === 0xfd2fb528 ? "zstd" : "none";
}
