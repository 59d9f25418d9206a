import { HttpFailure } from "../http/failure.js";
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
  /** The same refusal, saying whether a login was refused, was missing, or could not be read. */
  explain(access: Access, refusal: HttpFailure): Promise<HttpFailure>;
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
      scopes: [...new Set([ownScope(repository), ...scopesOf(challenge)])],
      credential,
      origin: access.origin,
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
    explain: async ({ endpoint, repository, signal }, refusal) => {
      if (refusal.code !== "AUTH") return refusal;
      const { credentialsHost } = endpoint;
      const found = credentials.find(credentialsHost, repository);
      const logIn = `docker login ${credentialsHost === "docker.io" ? "" : credentialsHost}`.trim();
      const told = (message: string, hint: string): HttpFailure =>
        new HttpFailure("AUTH", `${refusal.message.replace(/\.$/, "")}: ${message}.`, {
          details: refusal.details,
          hint,
          cause: refusal,
        });
      if ((await abortable(found, signal)) !== undefined) {
        return told(
          `the login for ${credentialsHost} in Docker's configuration is not accepted`,
          `Log in again: ${logIn}. Where that works, this account has no access to the name, or it does not exist.`,
        );
      }
      const [trouble] = await abortable(credentials.troubles(), signal);
      return trouble === undefined
        ? told(
            "we are not logged in there",
            `Check the name (registries answer the same for what does not exist), and log in: ${logIn}`,
          )
        : told(
            `asked without a login. ${trouble.replace(/\.$/, "")}`,
            `Mend that, or log in again: ${logIn}`,
          );
    },
  };
}

/** What pulling takes. Registries that leave it out, or name another repository's, get it all the same. */
function ownScope(repository: string): string {
  return `repository:${repository}:pull`;
}

/** A scope is a list, of which an empty one has nothing. */
function scopesOf({ parameters }: Challenge): readonly string[] {
  return (parameters.get("scope") ?? "").split(" ").filter((scope) => scope !== "");
}

/** What one repository's challenge tells about the others of its registry. */
function withoutScope({ scheme, parameters }: Challenge): Challenge {
  return {
    scheme,
    parameters: new Map([...parameters].filter(([name]) => name !== "scope")),
  };
}
