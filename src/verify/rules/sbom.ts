import type { Bundle } from "../../bundle/reader.js";
import { SBOM_FOLDER } from "../../bundle/paths.js";
import { compareSbom } from "../../sbom/compare.js";
import { type SbomDocument, sbomDocuments } from "../../sbom/documents.js";
import { imagesOf } from "../../sbom/read-packages.js";
import type { WalkedBundle } from "../../walk/types.js";
import type { Finding } from "../report.js";
import { declareRules } from "../rule.js";

export const SBOM = declareRules(
  "sbom",
  {
    warning: {
      "sbom/mismatch": "A document in sbom/ does not list the packages that are in the image.",
    },
  },
  { deep: true },
);

/** A document of ten thousand packages has some 10 MB. */
const MAX_DOCUMENT = 256 * 1024 * 1024;

/** Whether an archive has SBOMs, so that a walk must look for packages. */
export function hasSboms({ files }: Pick<Bundle, "files">): boolean {
  return sbomFiles(files).length > 0;
}

function sbomFiles(files: Bundle["files"]): readonly string[] {
  return [...files.keys()].filter((path) => path.startsWith(SBOM_FOLDER));
}

/**
 * The SBOMs in an archive are of its images, and list what the walk found in them. Where a layer could
 * not be read, nothing can be said: that is another rule's finding.
 */
export async function checkSboms(bundle: Bundle, walked: WalkedBundle): Promise<Finding[]> {
  const { manifest, images } = walked;
  if (images.some(({ layers }) => layers.some(({ trouble }) => trouble !== undefined))) return [];
  const expected = new Map(
    sbomDocuments(manifest, imagesOf(images)).map((document) => [document.path, document] as const),
  );
  const components = [undefined, ...images.map(({ component }) => component)];
  const findings: Finding[] = [];
  for (const [index, document] of [...expected.values()].entries()) {
    const component = components[index];
    const about = component === undefined ? {} : { component };
    const difference = await differenceOf(bundle, document);
    if (difference !== undefined) {
      findings.push(
        SBOM.finding("sbom/mismatch", { ...about, subject: document.path, ...difference }),
      );
    }
  }
  for (const path of sbomFiles(bundle.files)) {
    if (expected.has(path)) continue;
    const message = "Is about no component of the bundle.";
    findings.push(SBOM.finding("sbom/mismatch", { subject: path, message }));
  }
  return findings;
}

async function differenceOf(
  bundle: Bundle,
  document: SbomDocument,
): Promise<Pick<Finding, "message" | "expected" | "found"> | undefined> {
  const entry = bundle.files.get(document.path);
  if (entry === undefined) return { message: "Is not there, although the archive has SBOMs." };
  if (entry.size > MAX_DOCUMENT) return { message: "Is too large to be read." };
  return compareSbom(await bundle.readFile(document.path, MAX_DOCUMENT), document);
}
