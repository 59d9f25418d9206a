import type { EventSink } from "../core/events.js";
import { LIMITS } from "../core/limits.js";
import { HttpFailure } from "./failure.js";
import { type RetryPolicy, parseRetryAfter } from "./retry.js";
import type { HttpResponse } from "./transport.js";
import { webAddress } from "./web-address.js";
import { type NetworkOptions, openNetwork } from "./network.js";

export interface WebOptions {
  readonly network: NetworkOptions;
  readonly signal: AbortSignal;
  /** Hears of long waits. */
  readonly onEvent: EventSink;
}

/** What a request for a file is made of. */
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
   * @throws HttpFailure NETWORK, AUTH, NOT_FOUND; BundlerError INTERRUPTED.
   */
  get(request: WebRequest): Promise<HttpResponse>;
  close(): Promise<void>;
}

/** A signed address that has worn out is worth asking for anew, and little more than once. */
const EXPIRED_TRIES = 3;

/** @throws BundlerError FILE for a CA file that cannot be used. */
export function createWeb({ network: options, signal, onEvent }: WebOptions): Web {
  const network = openNetwork(options, onEvent);
  const { policy, retry, transport } = network;
  return {
    retry,
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
      response.body.drop();
      throw answerFailure(response, subject, hint);
    },
    close: () => network.close(),
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

function answerFailure(response: HttpResponse, subject: string, hint: string): HttpFailure {
  const { status, url, elsewhere } = response;
  const what = `${subject}: ${url.host} answered ${status}`;
  const retryAfterMs = parseRetryAfter(response.header("retry-after"), Date.now());
  const options = {
    hint,
    details: { host: url.host, status },
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
  if (status === 429) {
    return new HttpFailure("NETWORK", `${what}: too many requests.`, {
      ...options,
      transient: true,
    });
  }
  if (status >= 500 || status === 408 || status === 425) {
    return new HttpFailure("NETWORK", `${what}.`, { ...options, transient: true });
  }
  if (status === 404 || (status === 410 && !elsewhere)) {
    return new HttpFailure(
      "NOT_FOUND",
      `${subject}: ${shownAddress(url)} does not exist.`,
      options,
    );
  }
  if (elsewhere && [400, 401, 403, 410].includes(status)) {
    return new HttpFailure("NETWORK", `${what}, where we had been sent.`, {
      ...options,
      transient: true,
      tries: EXPIRED_TRIES,
    });
  }
  if (status === 401 || status === 403 || status === 407) {
    return new HttpFailure("AUTH", `${what}.`, options);
  }
  return new HttpFailure("NETWORK", `${what}.`, options);
}
