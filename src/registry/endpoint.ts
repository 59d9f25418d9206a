import { BundlerError } from "../core/errors.js";
import type { HostPolicy } from "../http/host-policy.js";
import { isLoopback } from "../http/private-address.js";
import { webAddress } from "../http/web-address.js";

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
  // Docker takes loopback for insecure without being told.
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
