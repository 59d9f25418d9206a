import { randomUUID } from "node:crypto";

/** Who may pull from a sample registry. */
export interface SampleAuth {
  /** `bearer` is what the large registries do, `basic` what a small private one does. */
  readonly scheme: "bearer" | "basic";
  /** Without these, anybody gets a token. */
  readonly username?: string;
  readonly password?: string;
  /** The refresh token that stands in for name and password (Docker's identity token). */
  readonly identityToken?: string;
  /** How many requests a token serves before it counts as expired, whatever `expires_in` promised. */
  readonly tokenUses?: number;
  /** How long a token is good. */
  readonly tokenLifetimeMs?: number;
}

interface Token {
  readonly scopes: ReadonlySet<string>;
  readonly expires: number;
  uses: number;
}

export interface TokenAnswer {
  readonly status: 200 | 401;
  readonly body: Readonly<Record<string, unknown>>;
}

/** The token server of a sample registry (distribution spec, "Token Authentication"). */
export class Tokens {
  readonly #auth: SampleAuth;
  readonly #tokens = new Map<string, Token>();

  constructor(auth: SampleAuth) {
    this.#auth = auth;
  }

  /** Answers for the fields of a GET's query or a POST's form. */
  issue(authorization: string | undefined, fields: URLSearchParams): TokenAnswer {
    const refresh = fields.get("refresh_token");
    const known =
      refresh !== null
        ? refresh === this.#auth.identityToken
        : this.#auth.username === undefined || this.#knows(authorization);
    if (!known) return { status: 401, body: { details: "incorrect username or password" } };
    const token = randomUUID();
    const lifetime = this.#auth.tokenLifetimeMs ?? 300_000;
    this.#tokens.set(token, {
      scopes: new Set(fields.getAll("scope").flatMap((scope) => scope.split(" "))),
      expires: Date.now() + lifetime,
      uses: this.#auth.tokenUses ?? Number.POSITIVE_INFINITY,
    });
    return {
      status: 200,
      body: {
        token,
        access_token: token,
        expires_in: Math.ceil(lifetime / 1000),
        issued_at: new Date().toISOString(),
      },
    };
  }

  /** Undefined when the request may pull from the repository, otherwise the challenge to answer with. */
  challenge(
    authorization: string | undefined,
    realm: string,
    repository: string | undefined,
  ): string | undefined {
    if (this.#auth.scheme === "basic") {
      return this.#auth.username === undefined || this.#knows(authorization)
        ? undefined
        : 'Basic realm="sample"';
    }
    const scope = repository === undefined ? undefined : `repository:${repository}:pull`;
    const given = /^Bearer (.+)$/i.exec(authorization ?? "")?.[1];
    const token = given === undefined ? undefined : this.#tokens.get(given);
    const fresh = token !== undefined && token.expires > Date.now() && token.uses > 0;
    if (fresh && (scope === undefined || token.scopes.has(scope))) {
      token.uses -= 1;
      return undefined;
    }
    const error =
      given === undefined ? "" : `,error="${fresh ? "insufficient_scope" : "invalid_token"}"`;
    return `Bearer realm="${realm}",service="sample"${scope === undefined ? "" : `,scope="${scope}"`}${error}`;
  }

  revokeAll(): void {
    this.#tokens.clear();
  }

  #knows(authorization: string | undefined): boolean {
    const { username = "", password = "" } = this.#auth;
    return authorization === `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
  }
}
