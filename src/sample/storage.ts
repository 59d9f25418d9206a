import { randomUUID } from "node:crypto";
import { type Exchange, refuse, sendContent } from "./answers.js";
import type { BlobContent } from "./images.js";

/** How long, or for how many requests, a signed URL is good. */
export interface StorageLimits {
  readonly uses?: number;
  readonly lifetimeMs?: number;
}

interface Grant {
  readonly content: BlobContent;
  readonly expires: number;
  uses: number;
}

/** The object storage behind a large registry, which serves blobs by signed URLs that expire. */
export class SignedStorage {
  readonly #limits: StorageLimits;
  readonly #grants = new Map<string, Grant>();

  constructor(limits: StorageLimits) {
    this.#limits = limits;
  }

  /** The path and query of a URL that serves the blob. */
  sign(content: BlobContent): string {
    const { uses = Number.POSITIVE_INFINITY, lifetimeMs = 60_000 } = this.#limits;
    const signature = randomUUID();
    this.#grants.set(signature, { content, uses, expires: Date.now() + lifetimeMs });
    return `/blob?signature=${signature}`;
  }

  answer(exchange: Exchange): Promise<number> | number {
    const { request } = exchange;
    // As S3 answers a signed URL that comes with credentials of another kind.
    if (request.headers.authorization !== undefined) {
      return refuse(exchange, 400, {
        code: "InvalidArgument",
        message: "only one auth mechanism allowed",
      });
    }
    const signature =
      new URL(request.url ?? "/", "http://storage").searchParams.get("signature") ?? "";
    const grant = this.#grants.get(signature);
    if (grant === undefined || grant.uses <= 0 || grant.expires < Date.now()) {
      return refuse(exchange, 403, { code: "AccessDenied", message: "request has expired" });
    }
    grant.uses -= 1;
    return sendContent(exchange, grant.content, {
      mediaType: "application/octet-stream",
      etag: signature,
    });
  }
}
