import { MANIFEST_FILE } from "../../bundle/paths.js";
import type { BundleComponent, BundleManifest } from "../../bundle/types.js";
import {
  formatPlatform,
  parsePlatform,
  platformMatches,
  type Platform,
} from "../../core/platform.js";
import type { ComposeFacts } from "../compose-facts.js";
import type { Finding } from "../report.js";
import { portsOf } from "./compose-ports.js";
import { declareRules } from "../rule.js";

export const TABLE = declareRules("table", {
  error: {
    "table/ports": "bundle.json lists other ports of a component than its service publishes.",
  },
  warning: {
    "table/platform": "The component table's claim of platforms is not what came of it.",
    "table/left-out": "A required component was left out.",
  },
});

/**
 * What the component table claimed of platforms, against the image that came of it: a claim too little
 * or too much is a mistake in the table, which the next bundle has again.
 * @param real the platform that the image's config says.
 */
export function checkClaim(
  { name, method, platforms, image }: BundleComponent,
  target: string,
  real: Platform | undefined,
): Finding[] {
  if (platforms === undefined) return [];
  const claims = platforms.map((text) => parsePlatform(text));
  const wanted = parsePlatform(target);
  const about = {
    component: name,
    subject: image.reference,
    expected: platforms.join(", "),
    hint: "Correct `platforms` in components.yaml.",
  };
  if (method === "image" && real !== undefined) {
    // An image for an older variant of a claimed platform is what was claimed.
    if (claims.some((claim) => platformMatches(claim, real) || platformMatches(real, claim)))
      return [];
    const message = "Is for a platform that the component table does not claim.";
    return [TABLE.finding("table/platform", { ...about, message, found: formatPlatform(real) })];
  }
  if (method !== "alternative" || !claims.some((claim) => platformMatches(wanted, claim)))
    return [];
  return [
    TABLE.finding("table/platform", {
      ...about,
      message: "Stands in for an image that the component table claims for this platform.",
      found: `no image for ${target}`,
    }),
  ];
}

/** What was required and is not here, by somebody's choice. */
export function checkLeftOut({ leftOut }: BundleManifest): Finding[] {
  return leftOut
    .filter(({ required }) => required)
    .map(({ name, reason }) =>
      TABLE.finding("table/left-out", {
        component: name,
        subject: MANIFEST_FILE,
        message: "Is required, and was left out.",
        found: reason,
      }),
    );
}

/** The ports that bundle.json lists, and the site checks, are those that the services publish. */
export function checkPortTable(
  { services, valueOf }: ComposeFacts,
  manifest: BundleManifest,
): Finding[] {
  return manifest.components.flatMap(({ name, ports }) => {
    const service = services.find((one) => one.name === name);
    if (service === undefined || service.value["network_mode"] === "host") return [];
    const listed = sorted(ports.map(({ host, protocol }) => `${host}/${protocol}`));
    const published = sorted(
      portsOf(service, valueOf).map(({ from, to, protocol }) =>
        from === to ? `${from}/${protocol}` : `${from}-${to}/${protocol}`,
      ),
    );
    if (listed === published) return [];
    return [
      TABLE.finding("table/ports", {
        component: name,
        subject: `services.${name}.ports`,
        message: `Publishes other ports than ${MANIFEST_FILE} lists.`,
        expected: listed || "none",
        found: published || "none",
      }),
    ];
  });
}

function sorted(ports: readonly string[]): string {
  return [...new Set(ports)].sort().join(", ");
}
