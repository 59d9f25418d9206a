import { COMPOSE_FILE } from "../../bundle/paths.js";
import type { BundleManifest } from "../../bundle/types.js";
import { formatPlatform, parsePlatform } from "../../core/platform.js";
import { imageNameTrouble } from "../../definition/image-name.js";
import type { ArchiveFacts } from "../archive.js";
import { type ComposeServiceFacts, placeOf, readComposeFacts } from "../compose-facts.js";
import type { Finding } from "../report.js";
import { checkHealth, checkProfiles } from "./compose-health.js";
import { checkComposePaths } from "./compose-paths.js";
import { checkComposePorts } from "./compose-ports.js";
import { checkSecrets } from "./compose-secrets.js";
import { checkSettings } from "./compose-settings.js";
import { checkPortTable } from "./table.js";
import { type RuleIdOf, declareRules } from "../rule.js";

export const COMPOSE = declareRules("compose", {
  error: {
    "compose/parse": "compose.yaml is no compose file.",
    "compose/image-missing": "A service's image is not in the bundle.",
    "compose/image-unused": "No service uses an image of the bundle.",
    "compose/platform": "A service does not ask for the bundle's platform.",
    "compose/pull-policy": "A service may try to pull its image.",
    "compose/build": "A service wants to build its image on the site.",
    "compose/floating": "An image's tag names another image tomorrow.",
  },
});

/**
 * The sealed compose file can come up from this archive alone: its images are here, nothing is pulled
 * or built, and it refers to nothing that is not here or that a site would have to guess.
 */
export async function checkCompose(
  archive: ArchiveFacts,
  manifest: BundleManifest,
): Promise<Finding[]> {
  const compose = await readComposeFacts(archive, manifest);
  if (compose === undefined) return [];
  if (typeof compose === "string") {
    return [COMPOSE.finding("compose/parse", { subject: COMPOSE_FILE, message: compose })];
  }
  return [
    ...checkImages(compose.services, manifest),
    ...checkHealth(compose),
    ...checkProfiles(compose),
    ...checkComposePaths(compose, archive, manifest),
    ...checkComposePorts(compose),
    ...checkSecrets(compose, manifest),
    ...checkSettings(compose, manifest),
    ...checkPortTable(compose, manifest),
  ];
}

function checkImages(
  services: readonly ComposeServiceFacts[],
  manifest: BundleManifest,
): Finding[] {
  const references = new Set(manifest.components.map(({ image }) => image.reference));
  const used = new Set<string>();
  const findings: Finding[] = [];
  for (const service of services) {
    const image = service.value["image"];
    const known = typeof image === "string" && references.has(image) ? image : undefined;
    if (known !== undefined) used.add(known);
    findings.push(...checkService(service, known, manifest));
  }
  for (const { name, image } of manifest.components) {
    if (used.has(image.reference)) continue;
    findings.push(
      COMPOSE.finding("compose/image-unused", {
        component: name,
        subject: image.reference,
        message: `No service of ${COMPOSE_FILE} uses this image.`,
      }),
    );
  }
  return findings;
}

function checkService(
  service: ComposeServiceFacts,
  /** Its image's name, when that is in the bundle. */
  image: string | undefined,
  { platform, components }: BundleManifest,
): Finding[] {
  const { value } = service;
  const findings: Finding[] = [];
  const add = (
    rule: RuleIdOf<typeof COMPOSE>,
    message: string,
    found: unknown,
    expected?: string,
  ): void => {
    findings.push(
      COMPOSE.finding(rule, {
        ...placeOf(service),
        message,
        ...(expected === undefined ? {} : { expected }),
        found:
          found === undefined
            ? "nothing"
            : typeof found === "string"
              ? found
              : JSON.stringify(found),
      }),
    );
  };
  const floats = image === undefined ? undefined : imageNameTrouble(image);
  if (image === undefined) {
    add("compose/image-missing", "Its image is not in the bundle.", value["image"]);
  } else if (floats !== undefined) {
    add("compose/floating", "Its image's tag does not name a version.", image);
  }
  // An image for an older variant may be asked for by its own platform or by the bundle's.
  const own = components.find((one) => one.image.reference === image)?.image.platform;
  const right = [platform, ...(own === undefined ? [] : [own])];
  if (!right.map(normal).includes(normal(value["platform"]))) {
    const message = "Does not ask for the bundle's platform.";
    add("compose/platform", message, value["platform"], platform);
  }
  if (value["pull_policy"] !== "never") {
    add("compose/pull-policy", "May try to pull its image.", value["pull_policy"], "never");
  }
  if (value["build"] !== undefined) {
    add("compose/build", "Wants to build its image on the site.", value["build"]);
  }
  return findings;
}

function normal(platform: unknown): string | undefined {
  if (typeof platform !== "string") return undefined;
  try {
    return formatPlatform(parsePlatform(platform));
  } catch {
    return platform;
  }
}
