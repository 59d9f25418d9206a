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

function portOf(url: URL): string {
  return url.port === "" ? (url.protocol === "http:" ? "80" : "443") : url.port;
}
