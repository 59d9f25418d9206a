import { hasHealthcheck } from "../../definition/check-health.js";
import { type ComposeFacts, placeOf } from "../compose-facts.js";
import type { Finding } from "../report.js";
import { declareRules } from "../rule.js";

export const HEALTH = declareRules("compose", {
  error: {
    "compose/health": "A required component's service has no health check.",
    "compose/profile-required": "A required component only comes up with a profile.",
  },
  note: {
    "compose/profile": "A service only comes up when its profile is asked for.",
  },
});

/** Nobody on the site could tell whether a required service works without a health check. */
export function checkHealth({ services }: ComposeFacts): Finding[] {
  return services
    .filter(({ component, value }) => component?.required === true && !hasHealthcheck(value))
    .map((service) =>
      HEALTH.finding("compose/health", {
        ...placeOf(service, ".healthcheck"),
        message: "Is required and has no health check.",
      }),
    );
}

/** The site starts what has no profile, so everything else is told. */
export function checkProfiles({ services }: ComposeFacts): Finding[] {
  return services
    .filter(({ profiles }) => profiles.length > 0)
    .map((service) => {
      const { component, profiles } = service;
      const required = component?.required === true;
      return HEALTH.finding(required ? "compose/profile-required" : "compose/profile", {
        ...placeOf(service, ".profiles"),
        message: required
          ? "Is required, but only comes up with a profile, which the site does not ask for."
          : "Only comes up when its profile is asked for.",
        found: profiles.join(", "),
      });
    });
}
