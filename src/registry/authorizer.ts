import { abortable } from "../http/flights.js";
import { type Challenge, parseChallenges } from "./challenge.js";
import type { Credentials } from "./credentials.js";
import type { Endpoint } from "./endpoint.js";
import { type Tokens, basicHeader } from "./token.js";

/** Who asks what of whom. */
interface Access {
  readonly endpoint: Endpoint;
  readonly origin: string;
  /** With the mirror's prefix. */
  readonly repository: string;
  readonly signal: AbortSignal;
}

/** Knows which Authorization each registry wants for each repository. */
export interface Authorizer {
  /** What the registry wanted the last time, made anew where it has expired; undefined: nothing yet. */
  header(access: Access): Promise<string | undefined>;
  /**
   * Answers a 401. Undefined: there is no better answer than `rejected`, which it has just refused.
   */
  answer(
    access: Access,
    wwwAuthenticate: string,
    rejected: string | undefined,
  ): Promise<string | undefined>;
}

export function createAuthorizer(credentials: Credentials, tokens: Tokens): Authorizer {
  /** The last challenge of an origin, and of a repository on it, which may name a scope of its own. */
  const challenges = new Map<string, Challenge>();

  const answerTo = async (challenge: Challenge, access: Access): Promise<string | undefined> => {
    const { endpoint, repository, signal } = access;
    // A helper may be waiting for somebody to unlock a key ring.
    const found = credentials.find(endpoint.credentialsHost, repository);
    const credential = await abortable(found, signal);
    if (challenge.scheme === "basic") {
      return credential?.kind === "basic"
        ? basicHeader(credential.username, credential.password)
        : undefined;
    }
    const token = await tokens.get({
      realm: challenge.parameters.get("realm") ?? "",
      service: challenge.parameters.get("service"),
      scope: challenge.parameters.get("scope") ?? `repository:${repository}:pull`,
      credential,
      plain: access.origin.startsWith("http:"),
      host: endpoint.credentialsHost,
      signal,
    });
    return `Bearer ${token}`;
  };

  return {
    header: async (access) => {
      const own = challenges.get(`${access.origin} ${access.repository}`);
      const host = challenges.get(access.origin);
      if (own !== undefined) return answerTo(own, access);
      return host === undefined ? undefined : answerTo(host, access);
    },
    answer: async (access, wwwAuthenticate, rejected) => {
      const offered = parseChallenges(wwwAuthenticate);
      const challenge =
        offered.find(({ scheme }) => scheme === "bearer") ??
        offered.find(({ scheme }) => scheme === "basic");
      if (challenge === undefined) return undefined;
      challenges.set(`${access.origin} ${access.repository}`, challenge);
      challenges.set(access.origin, withoutScope(challenge));
      if (rejected?.startsWith("Bearer ")) tokens.reject(rejected.slice("Bearer ".length));
      const header = await answerTo(challenge, access);
      return header === rejected ? undefined : header;
    },
  };
}

/** What one repository's challenge tells about the others of its registry. */
function withoutScope({ scheme, parameters }: Challenge): Challenge {
  return {
    scheme,
    parameters: new Map([...parameters].filter(([name]) => name !== "scope")),
  };
}
