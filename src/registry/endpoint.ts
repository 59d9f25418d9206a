import { BundlerError } from "../core/errors.js";
import { webAddress } from "./web-address.js";

/** One place that may have an image: a registry or a mirror of it. */
export interface Endpoint {
  /** `host[:port]`, for messages, limits and credentials. */
  readonly host: string;
  /** Under which name Docker keeps the credentials. */
  readonly credentialsHost: string;
  /** Origins to try in order; more than one for an insecure registry whose scheme is not known. */
  readonly origins: readonly string[];
  /** What a mirror puts before the repository, `""` or `proxy/`. */
  readonly prefix: string;
  readonly mirror: boolean;
}

/** Which hosts the user called insecure: they may speak plain HTTP or show any certificate. */
export interface HostPolicy {
  isInsecure(url: URL): boolean;
}

/** @param insecure `host` for any port, or `host:port`. */
export function hostPolicy(insecure: ReadonlySet<string>): HostPolicy {
  const named = new Set([...insecure].map((host) => host.toLowerCase()));
  return {
    isInsecure: (url) =>
      [url.host, `${url.hostname}:${portOf(url)}`, url.hostname].some((name) => named.has(name)),
  };
}

/**
 * Gives for a registry its mirrors, then the registry itself unless mirrors alone are to be asked.
 * @throws BundlerError USAGE for a mirror that is no base URL; the function, DEFINITION for a
 *   registry that is no host.
 */
export function createEndpoints(
  mirrors: ReadonlyMap<string, readonly string[]>,
  policy: HostPolicy,
  mirrorsOnly = false,
): (registry: string) => readonly Endpoint[] {
  const known = new Map(
    [...mirrors].map(([registry, bases]) => [registry, bases.map(mirrorEndpoint)]),
  );
  return (registry) => [
    ...(known.get(registry) ?? []),
    ...(mirrorsOnly ? [] : [originEndpoint(registry, policy)]),
  ];
}

function originEndpoint(registry: string, policy: HostPolicy): Endpoint {
  const host = registry === "docker.io" ? "registry-1.docker.io" : registry;
  const https = webAddress(`https://${host}`);
  if (https === undefined) {
    throw new BundlerError("DEFINITION", `${JSON.stringify(registry)} is not a host.`, {
      details: { registry },
    });
  }
  const both = policy.isInsecure(https) || isLoopback(https);
  return {
    host,
    credentialsHost: registry,
    origins: both ? [https.origin, `http://${host.toLowerCase()}`] : [https.origin],
    prefix: "",
    mirror: false,
  };
}

function mirrorEndpoint(base: string): Endpoint {
  const url = mirrorUrl(base);
  // `https://harbor.example/proxy` is a project of a pull-through cache: the repository's first part.
  const path = url.pathname.replace(/^\/v2(?=\/|$)/, "").replace(/^\/+|\/+$/g, "");
  return {
    host: url.host,
    credentialsHost: url.host,
    origins: [url.origin],
    prefix: path === "" ? "" : `${path}/`,
    mirror: true,
  };
}

function mirrorUrl(base: string): URL {
  const url = webAddress(base.includes("://") ? base : `https://${base}`);
  if (url?.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") {
    throw new BundlerError("USAGE", `${JSON.stringify(base)} is not the base URL of a mirror.`, {
      hint: 'Write it like http://127.0.0.1:5000 or https://mirror.example/prefix; credentials come from "docker login".',
    });
  }
  return url;
}

function portOf(url: URL): string {
  return url.port === "" ? (url.protocol === "http:" ? "80" : "443") : url.port;
}

/** Names that never leave this machine; Docker takes 127.0.0.0/8 for insecure without being told. */
function isLoopback({ hostname }: URL): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127(\.\d{1,3}){3}$/.test(hostname);
}
