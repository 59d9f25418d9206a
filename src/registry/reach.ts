import { BundlerError } from "../core/errors.js";
import type { EventSink } from "../core/events.js";
import { parseChallenges } from "./challenge.js";
import { createCredentials } from "./credentials.js";
import { type Endpoint, createEndpoints } from "./endpoint.js";
import { HttpFailure, isServerFailure } from "../http/failure.js";
import { abortable } from "../http/flights.js";
import { parseRetryAfter } from "../http/retry.js";
import { firstToAnswer } from "./session.js";
import { type NetworkOptions, openNetwork } from "../http/network.js";
import type { HttpResponse } from "../http/transport.js";
import { webAddress } from "../http/web-address.js";

export interface ReachOptions {
  /** Registry → base URLs of its mirrors. */
  readonly mirrors: ReadonlyMap<string, readonly string[]>;
  /** Its timeouts give way to `limitMs`. */
  readonly network: NetworkOptions;
  /** Hears of credential helpers and configuration that give nothing. */
  readonly onEvent: EventSink;
  /** Milliseconds for one question, redirects and all. */
  readonly limitMs: number;
}

/** How a server answered; bodies are not read. */
export interface Reached {
  readonly status: number;
  /** The origin that answered, e.g. `http://127.0.0.1:5000`: a redirect may have led there. */
  readonly origin: string;
  /** A redirect led away from the origin that was asked. */
  readonly elsewhere: boolean;
  /** The server's clock minus ours in milliseconds, by its Date header. */
  readonly skewMs?: number;
  /** It speaks as registries do: by its header, by asking for a login, or by its plain consent. */
  readonly registry: boolean;
  /** What it says of limits: requests left, and milliseconds to wait. */
  readonly limit: { readonly remaining?: number; readonly retryAfterMs?: number };
}

/** One place that images of a registry may come from, and how it answered. */
export interface Place {
  readonly host: string;
  readonly mirror: boolean;
  /** Docker's configuration has a login for it. Undefined: its helper did not answer in time. */
  readonly credentials: boolean | undefined;
  readonly answer: Reached | BundlerError;
}

/** Asks servers whether they are there, and fetches nothing. */
export interface Reach {
  /**
   * Asks each mirror of a registry and the registry itself for `/v2/` (distribution-spec, "Determining
   * Support"), all at once and without a login: a registry that wants one is there.
   * @param repositories logins may be for some of them alone.
   * @throws BundlerError INTERRUPTED; DEFINITION for a registry that is no host.
   */
  registry(
    name: string,
    repositories: readonly string[],
    signal: AbortSignal,
  ): Promise<readonly Place[]>;
  /** Asks for a file's headers. @throws BundlerError INTERRUPTED. */
  file(url: string, signal: AbortSignal): Promise<Reached | BundlerError>;
  close(): Promise<void>;
}

/** @throws BundlerError FILE for a CA file that cannot be used, USAGE for a mirror that is no URL. */
export function createReach(options: ReachOptions): Reach {
  const { limitMs, onEvent } = options;
  const closing = new AbortController();
  const timeouts = { connectMs: limitMs, headersMs: limitMs, idleMs: limitMs };
  const network = openNetwork({ ...options.network, timeouts }, onEvent);
  const { policy, transport } = network;
  const endpointsOf = createEndpoints(options.mirrors, policy);
  const { env } = options.network;
  const credentials = createCredentials({ env, onEvent, signal: closing.signal });

  const ask = async (
    subject: string,
    host: string,
    caller: AbortSignal,
    question: (signal: AbortSignal) => Promise<HttpResponse>,
  ): Promise<Reached | BundlerError> => {
    const limit = AbortSignal.timeout(limitMs);
    const asked = Date.now();
    try {
      return describe(await question(AbortSignal.any([caller, closing.signal, limit])), asked);
    } catch (error) {
      if (isServerFailure(error)) return error;
      if (!limit.aborted || caller.aborted || closing.signal.aborted) throw error;
      const why = `${subject}: ${host}: no answer within ${limitMs / 1000} s.`;
      return new HttpFailure("NETWORK", why, { details: { host }, unreachable: true });
    }
  };

  /** Whether there is a login for one of the repositories; a helper may wait for somebody for long. */
  const hasLogin = async (
    { credentialsHost, prefix }: Endpoint,
    repositories: readonly string[],
    caller: AbortSignal,
  ): Promise<boolean | undefined> => {
    const limit = AbortSignal.timeout(limitMs);
    const found = repositories.map((one) => credentials.find(credentialsHost, prefix + one));
    try {
      const logins = await abortable(Promise.all(found), AbortSignal.any([caller, limit]));
      return logins.some((login) => login !== undefined);
    } catch (error) {
      if (limit.aborted && !caller.aborted) return undefined;
      throw error;
    }
  };

  return {
    registry: (name, repositories, signal) =>
      Promise.all(
        endpointsOf(name).map(async (endpoint): Promise<Place> => {
          const { host, mirror } = endpoint;
          const [answer, login] = await Promise.all([
            ask("/v2/", host, signal, async (limited) => {
              const { answer: first } = await firstToAnswer(transport, endpoint, "/v2/", limited);
              return first;
            }),
            hasLogin(endpoint, repositories, signal),
          ]);
          return { host, mirror, answer, credentials: login };
        }),
      ),
    file: async (address, signal) => {
      const url = webAddress(address);
      if (url === undefined) {
        return new BundlerError("USAGE", `${JSON.stringify(address)} is no web address.`);
      }
      const subject = url.pathname;
      return ask(subject, url.host, signal, async (limited) => {
        const answer = await transport.fetch({
          ...{ method: "HEAD", url, headers: {}, subject },
          signal: limited,
        });
        answer.body.drop();
        return answer;
      });
    },
    close: async () => {
      closing.abort();
      await network.close();
    },
  };
}

function describe(answer: HttpResponse, asked: number): Reached {
  const { status, url, elsewhere, header } = answer;
  const now = Date.now();
  const date = Date.parse(header("date") ?? "");
  const remaining = /^\s*(\d{1,9})/.exec(header("ratelimit-remaining") ?? "")?.[1];
  const retryAfterMs = parseRetryAfter(header("retry-after"), now);
  const challenges = parseChallenges(header("www-authenticate") ?? "");
  return {
    status,
    origin: url.origin,
    elsewhere,
    registry:
      header("docker-distribution-api-version")?.startsWith("registry/2") === true ||
      (status === 401 && challenges.length > 0) ||
      // The header is optional; a portal's or proxy's page is HTML.
      (status === 200 && !elsewhere && header("content-type")?.includes("html") !== true),
    // The header counts whole seconds; the answer was under way for half of the time, about.
    ...(Number.isNaN(date) ? {} : { skewMs: Math.round(date + 500 - (asked + now) / 2) }),
    limit: {
      ...(remaining === undefined ? {} : { remaining: Number(remaining) }),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    },
  };
}
