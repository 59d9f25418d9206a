import { LIMITS } from "../core/limits.js";
import type { Agents } from "./agents.js";
import { type Body, StreamBody } from "./body.js";
import { connectionFailure } from "./connection-error.js";
import type { HostPolicy } from "./host-policy.js";
import { HttpFailure } from "./failure.js";
import { webAddress } from "./web-address.js";

interface HttpRequest {
  readonly method: "GET" | "HEAD" | "POST";
  readonly url: URL;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** What it is for, to begin messages with: an image's name, a blob. */
  readonly subject: string;
  readonly signal: AbortSignal;
  /** What to do about a connection that fails; without it, what helps with a registry. */
  readonly hint?: string;
}

export interface HttpResponse {
  readonly status: number;
  readonly body: Body;
  /** Where the answer came from in the end. */
  readonly url: URL;
  /** A redirect led away from the origin that was asked; Authorization was not sent there. */
  readonly elsewhere: boolean;
  readonly header: (name: string) => string | undefined;
}

export interface Transport {
  /**
   * One request, redirects followed; any status is an answer.
   * @throws HttpFailure NETWORK; BundlerError INTERRUPTED.
   */
  fetch(request: HttpRequest): Promise<HttpResponse>;
}

/** Why a redirect is not followed, as the end of a sentence; undefined for one that is. */
export type RedirectProblem = (from: URL, to: URL) => Promise<string | undefined>;

const REDIRECTS = new Set([301, 302, 303, 307, 308]);

export function createTransport(options: {
  readonly agents: Agents;
  readonly policy: HostPolicy;
  readonly userAgent: string;
  readonly redirectProblem: RedirectProblem;
}): Transport {
  const { agents, policy } = options;

  const once = async (request: HttpRequest, url: URL, headers: Record<string, string>) => {
    const { method, body, signal, subject, hint } = request;
    try {
      const verified = !policy.isInsecure(url);
      const sent = { "user-agent": options.userAgent, "accept-encoding": "identity", ...headers };
      if (method !== "POST") {
        const short = await agents.lane(url)?.ask({ method, url, verified, headers: sent, signal });
        if (short !== undefined) {
          const { head, body } = short;
          return { status: head.status, body, header: (name: string) => head.headers.get(name) };
        }
      }
      const agent = await agents.get(url, verified);
      const answer = await agent.request({
        ...{ origin: url.origin, path: `${url.pathname}${url.search}`, method },
        ...{ headers: sent, signal },
        ...(body === undefined ? {} : { body }),
      });
      // A header that came several times means the same as one with all values (RFC 9110, section 5.3).
      const header = (name: string): string | undefined => {
        const value = answer.headers[name];
        return Array.isArray(value) ? value.join(", ") : value;
      };
      return { status: answer.statusCode, body: new StreamBody(answer.body), header };
    } catch (error) {
      const hinted = hint === undefined ? {} : { hint };
      throw connectionFailure(error, { subject, host: url.host, signal, ...hinted });
    }
  };

  return {
    fetch: async (request) => {
      const headers = { ...request.headers };
      let { url } = request;
      let elsewhere = false;
      for (let hops = 0; ; hops += 1) {
        const { status, body, header } = await once(request, url, headers);
        const location = header("location");
        const follow = REDIRECTS.has(status) && location !== undefined;
        if (!follow || request.method === "POST") {
          return { status, body, url, elsewhere, header };
        }
        body.drop();
        const next = redirectTarget(request.subject, url, location, policy);
        if (hops >= LIMITS.redirects) {
          throw refuse(request.subject, url, `it redirects more than ${LIMITS.redirects} times`);
        }
        const problem = await options.redirectProblem(url, next);
        if (problem !== undefined) {
          throw refuse(request.subject, url, problem, allowHint(next));
        }
        if (next.origin !== url.origin) {
          elsewhere = true;
          // Never given back, even if a later redirect returns: who redirects is not who was trusted.
          delete headers["authorization"];
        }
        url = next;
      }
    },
  };
}

/** @throws HttpFailure for a target that nothing may be fetched from. */
function redirectTarget(subject: string, from: URL, location: string, policy: HostPolicy): URL {
  const to = webAddress(location, from);
  if (to === undefined) {
    throw refuse(subject, from, "it redirects to something that is no web address");
  }
  // Loopback is not excused here: a registry on the network has no business sending us there.
  if (from.protocol === "https:" && to.protocol === "http:" && !policy.isInsecure(to)) {
    throw refuse(
      subject,
      from,
      `it redirects from https to plain http at ${to.host}`,
      allowHint(to),
    );
  }
  to.username = "";
  to.password = "";
  return to;
}

function allowHint(to: URL): string {
  return `If that is meant to be, allow it with --insecure ${to.host}.`;
}

function refuse(subject: string, url: URL, why: string, hint?: string): HttpFailure {
  return new HttpFailure("NETWORK", `${subject}: ${url.host}: ${why}.`, {
    details: { host: url.host },
    ...(hint === undefined ? {} : { hint }),
  });
}
