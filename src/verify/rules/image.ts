import { blobPath, imageDocuments, tagOf } from "../../bundle/image-layout.js";
import type { BundleComponent } from "../../bundle/types.js";
import {
  formatPlatform,
  normalizePlatform,
  parsePlatform,
  platformDistance,
} from "../../core/platform.js";
import { platformOf } from "../../image/config.js";
import type { Descriptor } from "../../image/descriptor.js";
import { layerCompression } from "../../image/media-types.js";
import type { TarFacts } from "../archive.js";
import { DOCUMENTS, type ImageDocuments, soleOf } from "../image-documents.js";
import type { Finding } from "../report.js";
import { type RuleIdOf, declareRules } from "../rule.js";

export const IMAGE = declareRules(
  "image",
  {
    error: {
      "image/diff-ids": "The config has another number of diffIDs than the manifest has layers.",
      "image/platform": "The config says another platform than the bundle's.",
      "image/reference": "An engine would know the image by another name than compose.yaml uses.",
      "image/lock": "The image is not the one that bundle.json pins.",
      "image/documents": "A document says more than bundle.json gives reason for.",
    },
    warning: {
      "image/zstd": "A layer is zstd-compressed, which Docker before 23 cannot load.",
    },
    note: {
      "image/variant": "The image is for an older variant of the platform, and runs there as well.",
    },
  },
  { using: [DOCUMENTS] },
);

type Compare = (
  rule: RuleIdOf<typeof IMAGE>,
  subject: string,
  expected: string | undefined,
  found: string | undefined,
  message: string,
) => void;

/** Collects a finding wherever two things differ. */
function comparing(component: string, findings: Finding[]): Compare {
  return (rule, subject, expected, found, message) => {
    if (expected === found) return;
    findings.push(
      IMAGE.finding(rule, {
        component,
        subject,
        message,
        expected: expected ?? "nothing",
        found: found ?? "nothing",
      }),
    );
  };
}

/** The version that a tarball's layout says it has. */
export function checkLayoutVersion(version: string | undefined, component?: string): Finding[] {
  if (version === undefined || version === "1.0.0") return [];
  const about = component === undefined ? {} : { component };
  const message = "Has an unknown version.";
  return [
    IMAGE.finding("image/oci-layout", {
      ...{ ...about, subject: "oci-layout", message, expected: "1.0.0", found: version },
    }),
  ];
}

/** The documents of an image agree with each other: index → manifest → config → layers. */
export function checkChain({ name, entry, docker, manifest, config }: ImageDocuments): Finding[] {
  const findings: Finding[] = [];
  const compare = comparing(name, findings);
  if (manifest !== undefined && entry !== undefined) {
    compare(
      "image/index",
      "index.json",
      manifest.mediaType,
      entry.mediaType,
      "Gives the manifest another media type than it has.",
    );
  }
  if (manifest !== undefined && docker !== undefined) {
    compare(
      "image/docker-manifest",
      "manifest.json",
      blobPath(manifest.config.digest),
      docker.Config,
      "Names another config than the manifest.",
    );
    compare(
      "image/docker-manifest",
      "manifest.json",
      manifest.layers.map(({ digest }) => blobPath(digest)).join(" "),
      docker.Layers.join(" "),
      "Names other layers than the manifest, or in another order.",
    );
  }
  if (manifest !== undefined && config !== undefined) {
    compare(
      "image/diff-ids",
      manifest.config.digest,
      `${manifest.layers.length} layers`,
      `${config.diffIds.length} layers`,
      "The config has another number of diffIDs than the manifest has layers.",
    );
  }
  return findings;
}

/** Layers that not every engine can unpack: Docker learned zstd with version 23. */
export function checkEngineNeeds(
  { manifest }: ImageDocuments,
  { name }: BundleComponent,
): Finding[] {
  return (manifest?.layers ?? [])
    .filter(({ mediaType }) => layerCompression(mediaType) === "zstd")
    .map(({ digest }) =>
      IMAGE.finding("image/zstd", {
        component: name,
        subject: digest,
        message: "Is a zstd layer, which Docker before 23 cannot load.",
      }),
    );
}

