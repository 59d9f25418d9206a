import { createReadStream } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { type Digest, digestOf } from "../core/digest.js";
import type { Fault } from "./faults.js";
import type { BlobContent, SampleContent } from "./images.js";
import type { SampleRequest } from "./requests.js";

/** A request, the way to answer it, and what shall go wrong with that. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly asked: SampleRequest;
  readonly fault: Fault | undefined;
}

/** Bytes `start` to `end` (exclusive). */
interface Part {
  readonly start: number;
  readonly end: number;
}

const PIECE = 64 * 1024;

/** Answers with JSON. Like all functions here, it returns the bytes of the body. */
export function sendJson(
  { request, response }: Pick<Exchange, "request" | "response">,
  status: number,
  body: unknown,
): number {
  const bytes = Buffer.from(JSON.stringify(body));
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": bytes.length,
  });
  response.end(request.method === "HEAD" ? undefined : bytes);
  return request.method === "HEAD" ? 0 : bytes.length;
}

/** Answers with an error as the distribution spec words it ("Error Codes"). */
export function refuse(
  exchange: Pick<Exchange, "request" | "response">,
  status: number,
  error: { readonly code: string; readonly message: string },
): number {
  return sendJson(exchange, status, { errors: [error] });
}

/** Answers with a manifest or index by tag or digest ("Pulling manifests"). */
export async function sendManifest(exchange: Exchange, content: SampleContent): Promise<number> {
  const { request, response, asked, fault } = exchange;
  const digest = content.tags.get(asked.reference ?? "") ?? (asked.reference as Digest);
  const manifest = content.manifests.get(digest);
  if (manifest === undefined) {
    return refuse(exchange, 404, { code: "MANIFEST_UNKNOWN", message: "manifest unknown" });
  }
  if (!accepts(request.headers.accept, manifest.mediaType)) {
    return refuse(exchange, 404, {
      code: "MANIFEST_UNKNOWN",
      message: `${manifest.mediaType} found, but accept header does not support it`,
    });
  }
  const { mediaType, bytes } = fault?.kind === "replace" ? fault : manifest;
  const known = fault?.kind === "replace" ? digestOf(bytes) : digest;
  response.setHeader("docker-content-digest", known);
  return sendContent(exchange, bytes, { mediaType, etag: known });
}

/** Answers with bytes, a part of them, or the refusal of a part that there is not (RFC 9110, "Range Requests"). */
export async function sendContent(
  exchange: Exchange,
  content: BlobContent,
  { mediaType, etag }: { readonly mediaType: string; readonly etag: string },
): Promise<number> {
  const { request, response, asked, fault } = exchange;
  const size = Buffer.isBuffer(content) ? content.length : content.size;
  const whole: Part = { start: 0, end: size };
  response.setHeader("accept-ranges", "bytes");
  response.setHeader("etag", `"${etag}"`);
  response.setHeader("content-type", mediaType);
  const wrong = fault?.kind === "wrong-range" ? fault.how : undefined;
  let part = wrong === "ignored" ? undefined : rangeOf(asked.range, size);
  if (part === "unsatisfiable") {
    response.setHeader("content-range", `bytes */${size}`);
    response.writeHead(416).end();
    return 0;
  }
  if (part !== undefined && wrong === "shifted") part = whole;
  if (part !== undefined) {
    response.statusCode = 206;
    response.setHeader("content-range", `bytes ${part.start}-${part.end - 1}/${size}`);
  }
  const { start, end } = part ?? whole;
  const length = fault?.kind === "truncate" ? Math.min(fault.after, end - start) : end - start;
  response.setHeader("content-length", length);
  if (request.method === "HEAD") {
    response.end();
    return 0;
  }
  return sendBody(response, content, { part: { start, end: start + length }, fault });
}

function accepts(header: string | undefined, mediaType: string): boolean {
  const accepted = (header ?? "*/*").split(",").map((item) => item.split(";")[0]?.trim());
  return accepted.includes("*/*") || accepted.includes(mediaType);
}

/** One `bytes=from-to`, `bytes=from-` or `bytes=-last`; anything else is ignored, as the RFC allows. */
function rangeOf(header: string | undefined, size: number): Part | "unsatisfiable" | undefined {
  const [, from, to] = /^bytes=(\d*)-(\d*)$/.exec(header ?? "") ?? [];
  if (from === undefined || to === undefined || (from === "" && to === "")) return undefined;
  const start = from === "" ? Math.max(size - Number(to), 0) : Number(from);
  const end = from === "" || to === "" ? size : Math.min(Number(to) + 1, size);
  return start < end ? { start, end } : "unsatisfiable";
}

async function sendBody(
  response: ServerResponse,
  content: BlobContent,
  { part, fault }: { readonly part: Part; readonly fault: Fault | undefined },
): Promise<number> {
  const cut =
    fault?.kind === "reset" || fault?.kind === "stall" ? fault.after : part.end - part.start;
  let sent = 0;
  response.flushHeaders();
  for await (const piece of pieces(content, part)) {
    const bytes = piece.subarray(0, cut - sent);
    if (response.destroyed || bytes.length === 0) break;
    if (fault?.kind === "slow") await sleep((bytes.length / fault.bytesPerSecond) * 1000);
    await write(response, fault?.kind === "corrupt" && sent === 0 ? flipped(bytes) : bytes);
    sent += bytes.length;
  }
  if (fault?.kind === "reset") response.destroy();
  else if (fault?.kind !== "stall") response.end();
  return sent;
}

async function* pieces(content: BlobContent, { start, end }: Part): AsyncGenerator<Buffer> {
  if (start === end) return;
  if (Buffer.isBuffer(content)) {
    for (let at = start; at < end; at += PIECE)
      yield content.subarray(at, Math.min(at + PIECE, end));
    return;
  }
  const stream = createReadStream(content.file, {
    start,
    end: end - 1,
    highWaterMark: 1024 * 1024,
  });
  for await (const chunk of stream) yield chunk as Buffer;
}

function flipped(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeUInt8(copy.readUInt8(0) ^ 1, 0);
  return copy;
}

/** Waits until the connection takes more, or until there is nobody left to send to. */
function write(response: ServerResponse, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off("drain", done).off("close", done);
      resolve();
    };
    response.on("close", done);
    if (response.write(bytes)) done();
    else response.on("drain", done);
  });
}
