import { isMapping } from "./mapping.js";
import type { Alternative, Port } from "./types.js";

const FORM = /^(\d{1,5}):(\d{1,5})(?:\/(tcp|udp))?$/;

/** Reads the table's `13306:3306` or `53:53/udp` (host:container). */
export function parsePort(text: string): Port | undefined {
  const [, host, container, protocol] = FORM.exec(text) ?? [];
  if (host === undefined || container === undefined) return undefined;
  const port = {
    host: Number(host),
    container: Number(container),
    protocol: protocol === "udp" ? "udp" : "tcp",
  } as const;
  return inRange(port.host) && inRange(port.container) ? port : undefined;
}

function inRange(port: number): boolean {
  return port >= 1 && port <= 65_535;
}

/** `13306:3306`, `53:53/udp`. */
export function formatPort(port: Port): string {
  return `${port.host}:${port.container}${port.protocol === "udp" ? "/udp" : ""}`;
}

/**
 * Reads one entry of a compose service's `ports` (compose-spec, ports: short and long syntax) whose
 * variables are already replaced. The host's address is of no interest here.
 * @returns the port, or a sentence about what a bundle cannot hold.
 */
export function readPublishedPort(entry: unknown): Port | string {
  if (isMapping(entry)) {
    const { published, target, protocol } = entry;
    const text = (value: unknown): string =>
      typeof value === "string" || typeof value === "number" ? String(value) : "";
    return (
      parsePort(`${text(published)}:${text(target)}${protocol === "udp" ? "/udp" : ""}`) ??
      "a port needs one `published` and one `target` number"
    );
  }
  if (typeof entry !== "string") return "a port is text like 13306:3306; write it in quotes";
  const [ports, protocol] = entry.split("/");
  const numbers = /(?:^|:)(\d+):(\d+)$/.exec(ports ?? "");
  if (numbers === null) {
    return `${JSON.stringify(entry)} does not say host:container; each port is published singly, without ranges`;
  }
  return (
    parsePort(
      `${numbers[1] ?? ""}:${numbers[2] ?? ""}${protocol === undefined ? "" : `/${protocol}`}`,
    ) ?? `${JSON.stringify(entry)} is not a port`
  );
}

/** The ports of a component on the site: an alternative may publish fewer than the table has. */
export function portsWith(
  ports: readonly Port[],
  alternative: Pick<Alternative, "service"> | undefined,
): readonly Port[] {
  const published = alternative?.service["ports"];
  if (!Array.isArray(published)) return ports;
  const kept = new Set(
    published
      .map(readPublishedPort)
      .map((port) => (typeof port === "string" ? port : formatPort(port))),
  );
  return ports.filter((port) => kept.has(formatPort(port)));
}
