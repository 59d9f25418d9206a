import type { BundleManifest } from "../../bundle/types.js";
import type { WalkedBundle, WalkedImage, WalkedLayer } from "../../walk/types.js";
import { MANIFEST_FILE } from "../../bundle/paths.js";
import type { Finding } from "../report.js";
import { declareRules } from "../rule.js";

export const LAYERS = declareRules(
  "programs",
  {
    error: {
      "image/diff-id": "A layer unpacks to other bytes than the image's config names.",
      "image/unread": "The layers could not be looked into.",
      "layer/damaged": "A layer cannot be unpacked to its end.",
      "layer/ambiguous":
        "A layer is written so that two programs could read two things in it, or an engine refuses it.",
    },
    warning: {
      "bundle/unpacked": "bundle.json is off by more than a tenth of what layers unpack to.",
    },
    note: {
      "layer/unread": "A layer is compressed in a way that is not looked into.",
    },
  },
  { deep: true },
);

/** How far an estimate may be off. */
const TOLERANCE = 0.1;

/** Layers unpack to what the config names, to their end, and to one thing alone. */
export function checkLayers(walked: WalkedImage): readonly Finding[] {
  const { component, image, layers } = walked;
  return layers.flatMap((layer, index): Finding[] => {
    const { digest, diffId, doubts, trouble } = layer;
    const about = { component, subject: digest, layer: digest };
    const inTree = walked.doubts.filter((doubt) => doubt.layer === index);
    const ambiguous = [...doubts, ...inTree.map(({ message }) => message)].map((message) =>
      LAYERS.finding("layer/ambiguous", { ...about, message }),
    );
    // That it is missing is the finding of another rule.
    if (trouble?.kind === "damaged") {
      return [
        ...ambiguous,
        LAYERS.finding("layer/damaged", { ...about, message: trouble.message }),
      ];
    }
    if (trouble?.kind === "compression") {
      return [LAYERS.finding("layer/unread", { ...about, message: trouble.message })];
    }
    const expected = image.layers[index]?.diffId;
    if (diffId === undefined || expected === undefined || diffId === expected) return ambiguous;
    const message = "Unpacks to other bytes than the image's config names.";
    return [
      ...ambiguous,
      LAYERS.finding("image/diff-id", { ...about, message, expected, found: diffId }),
    ];
  });
}

/** The unpacked sizes of bundle.json, which may be estimates, against the real ones. */
export function checkUnpacked({ manifest, images }: WalkedBundle): readonly Finding[] {
  const findings: Finding[] = [];
  const compare = (
    subject: string,
    said: number | undefined,
    layers: readonly WalkedLayer[],
    component?: string,
  ): void => {
    if (said === undefined || layers.some(({ trouble }) => trouble !== undefined)) return;
    const real = [...new Set(layers)].reduce((sum, { unpacked }) => sum + unpacked, 0);
    if (Math.abs(said - real) <= TOLERANCE * real) return;
    findings.push(
      LAYERS.finding("bundle/unpacked", {
        ...(component === undefined ? {} : { component }),
        subject,
        message: "Is off by more than a tenth from what the layers unpack to, in bytes.",
        expected: String(real),
        found: String(said),
      }),
    );
  };
  for (const { component, layers } of images) {
    const subject = `${MANIFEST_FILE}: components.${component}.unpacked`;
    compare(subject, unpackedOf(manifest, component), layers, component);
  }
  if (images.length === manifest.components.length) {
    const all = images.flatMap(({ layers }) => layers);
    compare(`${MANIFEST_FILE}: sizes.unpacked`, manifest.sizes.unpacked, all);
  }
  return findings;
}

function unpackedOf({ components }: BundleManifest, component: string): number | undefined {
  return components.find(({ name }) => name === component)?.unpacked;
}
