import { type ComposeModel, dependenciesOf, textAt } from "./model.js";

export interface SelectionTerms {
  /** The bundle's components, each with what shows that it cannot be judged here. */
  readonly components: ReadonlyMap<string, string | undefined>;
  /** Services may have the host's network: it is not this machine's. */
  readonly hostNetwork: boolean;
}

/**
 * Services that are not started, each with the reason: what cannot be isolated, what emulation cannot
 * judge, and whatever needs one of them.
 */
export function skippedServices(
  { services }: ComposeModel,
  { components, hostNetwork }: SelectionTerms,
): ReadonlyMap<string, string> {
  const skipped = new Map<string, string>();
  for (const [name, service] of services) {
    const network = textAt(service, "network_mode");
    const sign = components.get(name);
    if (!components.has(name)) skipped.set(name, "the bundle has no image for it");
    else if (!hostNetwork && (network === "host" || network.startsWith("container:"))) {
      skipped.set(
        name,
        `it has network_mode ${network}, which cannot be cut off from the network; --throw-away rehearses it`,
      );
    } else if (sign !== undefined) {
      skipped.set(name, `it is Java (${sign}), which emulation cannot judge`);
    }
  }
  // Each round finds those that need what the one before found.
  for (let before = -1; before !== skipped.size;) {
    before = skipped.size;
    for (const [name, service] of services) {
      if (skipped.has(name)) continue;
      const missing = [...dependenciesOf(service)]
        .filter(([other, { needed }]) => needed && (skipped.has(other) || !services.has(other)))
        .map(([other]) => other);
      if (missing.length > 0) {
        skipped.set(
          name,
          `it needs ${missing.join(", ")}, which ${missing.length > 1 ? "are" : "is"} not started`,
        );
      }
    }
  }
  for (const name of components.keys()) {
    if (!services.has(name)) skipped.set(name, "it starts with a compose profile only");
  }
  return skipped;
}
