import { expandVariables } from "../../definition/interpolation.js";
import { isMapping } from "../../definition/mapping.js";
import {
  type ComposeFacts,
  type ComposeServiceFacts,
  listOf,
  placeOf,
  scalarText,
} from "../compose-facts.js";
import type { Finding } from "../report.js";
import { declareRules } from "../rule.js";

export const PORTS = declareRules("compose", {
  error: {
    "compose/ports": "Two services that can run together want one port of the host.",
  },
  note: {
    "compose/ports-profiles":
      "Two services want one port of the host when their different profiles are asked for at once.",
  },
});

/** A port of the host that a service wants. */
interface HostPort {
  readonly service: ComposeServiceFacts;
  /** Empty for all addresses. */
  readonly address: string;
}

/** Ports of one file that are compared; more than any host can have open is not worth it. */
const MAX_PORTS = 100_000;

/**
 * No two services that can run together want one port of the host. Settings count with their
 * defaults; addresses that are told apart do not collide.
 */
export function checkComposePorts({ services, valueOf }: ComposeFacts): Finding[] {
  const wanted = new Map<string, HostPort[]>();
  const findings: Finding[] = [];
  const told = new Set<string>();
  let count = 0;
  for (const service of services) {
    for (const { address, from, to, protocol } of portsOf(service, valueOf)) {
      for (let port = from; port <= to && count < MAX_PORTS; port += 1, count += 1) {
        const key = `${port}/${protocol}`;
        const others = wanted.get(key) ?? [];
        wanted.set(key, [...others.slice(-20), { service, address }]);
        const rival = others.find((other) => overlap(other.address, address));
        if (rival === undefined) continue;
        const rule = together(rival.service, service) ? "compose/ports" : "compose/ports-profiles";
        const pair = `${rule} ${rival.service.name} ${service.name} ${key}`;
        if (told.has(pair)) continue;
        told.add(pair);
        findings.push(
          PORTS.finding(rule, {
            ...placeOf(service, ".ports"),
            message:
              rival.service === service
                ? "Wants one port of the host twice."
                : `Wants a port of the host that ${rival.service.name} has.`,
            found: key,
          }),
        );
      }
    }
  }
  return findings;
}

/** Whether both come up with the same choice of profiles, one profile at most. */
function together(a: ComposeServiceFacts, b: ComposeServiceFacts): boolean {
  return (
    a.profiles.length === 0 ||
    b.profiles.length === 0 ||
    a.profiles.some((profile) => b.profiles.includes(profile))
  );
}

function overlap(a: string, b: string): boolean {
  const every = ["", "0.0.0.0", "[::]", "::"];
  return a === b || every.includes(a) || every.includes(b);
}

interface PortRange {
  readonly address: string;
  readonly from: number;
  readonly to: number;
  readonly protocol: string;
}

/** The ports of the host that a service publishes, or listens on when it is on the host's network. */
export function portsOf(
  { value, component }: ComposeServiceFacts,
  valueOf: ComposeFacts["valueOf"],
): readonly PortRange[] {
  if (value["network_mode"] === "host") {
    return (component?.ports ?? []).map(({ host, protocol }) => ({
      address: "",
      from: host,
      to: host,
      protocol,
    }));
  }
  return listOf(value["ports"]).flatMap((entry) => {
    const text = (field: unknown): string => expandVariables(scalarText(field), valueOf);
    if (isMapping(entry)) {
      const range = rangeOf(text(entry["published"]));
      const protocol = text(entry["protocol"]) || "tcp";
      return range === undefined ? [] : [{ address: text(entry["host_ip"]), ...range, protocol }];
    }
    const [ports = "", protocol = "tcp"] = text(entry).split("/");
    const parts = ports.split(":");
    parts.pop();
    const range = rangeOf(parts.pop() ?? "");
    return range === undefined ? [] : [{ address: parts.join(":"), ...range, protocol }];
  });
}

function rangeOf(text: string): { readonly from: number; readonly to: number } | undefined {
  const [, first, last] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text) ?? [];
  if (first === undefined) return undefined;
  const [from, to] = [Number(first), Number(last ?? first)];
  return from >= 1 && from <= to && to <= 65_535 ? { from, to } : undefined;
}
