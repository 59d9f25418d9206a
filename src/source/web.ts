import { LIMITS } from "../core/limits.js";
import { DEFAULT_TIMEOUTS, createAgents } from "../registry/agents.js";
import { dropBody } from "../registry/body.js";
import { hostPolicy } from "../registry/endpoint.js";
import { RegistryFailure } from "../registry/failure.js";
import { DEFAULT_RETRY, type RetryPolicy, parseRetryAfter } from "../registry/retry.js";
import { type HttpResponse, createTransport } from "../registry/transport.js";
import { webAddress } from "../registry/web-address.js";
import { privateRedirect, systemResolve } from "./private-address.js";
import type { SourceContext } from "./types.js";

/** What a request for a source, or for its checksum, is made of. */
interface WebRequest {
  readonly url: URL;
  /** `Source zookeeper`, to begin messages with. */
  readonly subject: string;
  /** What helps when the server cannot be reached. */
  readonly hint: string;
  /** Names in lower case. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Error statuses that the caller wants to see. */
  readonly accept?: readonly number[];
}

/** Plain files from web servers, through the proxies and certificate authorities of a run. */
export interface Web {
  readonly retry: RetryPolicy;
  /** The host may speak plain HTTP. */
  readonly isInsecure: (url: URL) => boolean;
  /**
   * One request, redirects followed.
   * @throws RegistryFailure NETWORK, AUTH, NOT_FOUND; BundlerError INTERRUPTED.
   */
  get(request: WebRequest): Promise<HttpResponse>;
  close(): Promise<void>;
}

/** A signed address that has worn out is worth asking for anew, and little more than once. */
const EXPIRED_TRIES = 3;

/** Shorter waits for the next try are not worth a word, in milliseconds. */
const TOLD_WAIT_MS = 3000;

/** @throws BundlerError FILE for a CA file that cannot be used. */
export function createWeb(context: SourceContext): Web {
  const { env, signal, onEvent } = context;
  const policy = hostPolicy(context.insecure);
  const timeouts = { ...DEFAULT_TIMEOUTS, ...context.timeouts };
  const agents = createAgents({ caFiles: context.caFiles, env, timeouts });
  // Behind a proxy, it is the proxy that looks names up, and what this machine finds says nothing.
  const resolve = usesProxy(env) ? () => Promise.resolve([]) : systemResolve;
  const transport = createTransport({
    agents,
    policy,
    userAgent: context.userAgent,
    redirectProblem: async (from, to) =>
      policy.isInsecure(to) ? undefined : privateRedirect(from, to, resolve),
  });
  return {
    retry: {
      ...DEFAULT_RETRY,
      onWait: ({ message }, ms) => {
        if (ms < TOLD_WAIT_MS) return;
        const again = `Trying again in ${Math.round(ms / 1000)} s.`;
        onEvent({ type: "notice", level: "info", message: `${message} ${again}` });
      },
      ...context.retry,
    },
    isInsecure: (url) => policy.isInsecure(url),
    get: async ({ url, subject, hint, headers = {}, accept = [] }) => {
      const response = await transport.fetch({
        method: "GET",
        url,
        headers,
        subject,
        signal,
        hint,
      });
      const { status } = response;
      if (status === 200 || status === 206 || accept.includes(status)) return response;
      dropBody(response.body);
      throw answerFailure(response, subject, hint);
    },
    close: () => agents.close(),
  };
}

/** An address as a definition gives it; undefined when it is none, or carries a password. */
export function plainAddress(text: string): URL | undefined {
  const url = webAddress(text);
  return url?.username === "" && url.password === "" ? url : undefined;
}

/** Without the query, which may be signed. */
export function shownAddress(url: URL): string {
  return url.origin + url.pathname;
}

/** The most bytes of a list of checksums. */
export const CHECKSUM_LIMIT = LIMITS.answer;

function usesProxy(env: NodeJS.ProcessEnv): boolean {
  return ["http_proxy", "https_proxy"].some(
    (name) => (env[name] ?? env[name.toUpperCase()] ?? "") !== "",
  );
}

function answerFailure(response: HttpResponse, subject: string, hint: string): RegistryFailure {
  const { status, url, elsewhere } = response;
  const what = `${subject}: ${url.host} answered ${status}`;
  const retryAfterMs = parseRetryAfter(response.header("retry-after"), Date.now());
  const options = {
    hint,
    details: { host: url.host, status },
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
  if (status === 429) {
    return new RegistryFailure("NETWORK", `${what}: too many requests.`, {
      ...options,
      transient: true,
    });
  }
  if (status >= 500 || status === 408 || status === 425) {
    return new RegistryFailure("NETWORK", `${what}.`, { ...options, transient: true });
  }
  if (status === 404 || (status === 410 && !elsewhere)) {
    return new RegistryFailure(
      "NOT_FOUND",
      `${subject}: ${shownAddress(url)} does not exist.`,
      options,
    );
  }
  if (elsewhere && [400, 401, 403, 410].includes(status)) {
    return new RegistryFailure("NETWORK", `${what}, where we had been sent.`, {
      ...options,
      transient: true,
      tries: EXPIRED_TRIES,
    });
  }
  if (status === 401 || status === 403 || status === 407) {
    return new RegistryFailure("AUTH", `${what}.`, options);
  }
  return new RegistryFailure("NETWORK", `${what}.`, options);
}
