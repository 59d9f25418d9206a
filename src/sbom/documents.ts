import { SBOM_FOLDER } from "../bundle/paths.js";
import { type SbomBundle, type SbomImage, bundleSbom, imageSbom } from "./cyclonedx.js";

/** A CycloneDX document and its place in an archive, `sbom/redis.cdx.json`. */
export interface SbomDocument {
  readonly path: string;
  readonly text: string;
}

/** Where the document of a bundle as a whole lies. */
const BUNDLE_SBOM = `${SBOM_FOLDER}bundle.cdx.json`;

/** Where a component's document lies. One called `bundle` gives way to the bundle's own. */
function sbomPath(component: string): string {
  const name = /^bundle(?:-image)*$/.test(component) ? `${component}-image` : component;
  return `${SBOM_FOLDER}${name}.cdx.json`;
}

/** Where the documents of a bundle with these components will lie. */
export function sbomPaths(components: readonly string[]): readonly string[] {
  return [BUNDLE_SBOM, ...components.map(sbomPath)];
}

/** All documents of a bundle: its own, and one for each image. */
export function sbomDocuments(
  bundle: SbomBundle,
  images: readonly SbomImage[],
): readonly SbomDocument[] {
  return [
    { path: BUNDLE_SBOM, text: bundleSbom(bundle, images) },
    ...images.map((image) => ({
      path: sbomPath(image.component.name),
      text: imageSbom(bundle, image),
    })),
  ];
}
