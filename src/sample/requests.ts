import type { IncomingMessage } from "node:http";

type RequestKind = "ping" | "token" | "manifest" | "blob" | "tags" | "storage" | "other";

/** What was asked of a sample registry. */
export interface SampleRequest {
  readonly method: string;
  readonly path: string;
  /** `storage` is the other origin that blobs may be redirected to. */
  readonly kind: RequestKind;
  /** Of manifests, blobs and tags. */
  readonly repository?: string;
  /** A tag or digest. */
  readonly reference?: string;
  /** The Range header. */
  readonly range?: string;
  /** How often this method and path were asked, this time included. */
  readonly count: number;
}

/** One request as it went. */
export interface LoggedRequest extends SampleRequest {
  readonly status: number;
  /** Bytes of the body that were sent. */
  readonly bytes: number;
  /** The scheme of the Authorization header, in lower case. */
  readonly authorization?: string;
  /** Milliseconds since the registry started. */
  readonly startedAt: number;
  readonly endedAt: number;
}

const KINDS: Readonly<Record<string, RequestKind>> = {
  manifests: "manifest",
  blobs: "blob",
  tags: "tags",
};

/** Reads a request by the paths of the distribution spec; `counts` remembers how often each was asked. */
export function describeRequest(
  request: IncomingMessage,
  storage: boolean,
  counts: Map<string, number>,
): SampleRequest {
  const method = request.method ?? "GET";
  const path = (request.url ?? "/").split("?")[0] ?? "/";
  const count = (counts.get(`${method} ${path}`) ?? 0) + 1;
  counts.set(`${method} ${path}`, count);
  const { range } = request.headers;
  const [, repository, collection, reference] =
    /^\/v2\/(.+)\/(manifests|blobs|tags)\/([^/]+)$/.exec(path) ?? [];
  const other = path === "/v2/" || path === "/v2" ? "ping" : path === "/token" ? "token" : "other";
  return {
    method,
    path,
    kind: storage ? "storage" : (KINDS[collection ?? ""] ?? other),
    ...(repository === undefined ? {} : { repository }),
    ...(reference === undefined ? {} : { reference: reference.replace(/%3a/i, ":") }),
    ...(range === undefined ? {} : { range }),
    count,
  };
}
