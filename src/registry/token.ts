import { z } from "zod";
import { messageOf } from "../core/errors.js";
import { LIMITS } from "../core/limits.js";
import { readBody } from "../http/body.js";
import { connectionFailure } from "../http/connection-error.js";
import type { Credential } from "./credentials.js";
import type { HostPolicy } from "../http/host-policy.js";
import { HttpFailure, quoteServer } from "../http/failure.js";
import { Flights } from "../http/flights.js";
import { parseRetryAfter } from "../http/retry.js";
import type { HttpResponse, Transport } from "../http/transport.js";
import { webAddress } from "../http/web-address.js";

interface TokenRequest {
  /** Where the registry says that tokens come from. */
  readonly realm: string;
  readonly service: string | undefined;
  /** `repository:library/redis:pull`. */
  readonly scope: string;
  readonly credential: Credential | undefined;
  /** The registry itself is spoken to without encryption, so its tokens may come that way too. */
  readonly plain: boolean;
  /** The registry that wants the token, for messages. */
  readonly host: string;
  readonly signal: AbortSignal;
}

export interface Tokens {
  /** A token that is good for some time yet. @throws HttpFailure AUTH, NETWORK. */
  get(request: TokenRequest): Promise<string>;
  /** Forgets a token that a registry no longer takes. */
  reject(token: string): void;
}

/** Distribution's "Token Authentication Specification" and "Oauth2 Token Authentication". */
const answerSchema = z.object({
  token: z.string().nullish(),
  access_token: z.string().nullish(),
  expires_in: z.number().nullish(),
});

const DEFAULT_LIFE_S = 60;

export function createTokens(options: {
  readonly transport: Transport;
  readonly policy: HostPolicy;
  readonly now: () => number;
}): Tokens {
  const kept = new Map<string, { readonly token: string; readonly until: number }>();
  const flights = new Flights<string>();

  const fetchToken = async (request: TokenRequest, key: string): Promise<string> => {
    const asked = options.now();
    const { token, lifeMs } = await askRealm(request, options);
    // Part of its life is left unused: clocks differ, and requests take time.
    kept.set(key, { token, until: asked + lifeMs - Math.min(15_000, lifeMs / 4) });
    return token;
  };

  return {
    get: (request) => {
      const { realm, service, scope, credential } = request;
      const who = credential?.kind === "basic" ? credential.username : credential?.kind;
      const key = JSON.stringify([realm, service, scope, who]);
      const known = kept.get(key);
      if (known !== undefined && options.now() < known.until) return Promise.resolve(known.token);
      return flights.join(key, request.signal, (signal) => fetchToken({ ...request, signal }, key));
    },
    reject: (token) => {
      for (const [key, entry] of kept) if (entry.token === token) kept.delete(key);
    },
  };
}

async function askRealm(
  request: TokenRequest,
  { transport, policy }: { readonly transport: Transport; readonly policy: HostPolicy },
): Promise<{ readonly token: string; readonly lifeMs: number }> {
  const { credential, host, scope, service, signal } = request;
  const url = realmUrl(request, policy);
  const subject = `token for ${scope}`;
  const query = new URLSearchParams({ scope, ...(service === undefined ? {} : { service }) });
  let response: HttpResponse;
  if (credential?.kind === "identity") {
    query.set("grant_type", "refresh_token");
    query.set("client_id", "openim-bundler");
    query.set("refresh_token", credential.token);
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    const body = query.toString();
    response = await transport.fetch({ method: "POST", url, headers, body, subject, signal });
  } else {
    for (const [name, value] of query) url.searchParams.set(name, value);
    const authorization = credential && basicHeader(credential.username, credential.password);
    const headers = authorization === undefined ? undefined : { authorization };
    response = await transport.fetch({
      method: "GET",
      url,
      headers: headers ?? {},
      subject,
      signal,
    });
  }
  let text: string;
  try {
    text = (await readBody(response.body, LIMITS.answer, `The ${subject}`)).toString("utf8");
  } catch (error) {
    throw connectionFailure(error, { subject, host: url.host, signal, answered: true });
  }
  if (response.status !== 200) throw refusal(response, request, url);
  return readAnswer(text, host, url);
}

function realmUrl({ realm, host, scope, plain }: TokenRequest, policy: HostPolicy): URL {
  const url = webAddress(realm);
  const fail = (why: string, hint?: string): never => {
    throw new HttpFailure("AUTH", `token for ${scope}: ${host} sends us to ${why}.`, {
      details: { host },
      ...(hint === undefined ? {} : { hint }),
    });
  };
  if (url === undefined) {
    return fail("a place for tokens that is no web address");
  }
  if (url.protocol === "http:" && !plain && !policy.isInsecure(url)) {
    return fail(
      `a place for tokens without encryption (${url.host})`,
      `If that is meant to be, allow it with --insecure ${url.host}.`,
    );
  }
  url.username = "";
  url.password = "";
  return url;
}

function refusal(response: HttpResponse, request: TokenRequest, url: URL): HttpFailure {
  const { status } = response;
  const { host, scope, credential } = request;
  const what = `token for ${scope}: ${url.host} answered ${status}`;
  const details = { host, status };
  if (status === 429 || status >= 500) {
    const retryAfterMs = parseRetryAfter(response.header("retry-after"), Date.now());
    return new HttpFailure("NETWORK", `${what}.`, {
      transient: true,
      details,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    });
  }
  const login = host === "docker.io" ? "docker login" : `docker login ${host}`;
  return new HttpFailure("AUTH", `${what}${credential ? " to our credentials" : ""}.`, {
    details,
    hint: credential
      ? `The credentials in Docker's configuration are not accepted (any more): ${login}`
      : `Check the name, and log in: ${login}`,
  });
}

function readAnswer(
  text: string,
  host: string,
  url: URL,
): { readonly token: string; readonly lifeMs: number } {
  try {
    const answer = answerSchema.parse(JSON.parse(text));
    const token = answer.token ?? answer.access_token ?? "";
    // It goes into a header: nothing but what a header can carry.
    if (!/^[\x21-\x7e]+$/.test(token)) throw new Error("no token in it");
    const life = answer.expires_in ?? DEFAULT_LIFE_S;
    return { token, lifeMs: 1000 * (life > 0 ? Math.min(life, 86_400) : DEFAULT_LIFE_S) };
  } catch (cause) {
    throw new HttpFailure(
      "AUTH",
      `${url.host}, where ${host} sends us for a token, gave an answer that cannot be read.`,
      { details: { host, reason: quoteServer(messageOf(cause)).slice(0, 80) } },
    );
  }
}

/** RFC 7617. */
export function basicHeader(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`, "utf8").toString("base64")}`;
}
