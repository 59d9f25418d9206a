import type { BuilderSettings } from "./builder-settings.js";
import { type TomlTable, writeToml } from "./toml.js";

/** Registries that a definition is likely to name: BuildKit knows no setting for all of them. */
const WELL_KNOWN = [
  "docker.io",
  "gcr.io",
  "ghcr.io",
  "mcr.microsoft.com",
  "quay.io",
  "registry.k8s.io",
];

/**
 * buildkitd.toml for a builder (moby/buildkit docs/buildkitd.toml.md); undefined when the defaults do.
 * @param caFile absolute path of the one bundle of certificates; buildx copies it to the nodes.
 */
export function buildkitdConfig(
  { mirrors, insecure, registries }: Pick<BuilderSettings, "mirrors" | "insecure" | "registries">,
  caFile: string | undefined,
): string | undefined {
  const tables = new Map<string, Record<string, string | boolean | readonly string[]>>();
  const table = (host: string): Record<string, string | boolean | readonly string[]> => {
    const known = tables.get(host) ?? {};
    tables.set(host, known);
    return known;
  };
  const trusting = new Set<string>(registries);
  for (const [registry, urls] of mirrors) {
    const places = urls.map((text) => new URL(text));
    trusting.add(registry);
    // BuildKit wants `host/path`; how to talk to the host is the host's own table.
    table(registry)["mirrors"] = places.map(({ host, pathname }) =>
      `${host}${pathname}`.replace(/\/+$/, ""),
    );
    for (const { host, protocol } of places) {
      if (protocol === "http:") table(host)["http"] = true;
      else trusting.add(host);
    }
  }
  // Together they mean: over TLS with whatever certificate, or else without TLS.
  for (const host of insecure) Object.assign(table(host), { http: true, insecure: true });
  if (caFile !== undefined) {
    for (const host of [...WELL_KNOWN, ...trusting]) table(host)["ca"] = [caFile];
  }
  if (tables.size === 0) return undefined;
  const written = [...tables].sort(([a], [b]) => (a < b ? -1 : 1));
  return writeToml(
    written.map(([host, values]): TomlTable => ({ path: ["registry", host], values })),
  );
}
