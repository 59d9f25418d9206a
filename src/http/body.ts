import type { Readable } from "node:stream";
import type { Dispatcher } from "undici";
import { HttpFailure } from "./failure.js";

/**
 * Reads a small answer whole, never more than `limit` bytes.
 * @throws HttpFailure INTEGRITY when there is more; what the connection threw.
 */
export async function readBody(body: Readable, limit: number, what: string): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    length += chunk.length;
    if (length > limit) {
      throw new HttpFailure("INTEGRITY", `${what} is larger than the ${limit} bytes allowed.`, {
        details: { limit },
      });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length);
}

/** Ends an answer that nobody wants; a short one is read to its end, which keeps the connection. */
export function dropBody(body: Dispatcher.ResponseData["body"]): void {
  body.dump({ limit: 64 * 1024 }).catch(() => undefined);
}
