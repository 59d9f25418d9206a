import { MANIFEST_FILE } from "../../bundle/paths.js";
import { tarballsOf } from "../../bundle/tarballs.js";
import type { BundleManifest } from "../../bundle/types.js";
import type { Digest } from "../../core/digest.js";
import type { ArchiveFacts } from "../archive.js";
import type { Finding } from "../report.js";
import { IMAGE } from "./image.js";
import { declareRules } from "../rule.js";

export const MANIFEST = declareRules(
  "manifest",
  {
    error: {
      "bundle/manifest": "bundle.json cannot be read, or is of another version.",
      "bundle/size": "bundle.json gives another size than the archive, an image or the blobs have.",
      "bundle/tarball-missing": "A component's image tarball is not in the archive.",
      "bundle/tarball-unknown": "An image tarball belongs to no component.",
    },
  },
  { using: [IMAGE] },
);

/** bundle.json tells the truth about what lies beside it: tarballs, and sizes to the byte. */
export function checkManifest(archive: ArchiveFacts, manifest: BundleManifest): Finding[] {
  const findings: Finding[] = [];
  const size = (subject: string, expected: number, found: number, component?: string): void => {
    if (expected === found) return;
    findings.push(
      MANIFEST.finding("bundle/size", {
        ...(component === undefined ? {} : { component }),
        subject,
        message: `${MANIFEST_FILE} gives another size, in bytes.`,
        expected: String(expected),
        found: String(found),
      }),
    );
  };
  const { sizes, components } = manifest;
  size("archive", sizes.archive, archive.size);
  const known = new Set<string>();
  const blobs = new Map<Digest, number>();
  const names = new Map<string, string>();
  for (const { name, image } of components) {
    for (const layer of [image.manifest, image.config, ...image.layers]) {
      blobs.set(layer.digest, layer.size);
    }
    const first = names.get(image.reference);
    if (first !== undefined && first !== image.manifest.digest) {
      findings.push(
        MANIFEST.finding("image/reference", {
          component: name,
          subject: image.reference,
          message: "Another image has the same name; an engine keeps only the one loaded last.",
          expected: first,
          found: image.manifest.digest,
        }),
      );
    }
    names.set(image.reference, image.manifest.digest);
  }
  let images = 0;
  for (const { path, components: members } of tarballsOf(components)) {
    known.add(path);
    const said = members[0]?.tarball.size ?? 0;
    images += said;
    const entry = archive.files.get(path);
    if (entry !== undefined) {
      size(path, said, entry.size, members.length === 1 ? members[0]?.name : undefined);
      continue;
    }
    for (const { name } of members) {
      findings.push(
        MANIFEST.finding("bundle/tarball-missing", {
          component: name,
          subject: path,
          message: "The component's image is not in the archive.",
        }),
      );
    }
  }
  size("all images", sizes.images, images);
  size(
    "distinct blobs",
    sizes.distinctBlobs,
    [...blobs.values()].reduce((sum, bytes) => sum + bytes, 0),
  );
  for (const path of archive.files.keys()) {
    if (!path.startsWith("images/") || known.has(path)) continue;
    findings.push(
      MANIFEST.finding("bundle/tarball-unknown", {
        subject: path,
        message: `Belongs to no component of ${MANIFEST_FILE}.`,
      }),
    );
  }
  return findings;
}
