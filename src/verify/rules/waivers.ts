import type { Finding } from "../report.js";
import { declareRules } from "../rule.js";

/** A finding that is known and accepted. */
export interface Waiver {
  /** A rule's id. */
  readonly rule: string;
  /** Any component, and the archive itself, when absent. */
  readonly component?: string;
  /** A glob for a finding's path, or for its subject where it has no path. */
  readonly path?: string;
  readonly reason: string;
  /** Where it was written, for people: `verify.yaml:4:5`, or the flag. */
  readonly from: string;
}

export const WAIVERS = declareRules("config", {
  note: {
    "config/waiver": "A waiver of the configuration matches nothing.",
  },
});

/** A waiver that nothing needed. */
export function idleWaiver(waiver: Waiver): Finding {
  return WAIVERS.finding("config/waiver", {
    subject: waiver.from,
    message: `Waives ${describe(waiver)}, which was not found.`,
    hint: "Take it away, so that it cannot hide something later.",
  });
}

function describe({ rule, component, path }: Waiver): string {
  const about = component === undefined ? "" : ` of ${component}`;
  return `${rule}${about}${path === undefined ? "" : ` at ${path}`}`;
}
