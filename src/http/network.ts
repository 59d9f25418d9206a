import type { EventSink } from "../core/events.js";
import { DEFAULT_TIMEOUTS, createAgents } from "./agents.js";
import type { Timeouts } from "./connection.js";
import { type HostPolicy, hostPolicy } from "./host-policy.js";
import { DEFAULT_RETRY, type RetryPolicy } from "./retry.js";
import { hasProxy } from "./proxy.js";
import { privateRedirect, systemResolve } from "./private-address.js";
import { type RedirectProblem, type Transport, createTransport } from "./transport.js";

/** How a run may use the network: the same for registries and for files on the web. */
export interface NetworkOptions {
  /** `host[:port]` that may speak plain HTTP or show an unknown certificate. */
  readonly insecure: ReadonlySet<string>;
  /** PEM files of further certificate authorities. */
  readonly caFiles: readonly string[];
  /** For proxies, Docker's configuration and its credential helpers. */
  readonly env: NodeJS.ProcessEnv;
  readonly userAgent: string;
  readonly retry?: Partial<RetryPolicy>;
  readonly timeouts?: Partial<Timeouts>;
}

/** The open connections of one client. */
export interface Network {
  readonly policy: HostPolicy;
  readonly retry: RetryPolicy;
  readonly transport: Transport;
  /** Why a server may not send us on to an address; see {@link privateRedirect}. */
  readonly redirectProblem: RedirectProblem;
  close(): Promise<void>;
}

/** Shorter waits for the next try are not worth a word, in milliseconds. */
const TOLD_WAIT_MS = 3000;

/**
 * Opens connections, when they are first needed.
 * @param onEvent hears of long waits.
 * @throws BundlerError FILE for a CA file that cannot be used.
 */
export function openNetwork(options: NetworkOptions, onEvent: EventSink): Network {
  const { caFiles, env, userAgent } = options;
  const policy = hostPolicy(options.insecure);
  // Behind a proxy, it is the proxy that looks names up, and what this machine finds says nothing.
  const resolve = hasProxy(env) ? () => Promise.resolve([]) : systemResolve;
  const agents = createAgents({
    ...{ caFiles, env },
    timeouts: { ...DEFAULT_TIMEOUTS, ...options.timeouts },
  });
  const redirectProblem: RedirectProblem = async (from, to) =>
    policy.isInsecure(to) ? undefined : privateRedirect(from, to, resolve);
  return {
    policy,
    redirectProblem,
    retry: {
      ...DEFAULT_RETRY,
      onWait: ({ message }, ms) => {
        if (ms < TOLD_WAIT_MS) return;
        const again = `Trying again in ${Math.round(ms / 1000)} s.`;
        onEvent({ type: "notice", level: "info", message: `${message} ${again}` });
      },
      ...options.retry,
    },
    transport: createTransport({ agents, policy, userAgent, redirectProblem }),
    close: () => agents.close(),
  };
}
