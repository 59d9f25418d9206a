import { parseDocument } from "yaml";
import { COMPOSE_FILE } from "../../bundle/paths.js";
import type { BundleComponent, BundleManifest } from "../../bundle/types.js";
import { messageOf } from "../../core/errors.js";
import { formatPlatform, parsePlatform } from "../../core/platform.js";
import type { ArchiveFacts } from "../archive.js";
import type { Finding } from "../report.js";

/** The sealed compose file can come up from this archive alone: its images are here and nothing is pulled or built. */
export async function checkCompose(
  archive: ArchiveFacts,
  manifest: BundleManifest,
): Promise<Finding[]> {
  const bytes = await archive.read(COMPOSE_FILE);
  if (bytes === undefined) return [];
  const services = readServices(bytes.toString("utf8"));
  if (typeof services === "string") {
    return [{ rule: "compose/parse", severity: "error", subject: COMPOSE_FILE, message: services }];
  }
  const byReference = new Map(
    manifest.components.map((component) => [component.image.reference, component]),
  );
  const used = new Set<string>();
  const findings: Finding[] = [];
  for (const [name, service] of services) {
    const image = service["image"];
    const component = typeof image === "string" ? byReference.get(image) : undefined;
    if (component !== undefined) used.add(component.image.reference);
    findings.push(...checkService(name, service, component, manifest.platform));
  }
  for (const { name, image } of manifest.components) {
    if (used.has(image.reference)) continue;
    findings.push({
      rule: "compose/image-unused",
      severity: "error",
      component: name,
      subject: image.reference,
      message: `No service of ${COMPOSE_FILE} uses this image.`,
    });
  }
  return findings;
}

type Service = Readonly<Record<string, unknown>>;

function checkService(
  name: string,
  service: Service,
  component: BundleComponent | undefined,
  platform: string,
): Finding[] {
  const findings: Finding[] = [];
  const add = (
    rule: string,
    message: string,
    expected: string | undefined,
    found: unknown,
  ): void => {
    findings.push({
      rule,
      severity: "error",
      ...(component === undefined ? {} : { component: component.name }),
      subject: `services.${name}`,
      message,
      ...(expected === undefined ? {} : { expected }),
      found:
        found === undefined ? "nothing" : typeof found === "string" ? found : JSON.stringify(found),
    });
  };
  if (component === undefined) {
    add("compose/image-missing", "Its image is not in the bundle.", undefined, service["image"]);
  }
  // An image for an older variant may be asked for by its own platform or by the bundle's.
  const right = [platform, ...(component === undefined ? [] : [component.image.platform])];
  if (!right.map(normal).includes(normal(service["platform"]))) {
    add(
      "compose/platform",
      "Does not ask for the bundle's platform.",
      platform,
      service["platform"],
    );
  }
  if (service["pull_policy"] !== "never") {
    add("compose/pull-policy", "May try to pull its image.", "never", service["pull_policy"]);
  }
  if (service["build"] !== undefined) {
    add("compose/build", "Wants to build its image on the site.", undefined, service["build"]);
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

/** The services by name, or why there are none to be read. */
function readServices(text: string): ReadonlyMap<string, Service> | string {
  let content: unknown;
  try {
    const document = parseDocument(text, { merge: true });
    const [error] = document.errors;
    if (error !== undefined) return error.message;
    content = document.toJS({ maxAliasCount: 1000 });
  } catch (error) {
    return messageOf(error);
  }
  if (!isMapping(content) || !isMapping(content["services"])) return "Has no services.";
  const services = Object.entries(content["services"]);
  const broken = services.find(([, service]) => !isMapping(service));
  if (broken !== undefined) return `services.${broken[0]} is not a mapping.`;
  return new Map(services.filter((entry): entry is [string, Service] => isMapping(entry[1])));
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
