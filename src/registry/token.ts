import { z } from "zod";
import { messageOf } from "../core/errors.js";
import { LIMITS } from "../core/limits.js";
import { readBody } from "../http/body.js";
import { connectionFailure } from "../http/connection-error.js";
import type { Credential } from "./credential-helper.js";
import type { HostPolicy } from "../http/host-policy.js";
import { HttpFailure, quoteServer } from "../http/failure.js";
import { Flights } from "../http/flights.js";
import { parseRetryAfter } from "../http/retry.js";
import type { HttpResponse, RedirectProblem, Transport } from "../http/transport.js";
import { webAddress } from "../http/web-address.js";

interface TokenRequest {
  /** Where the registry says that tokens come from. */
  readonly realm: string;
  readonly service: string | undefined;
  /** `repository:library/redis:pull`, and what else the registry named. */
  readonly scopes: readonly string[];
  readonly credential: Credential | undefined;
  /** Where the registry is spoken to; without encryption, its tokens may come that way, too. */
  readonly origin: string;
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

interface TokenOptions {
  readonly transport: Transport;
  readonly redirectProblem: RedirectProblem;
  readonly policy: HostPolicy;
  readonly now: () => number;
}

export function createTokens(options: TokenOptions): Tokens {
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
      const { realm, service, scopes, credential } = request;
      const who = credential?.kind === "basic" ? credential.username : credential?.kind;
      const key = JSON.stringify([realm, service, scopes, who]);
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
  { transport, policy, redirectProblem }: Omit<TokenOptions, "now">,
): Promise<{ readonly token: string; readonly lifeMs: number }> {
  const { credential, host, scopes, service, signal } = request;
  const url = realmUrl(request, policy);
  const subject = subjectOf(request);
  const problem = await redirectProblem(new URL(request.origin), url);
  if (problem !== undefined) {
    throw new HttpFailure("AUTH", `${subject}: ${host}: ${problem}.`, {
      details: { host },
      hint: `If that is meant to be, allow it with --insecure ${url.host}.`,
    });
  }
  const query = new URLSearchParams(service === undefined ? {} : { service });
  let response: HttpResponse;
  if (credential?.kind === "identity") {
    query.set("scope", scopes.join(" "));
    query.set("grant_type", "refresh_token");
    query.set("client_id", "openim-bundler");
    query.set("refresh_token", credential.token);
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    const body = query.toString();
    response = await transport.fetch({ method: "POST", url, headers, body, subject, signal });
  } else {
    for (const [name, value] of query) url.searchParams.set(name, value);
    url.searchParams.delete("scope");
    for (const scope of scopes) url.searchParams.append("scope", scope);
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

function subjectOf({ scopes }: TokenRequest): string {
  return `token for ${quoteServer(scopes.join(" "))}`;
}

function realmUrl(request: TokenRequest, policy: HostPolicy): URL {
  const { realm, host, origin } = request;
  const url = webAddress(realm);
  const fail = (why: string, hint?: string): never => {
    throw new HttpFailure("AUTH", `${subjectOf(request)}: ${host} sends us to ${why}.`, {
      details: { host },
      ...(hint === undefined ? {} : { hint }),
    });
  };
  if (url === undefined) {
    return fail("a place for tokens that is no web address");
  }
  if (url.protocol === "http:" && origin.startsWith("https:") && !policy.isInsecure(url)) {
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
  const { host } = request;
  const what = `${subjectOf(request)}: ${url.host} answered ${status}`;
  const details = { host, status };
  if (status === 429 || status >= 500) {
    const retryAfterMs = parseRetryAfter(response.header("retry-after"), Date.now());
    return new HttpFailure("NETWORK", `${what}.`, {
      transient: true,
      details,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    });
  }
  return new HttpFailure("AUTH", `${what}.`, { details });
}

function readAnswer(
  text: string,
  host: string,
  url: URL,
): { readonly token: string; readonly lifeMs: number } {
  try {
    const answer = answerSchema.parse(JSON.parse(text));
    // Some write both, and leave one empty.
    const token = [answer.token, answer.access_token].find((one) => one);
    if (!token) throw new Error("it has neither token nor access_token");
    // It goes into a header: nothing but what a header can carry.
    if (!/^[\x21-\x7e]+$/.test(token))
      throw new Error("its token has characters that no token has");
    const life = answer.expires_in ?? DEFAULT_LIFE_S;
    return { token, lifeMs: 1000 * (life > 0 ? Math.min(life, 86_400) : DEFAULT_LIFE_S) };
  } catch (cause) {
    // What JSON.parse says of it quotes the answer, which may hold a token.
    const why =
      cause instanceof z.ZodError
        ? cause.issues
            .map(({ path, message }) => `${path.join(".") || "it"}: ${message}`)
            .join("; ")
        : cause instanceof SyntaxError
          ? "it is not JSON"
          : messageOf(cause);
    throw new HttpFailure(
      "AUTH",
      `${url.host}, where ${host} sends us for a token, gave an answer that cannot be read: ${quoteServer(why)}.`,
      { details: { host } },
    );
  }
}

/** RFC 7617. */
export function basicHeader(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`, "utf8").toString("base64")}`;
}
