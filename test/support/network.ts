import type { NetworkOptions } from "../../src/http/network.js";

/** A network that comes back at once after a failure, without proxies and logins of this machine. */
export function testNetwork(options: Partial<NetworkOptions> = {}): NetworkOptions {
  return {
    insecure: new Set(),
    caFiles: [],
    env: {},
    userAgent: "openim-bundler/test",
    retry: { baseMs: 2, maxMs: 20, maxRetryAfterMs: 100 },
    ...options,
  };
}
