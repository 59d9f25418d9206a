import { formatBytes } from "../core/bytes.js";
import { type BodySink, TooLong } from "../http/body-sink.js";
import { connectionFailure } from "../http/connection-error.js";
import { HttpFailure } from "../http/failure.js";
import { mayRetry, waitForNextTry } from "../http/retry.js";
import type { HttpResponse } from "../http/transport.js";
import { type Web, shownAddress } from "../http/web.js";

/** The largest source, in bytes. */
export const SOURCE_LIMIT = 4 * 1024 ** 3;

/** Less than this is no progress: a server that drops us after each byte must not hold us for ever. */
const PROGRESS_BYTES = 256 * 1024;

/** One address of a source, and what is known of the file there. */
export interface Address {
  readonly url: URL;
  /** `Source zookeeper`, to begin messages with. */
  readonly subject: string;
  /** What helps when the server cannot be reached. */
  readonly hint: string;
  /** Bytes of the whole, once the server said. */
  total?: number;
  /** A strong validator of the file that the bytes so far come from (RFC 9110, section 8.8.3). */
  etag?: string;
  contentType?: string;
  /** The server does not do ranges as it should: it is asked for the whole. */
  rangesFail?: boolean;
  /** Some of the bytes are from elsewhere, or from what may have been another file at this address. */
  mixed?: boolean;
}

/**
 * Asks an address until all bytes are there, going on behind what the sink has. Only tries that
 * bring nothing count against the limit.
 * @throws HttpFailure NETWORK, AUTH, NOT_FOUND, INTEGRITY for a file over the limit; BundlerError
 *   DISK, FILE, INTERRUPTED.
 */
export async function fillFrom(
  web: Web,
  sink: BodySink,
  address: Address,
  signal: AbortSignal,
): Promise<void> {
  let furthest = sink.received;
  let barren = 0;
  for (;;) {
    try {
      if (await ask(web, sink, address, signal)) return;
    } catch (error) {
      if (sink.received >= furthest + PROGRESS_BYTES) barren = 0;
      furthest = Math.max(furthest, sink.received);
      barren += 1;
      if (!mayRetry(web.retry, error, barren)) throw error;
      await waitForNextTry(web.retry, error, barren, signal);
    }
  }
}

/** Throws away what is there, to take the whole from this address. */
export async function startOver(sink: BodySink, address: Address): Promise<void> {
  if (sink.received > 0) await sink.restart();
  delete address.etag;
  delete address.total;
  address.mixed = false;
}

/** One request for what is missing. False: what is there was of no use, and all must be asked for anew. */
async function ask(
  web: Web,
  sink: BodySink,
  address: Address,
  signal: AbortSignal,
): Promise<boolean> {
  const { url, subject, hint } = address;
  if (address.rangesFail === true) await startOver(sink, address);
  const from = sink.received;
  // Without a validator it may be another file by now; then the checksum will tell.
  if (from > 0 && address.etag === undefined) address.mixed = true;
  const headers: Record<string, string> = {};
  if (from > 0) {
    headers["range"] = `bytes=${from}-`;
    if (address.etag !== undefined) headers["if-range"] = address.etag;
  }
  const accept = from > 0 ? [416] : [];
  const response = await web.get({ url, subject, hint, headers, accept });
  const { status } = response;
  const refuse = (code: "NETWORK" | "INTEGRITY", why: string): HttpFailure => {
    response.body.drop();
    return new HttpFailure(code, `${subject}: ${shownAddress(url)}: ${why}.`, {
      hint,
      details: { host: response.url.host },
    });
  };
  if (from === 0 && status === 206) throw refuse("NETWORK", "it sent a part nobody asked for");
  if (status === 416 || status === 206) {
    const part = partOf(response.header("content-range"));
    // Nothing is missing: an earlier run was stopped right behind the last byte.
    if (status === 416 && part.total === from) {
      response.body.drop();
      return true;
    }
    if (status === 416 || !fits(part, from) || !isSameFile(response, address)) {
      response.body.drop();
      await startOver(sink, address);
      address.rangesFail = true;
      return false;
    }
    if (part.total !== undefined) address.total = part.total;
  } else {
    // A range that is passed over is answered with the whole: take it, from the start.
    await startOver(sink, address);
    const length = response.header("content-length");
    if (length !== undefined && /^\d{1,15}$/.test(length)) address.total = Number(length);
    const etag = response.header("etag");
    if (etag?.startsWith('"') === true) address.etag = etag;
  }
  const type = response.header("content-type");
  if (type !== undefined) address.contentType = type;
  const { total = SOURCE_LIMIT } = address;
  if (total > SOURCE_LIMIT) {
    const limit = formatBytes(SOURCE_LIMIT);
    throw refuse("INTEGRITY", `it has ${formatBytes(total)}, more than the ${limit} allowed`);
  }
  try {
    await sink.drain(response.body, total);
  } catch (error) {
    if (error instanceof TooLong) {
      throw refuse("INTEGRITY", `it goes on after ${formatBytes(total)}`);
    }
    const { host } = response.url;
    throw connectionFailure(error, { subject, host, signal, answered: true, hint });
  }
  if (address.total !== undefined && sink.received < address.total) {
    throw new HttpFailure(
      "NETWORK",
      `${subject}: ${response.url.host}: the answer ended after ${sink.received} of ${address.total} bytes.`,
      { transient: true, hint, details: { host: response.url.host } },
    );
  }
  return true;
}

interface Part {
  readonly start?: number;
  readonly end?: number;
  readonly total?: number;
}

/** `bytes 100-199/200`; with a 416, an asterisk for the range (RFC 9110, section 14.4). */
function partOf(header: string | undefined): Part {
  const [, start, end, total] =
    /^bytes (?:(\d{1,15})-(\d{1,15})|\*)\/(\d{1,15}|\*)$/.exec(header ?? "") ?? [];
  return {
    ...(start === undefined ? {} : { start: Number(start) }),
    ...(end === undefined ? {} : { end: Number(end) }),
    ...(total === undefined || total === "*" ? {} : { total: Number(total) }),
  };
}

/** Begins where asked, and goes to the end. */
function fits({ start, end, total }: Part, from: number): boolean {
  if (start !== from || end === undefined || end < from) return false;
  return total === undefined || end === total - 1;
}

/** For servers that do not know If-Range. */
function isSameFile(response: HttpResponse, { etag, total }: Address): boolean {
  const now = response.header("etag");
  if (etag !== undefined && now !== undefined && now !== etag) return false;
  const whole = partOf(response.header("content-range")).total;
  return total === undefined || whole === undefined || whole === total;
}