/** The image is made for the bundle's platform, by its config, and every document says so. */
export function checkPlatform(
  { entry, config }: ImageDocuments,
  { name, image }: BundleComponent,
  target: string,
): Finding[] {
  if (config === undefined) return [];
  const findings: Finding[] = [];
  const compare = comparing(name, findings);
  const platform = platformOf(config, parsePlatform(image.platform));
  const found = formatPlatform(platform);
  const distance = platformDistance(parsePlatform(target), platform);
  if (distance === undefined) {
    compare("image/platform", image.reference, target, found, "Is made for another platform.");
  } else if (distance > 0) {
    findings.push(
      IMAGE.finding("image/variant", {
        component: name,
        subject: image.reference,
        message: "Is made for an older variant of the platform, which runs there as well.",
        expected: target,
        found,
      }),
    );
  }
  const named = formatPlatform(parsePlatform(image.platform));
  compare(
    "image/lock",
    "bundle.json",
    found,
    named,
    "Gives the image another platform than its config.",
  );
  if (entry !== undefined) {
    const { os, architecture, variant } = entry.platform;
    const listed = formatPlatform(
      normalizePlatform({ os, architecture, ...(variant === undefined ? {} : { variant }) }),
    );
    compare(
      "image/index",
      "index.json",
      found,
      listed,
      "Gives the image another platform than its config.",
    );
  }
  return findings;
}

/** An engine will know the image by exactly the name that bundle.json, and so compose.yaml, uses. */
export function checkReference(
  { entry, docker, references }: ImageDocuments,
  { name, image }: BundleComponent,
): Finding[] {
  const findings: Finding[] = [];
  const compare = comparing(name, findings);
  const { reference } = image;
  const [host = ""] = reference.split("/");
  if (
    tagOf(reference) === undefined ||
    !reference.includes("/") ||
    !/[.:]|^localhost$/.test(host)
  ) {
    findings.push(
      IMAGE.finding("image/reference", {
        component: name,
        subject: reference,
        message: "Is not a fully qualified name with a tag; Podman would file it under localhost/.",
      }),
    );
  }
  if (docker !== undefined) {
    const [expected, found] = [references.join(" "), docker.RepoTags.join(" ")];
    compare("image/reference", "manifest.json", expected, found, "Gives the image another name.");
  }
  if (entry !== undefined) {
    const { annotations } = entry;
    const full = annotations["io.containerd.image.name"];
    const tag = annotations["org.opencontainers.image.ref.name"];
    compare("image/reference", "index.json", reference, full, "Gives the image another name.");
    compare("image/reference", "index.json", tagOf(reference), tag, "Gives the image another tag.");
  }
  return findings;
}

/** The image inside is the one that bundle.json pins, descriptor by descriptor. */
export function checkPinned(
  { manifest, entry, config }: ImageDocuments,
  { name, image }: BundleComponent,
): Finding[] {
  const findings: Finding[] = [];
  const compare = comparing(name, findings);
  const pinned = (subject: string, expected?: Descriptor, found?: Descriptor): void =>
    compare(
      "image/lock",
      subject,
      describe(expected),
      describe(found),
      "Is not what bundle.json pins.",
    );
  if (entry !== undefined) pinned("manifest", image.manifest, entry);
  if (manifest !== undefined) {
    pinned("config", image.config, manifest.config);
    const count = Math.max(image.layers.length, manifest.layers.length);
    for (let at = 0; at < count; at += 1) {
      pinned(`layer ${at + 1}`, image.layers[at], manifest.layers[at]);
    }
  }
  for (const [at, diffId] of config?.diffIds.entries() ?? []) {
    const message = "Its diffID in the config is not what bundle.json pins.";
    compare("image/lock", `layer ${at + 1}`, image.layers[at]?.diffId, diffId, message);
  }
  return findings;
}

/**
 * index.json, manifest.json and oci-layout are, to the byte, what bundle.json gives reason for.
 * Asked last, when nothing else is wrong: it cannot say what a difference means.
 */
export async function checkDocuments(
  tar: TarFacts,
  components: readonly BundleComponent[],
): Promise<Finding[]> {
  const findings: Finding[] = [];
  const component = soleOf(components);
  const about = component === undefined ? {} : { component };
  for (const { path, bytes } of imageDocuments(components.map(({ image }) => image))) {
    const found = await tar.read(path);
    if (found?.equals(bytes) === true) continue;
    const message = "Says more than bundle.json gives reason for, or says it otherwise.";
    findings.push(IMAGE.finding("image/documents", { ...about, subject: path, message }));
  }
  return findings;
}

function describe(descriptor: Descriptor | undefined): string | undefined {
  return descriptor && `${descriptor.digest}, ${descriptor.size} bytes, ${descriptor.mediaType}`;
}
