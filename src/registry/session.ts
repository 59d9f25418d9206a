import type { Authorizer } from "./authorizer.js";
import { answerFailure } from "./answer-error.js";
import type { Endpoint } from "./endpoint.js";
import { HttpFailure } from "../http/failure.js";
import { Flights } from "../http/flights.js";
import type { HttpResponse, Transport } from "../http/transport.js";

/** One request of the distribution protocol. */
export interface Question {
  readonly endpoint: Endpoint;
  /** Without a mirror's prefix. */
  readonly repository: string;
  /** `manifests/7.0`, `blobs/sha256:…`. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** What is asked for, to begin messages with. */
  readonly subject: string;
  readonly signal: AbortSignal;
  /** Error statuses that the caller wants to see. */
  readonly accept?: readonly number[];
}

/** Asks registries: finds out how they speak, answers their challenges. Tries once. */
export interface Session {
  /** @throws HttpFailure, BundlerError INTERRUPTED. */
  ask(question: Question): Promise<HttpResponse>;
}

export function createSession(transport: Transport, authorizer: Authorizer): Session {
  const schemes = new Map<string, string>();
  const probes = new Flights<string>();

  /** The origin that an endpoint answers on; asks once where that is not clear from the start. */
  const originOf = async ({ endpoint, subject, signal }: Question): Promise<string> => {
    const [only, ...others] = endpoint.origins;
    const known = schemes.get(endpoint.host) ?? (others.length === 0 ? only : undefined);
    if (known !== undefined) return known;
    return probes.join(endpoint.host, signal, async (shared) => {
      const { origin } = await firstToAnswer(transport, endpoint, subject, shared);
      schemes.set(endpoint.host, origin);
      return origin;
    });
  };

  return {
    ask: async (question) => {
      const { endpoint, signal, subject } = question;
      const origin = await originOf(question);
      const repository = endpoint.prefix + question.repository;
      const url = new URL(`${origin}/v2/${repository}/${question.path}`);
      const access = { endpoint, origin, repository, signal };
      const fetch = (authorization: string | undefined): Promise<HttpResponse> => {
        const headers = { ...question.headers, ...(authorization ? { authorization } : {}) };
        return transport.fetch({ method: "GET", url, headers, subject, signal });
      };
      const about = async (error: unknown): Promise<never> => {
        throw error instanceof HttpFailure
          ? await authorizer.explain(access, error.about(subject))
          : error;
      };
      const first = await authorizer.header(access).catch(about);
      let response = await fetch(first);
      const challenge = response.header("www-authenticate");
      if (response.status === 401 && !response.elsewhere && challenge !== undefined) {
        const better = await authorizer.answer(access, challenge, first).catch(about);
        if (better !== undefined) {
          response.body.drop();
          response = await fetch(better);
        }
      }
      const { status } = response;
      if ((status >= 200 && status < 300) || question.accept?.includes(status)) return response;
      throw await authorizer.explain(access, await answerFailure(response, subject, endpoint));
    },
  };
}

/**
 * Tries the schemes of an insecure registry, https before http, as Docker does. Only a connection
 * that fails leads on to plain http; a certificate that is refused does not. The answer's body is gone.
 * @throws HttpFailure NETWORK; BundlerError INTERRUPTED.
 */
export async function firstToAnswer(
  transport: Transport,
  endpoint: Endpoint,
  subject: string,
  signal: AbortSignal,
): Promise<{ readonly origin: string; readonly answer: HttpResponse }> {
  let failure: unknown;
  for (const origin of endpoint.origins) {
    try {
      const url = new URL(`${origin}/v2/`);
      const answer = await transport.fetch({ method: "GET", url, headers: {}, subject, signal });
      answer.body.drop();
      return { origin, answer };
    } catch (error) {
      if (!(error instanceof HttpFailure) || !error.unreachable || error.untrusted) throw error;
      failure = error;
    }
  }
  throw failure;
}
