import { BundlerError } from "../core/errors.js";
import { HttpFailure } from "../http/failure.js";
import type { HttpResponse } from "../http/transport.js";
import { parseManifest } from "../image/manifest.js";
import type { Endpoint } from "./endpoint.js";

/** Who gave an answer, and as what. */
interface Answer {
  readonly endpoint: Endpoint;
  /** What was asked for, to begin messages with. */
  readonly subject: string;
  readonly contentType: string | undefined;
}

/**
 * Makes sure that what came instead of a manifest asked for by its tag is a manifest: parked domains,
 * portals and gateways answer everything with 200. What a mirror gives must be whole; what the registry
 * gives as a manifest is the image's, however bad.
 * @throws HttpFailure NETWORK for a page or another document, so that the next server is asked;
 *   INTEGRITY for a mirror's manifest that no engine reads.
 */
export function checkManifestAnswer(bytes: Buffer, answer: Answer): void {
  const { endpoint, subject, contentType } = answer;
  if (isWebPage(contentType, bytes)) throw pageFailure(subject, endpoint.host);
  if (!isManifestLike(bytes, contentType)) {
    const what = bytes.length === 0 ? "an empty answer" : "something that is no manifest";
    throw new HttpFailure("NETWORK", `${subject}: ${endpoint.host} gave ${what}.`, {
      hint: PAGE_HINT,
      details: { host: endpoint.host, ...(contentType === undefined ? {} : { contentType }) },
    });
  }
  if (!endpoint.mirror) return;
  try {
    parseManifest(`${subject}: ${endpoint.host}: the manifest`, bytes, contentType);
  } catch (error) {
    if (!(error instanceof BundlerError)) throw error;
    throw new HttpFailure("INTEGRITY", error.message, {
      details: { host: endpoint.host, ...error.details },
      cause: error,
    });
  }
}

const PAGE_HINT =
  "A portal or filter of the network may stand between, or the address may no longer be a registry's: open it in a browser, check the proxy settings, or use another mirror with --mirror.";

/** A server that should speak as a registry showed a page for people. */
export function pageFailure(subject: string, host: string, status = 200): HttpFailure {
  const answered = status === 200 ? "answered" : `answered ${status}`;
  return new HttpFailure(
    "NETWORK",
    `${subject}: ${host} ${answered} with a web page, as portals, filters and parked addresses do.`,
    { hint: PAGE_HINT, details: { host, status, page: true } },
  );
}

/** By its type or, where `bytes` are at hand, by how it begins. */
export function isWebPage(contentType: string | undefined, bytes?: Buffer): boolean {
  const start = bytes
    ?.subarray(0, 512)
    .toString("utf8")
    .replace(/^\uFEFF/, "")
    .trimStart();
  if (start !== undefined) return start.startsWith("<");
  return /^(text\/html|application\/xhtml\+xml)\b/i.test(contentType ?? "");
}

/** For a blob whose bytes or size are wrong: says so when they are a page. */
export function pageInstead(
  response: Pick<HttpResponse, "header">,
  subject: string,
  host: string,
): HttpFailure | undefined {
  return isWebPage(response.header("content-type")) ? pageFailure(subject, host) : undefined;
}

/** A document that calls itself a manifest, or that the registry calls one. */
function isManifestLike(bytes: Buffer, contentType: string | undefined): boolean {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString("utf8").replace(/^\uFEFF/, ""));
  } catch {
    return false;
  }
  if (value === null || typeof value !== "object" || Array.isArray(value)) return false;
  return (
    /^application\/vnd\.(oci\.image|docker\.distribution)\./.test(contentType ?? "") ||
    Object.keys(value).some((name) => name.toLowerCase() === "schemaversion")
  );
}
