import type { Waiver } from "../config.js";
import type { Finding } from "../report.js";
import { declareRules } from "../rule.js";

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
