import { z } from "zod";
import { LIMITS } from "../core/limits.js";
import { readBody } from "../http/body.js";
import { isWebPage, pageFailure } from "./answer-content.js";
import type { Endpoint } from "./endpoint.js";
import { HttpFailure, quoteServer } from "../http/failure.js";
import { parseRetryAfter } from "../http/retry.js";
import type { HttpResponse } from "../http/transport.js";

/** OCI distribution-spec, "Error Codes". */
const errorsSchema = z.object({
  errors: z
    .array(z.object({ code: z.string().optional(), message: z.string().nullish() }))
    .min(1)
    .max(100),
});

/**
 * What an answer with an error status means.
 * @param subject what was asked for: an image's name, a blob.
 */
export async function answerFailure(
  response: HttpResponse,
  subject: string,
  endpoint: Endpoint,
): Promise<HttpFailure> {
  const { status } = response;
  const text = await bodyText(response, subject);
  const said = errorText(text);
  const host = response.elsewhere ? response.url.host : endpoint.host;
  const details = { host, status };
  const what = `${subject}: ${host} answered ${status}${said === "" ? "" : ` (${said})`}`;
  const retryAfterMs = parseRetryAfter(response.header("retry-after"), Date.now());
  const later = {
    details,
    transient: true,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };

  if (status === 429) return rateLimited(response, what, said, endpoint, later);
  if (status >= 500 || status === 408 || status === 425) {
    return new HttpFailure("NETWORK", `${what}.`, {
      ...later,
      hint: "The server is in trouble; try again later, or use a mirror with --mirror.",
    });
  }
  // A signed address that a redirect led to wears out; the registry gives a fresh one.
  if (response.elsewhere) {
    return new HttpFailure("NETWORK", `${what}, where ${endpoint.host} had sent us.`, later);
  }
  if (status === 401 || status === 403) {
    // Registries refuse with a challenge or in JSON; who shows a page knows nothing of the image.
    const page = isWebPage(undefined, Buffer.from(text));
    if (page && response.header("www-authenticate") === undefined) {
      return pageFailure(subject, host, status);
    }
    return new HttpFailure("AUTH", `${what}.`, { details });
  }
  if (status === 404 || status === 410) {
    return new HttpFailure("NOT_FOUND", `${subject}: ${host} does not have it.`, {
      details,
      hint: "Check name, tag and digest.",
    });
  }
  return new HttpFailure("NETWORK", `${what}.`, { details });
}

function rateLimited(
  response: HttpResponse,
  what: string,
  said: string,
  endpoint: Endpoint,
  later: { readonly details: object; readonly retryAfterMs?: number },
): HttpFailure {
  const hub = endpoint.credentialsHost === "docker.io";
  // Too many pulls is over in hours, too many requests at once in seconds.
  const pulls = /pull rate limit/i.test(said);
  const window = /;w=(\d{1,7})/.exec(response.header("ratelimit-limit") ?? "")?.[1];
  const hours = window === undefined ? "some" : String(Math.ceil(Number(window) / 3600));
  const name = hub ? "docker.io" : endpoint.credentialsHost;
  return new HttpFailure(
    "NETWORK",
    pulls
      ? `${what}: the number of pulls that ${hub ? "Docker Hub" : name} grants is used up.`
      : `${what}: too many requests.`,
    {
      ...later,
      details: { ...later.details, rateLimited: true },
      transient: !pulls,
      hint: `Log in to get more ("docker login${hub ? "" : ` ${name}`}"), fetch through a mirror (--mirror ${name}=https://mirror.example), or wait${pulls ? ` ${hours} hours` : ""} and run again: what was fetched is kept.`,
    },
  );
}

async function bodyText(response: HttpResponse, subject: string): Promise<string> {
  try {
    return (await readBody(response.body, LIMITS.answer, subject)).toString("utf8");
  } catch {
    return "";
  }
}

/** The server's own words, in one short line; empty when it has none that are fit to print. */
function errorText(text: string): string {
  try {
    const { errors } = errorsSchema.parse(JSON.parse(text));
    return quoteServer(
      errors.map(({ code, message }) => [code, message].filter(Boolean).join(": ")).join("; "),
    );
  } catch {
    // Pages of proxies and CDNs help nobody, and short plain sentences often do.
    return text.length <= 200 && !text.includes("<") ? quoteServer(text) : "";
  }
}
