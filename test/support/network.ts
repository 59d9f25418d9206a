import type { NetworkOptions } from "../../src/http/network.js";

/** A network that waits for nobody long, without proxies and logins of this machine. */
export function testNetwork(options: Partial<NetworkOptions> = {}): NetworkOptions {
  return {
    insecure: new Set(),
    caFiles: [],
    env: {},
    userAgent: "openim-bundler/test",
    retry: { baseMs: 2, maxMs: 20, maxRetryAfterMs: 100 },
    timeouts: { idleMs: 300, headersMs: 2000, connectMs: 2000 },
    ...options,
  };
}
