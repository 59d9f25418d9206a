import { type Digest, shortDigest } from "../core/digest.js";
import { BundlerError } from "../core/errors.js";
import type { Descriptor } from "../image/descriptor.js";
import { pageInstead } from "./answer-content.js";
import { BodySink, TooLong, type UnfinishedFile } from "../http/body-sink.js";
import { connectionFailure } from "../http/connection-error.js";
import type { Endpoint } from "./endpoint.js";
import { HttpFailure } from "../http/failure.js";
import { type RetryPolicy, mayRetry, waitForNextTry } from "../http/retry.js";
import type { Session } from "./session.js";
import type { Slots } from "../http/slots.js";
import type { Fallback } from "./fallback.js";

export interface DownloadContext {
  readonly session: Session;
  readonly fallback: Fallback;
  readonly slots: Slots;
  readonly retryFor: (endpoint: Endpoint) => RetryPolicy;
}

/** An unfinished blob of whoever asked for it, until one of commit, release, discard. */
export interface BlobTarget extends UnfinishedFile {
  /** All bytes are there, and hashed. */
  commit(): Promise<void>;
  /** Keeps what is there for whoever goes on. */
  release(): Promise<void>;
  discard(): Promise<void>;
}

/** Where blobs are brought: a store, for one. */
export interface BlobKeeper {
  /** Tells it from others: one blob for one keeper is fetched once at a time. */
  readonly dir: string;
  /** Undefined when the blob turns out to be there. */
  partial(
    digest: Digest,
    size: number,
    options: {
      readonly signal: AbortSignal;
      readonly onWait: (holder: { readonly pid: number | undefined }) => void;
    },
  ): Promise<BlobTarget | undefined>;
}

/** One blob that is wanted. */
export interface Wanted {
  readonly endpoints: readonly Endpoint[];
  readonly repository: string;
  readonly descriptor: Descriptor;
  /** `docker.io/library/redis:7.0.15: blob sha256:0123456789ab`. */
  readonly subject: string;
  readonly signal: AbortSignal;
  /** Hears how many bytes are there, less than before when it starts over. */
  readonly onTotal: (bytes: number) => void;
}

/**
 * Fetches a blob into its unfinished file, going on from what is there, and makes it whole. What
 * was fetched is kept on every failure, except when its bytes were wrong.
 * @throws BundlerError NETWORK, AUTH, NOT_FOUND, INTEGRITY, DISK, INTERRUPTED.
 */
export async function downloadBlob(
  context: DownloadContext,
  wanted: Wanted,
  partial: BlobTarget,
): Promise<void> {
  try {
    const sink = await BodySink.resume(partial, wanted.onTotal, wanted.signal);
    await context.fallback.first(wanted.endpoints, wanted.subject, (endpoint) =>
      fillAndCheck(context, wanted, sink, endpoint),
    );
    await partial.commit();
  } catch (error) {
    if (error instanceof BundlerError && error.code === "INTEGRITY") await partial.discard();
    else await partial.release();
    throw error;
  }
}

/**
 * Wrong bytes are thrown away and fetched once more from their first byte: what an earlier run, a
 * crash or another server left may have been what was wrong.
 */
async function fillAndCheck(
  context: DownloadContext,
  wanted: Wanted,
  sink: BodySink,
  endpoint: Endpoint,
): Promise<void> {
  const { digest } = wanted.descriptor;
  for (let tries = 1; ; tries += 1) {
    try {
      await fill(context, wanted, sink, endpoint);
    } catch (error) {
      if (error instanceof HttpFailure && error.code === "INTEGRITY") await sink.restart();
      throw error;
    }
    const found = sink.digest();
    if (found === digest) return;
    await sink.restart();
    if (tries < 2) continue;
    throw new HttpFailure(
      "INTEGRITY",
      `${wanted.subject}: ${endpoint.host}: the bytes have the digest ${found}, expected ${digest}.`,
      {
        hint: "Something between here and the registry changes what it carries, or the registry is damaged. Try a mirror with --mirror, or another network.",
        details: { host: endpoint.host, expected: digest, found },
      },
    );
  }
}

/** Asks until all bytes are there. Only tries that bring nothing count against the limit. */
async function fill(
  context: DownloadContext,
  wanted: Wanted,
  sink: BodySink,
  endpoint: Endpoint,
): Promise<void> {
  const { signal } = wanted;
  const { size } = wanted.descriptor;
  const retry = context.retryFor(endpoint);
  // Less than this is no progress: a server that drops us after each byte must not hold us for ever.
  const step = Math.min(1024 * 1024, Math.ceil(size / 50));
  let furthest = sink.received;
  let barren = 0;
  let ranges = true;
  while (sink.received < size) {
    try {
      // The slot is free again while we wait for the next try.
      const taken = await context.slots.run(endpoint.host, "blob", signal, () =>
        ask(context, wanted, sink, endpoint, ranges),
      );
      ranges &&= taken;
    } catch (error) {
      if (sink.received >= furthest + step) barren = 0;
      furthest = Math.max(furthest, sink.received);
      barren += 1;
      if (!mayRetry(retry, error, barren)) throw error;
      await waitForNextTry(retry, error, barren, signal);
    }
  }
}

/**
 * One request for what is missing. False: this server does not do ranges as it should, and all must
 * be fetched from the start.
 */
async function ask(
  { session }: DownloadContext,
  wanted: Wanted,
  sink: BodySink,
  endpoint: Endpoint,
  ranges: boolean,
): Promise<boolean> {
  const { repository, subject, signal } = wanted;
  const { digest, size } = wanted.descriptor;
  if (!ranges && sink.received > 0) await sink.restart();
  const from = sink.received;
  const response = await session.ask({
    endpoint,
    repository,
    path: `blobs/${digest}`,
    headers: from > 0 ? { range: `bytes=${from}-` } : {},
    subject,
    signal,
    accept: from > 0 ? [416] : [],
  });
  const { status, body } = response;
  const wrong = (why: string): HttpFailure => {
    body.drop();
    const page = pageInstead(response, subject, response.url.host);
    if (page !== undefined) return page;
    return new HttpFailure("INTEGRITY", `${subject}: ${endpoint.host}: ${why}.`, {
      details: { host: endpoint.host, expected: size },
    });
  };
  if (
    status === 416 ||
    (status === 206 && !rangeFits(response.header("content-range"), from, size))
  ) {
    body.drop();
    await sink.restart();
    if (from === 0) throw wrong("it sent a part nobody asked for");
    return false;
  }
  if (status !== 200 && status !== 206) throw wrong(`it answered ${status}`);
  if (status === 200) {
    // A range that is passed over is answered with the whole: take it, from the start.
    if (from > 0) await sink.restart();
    const length = response.header("content-length");
    if (length !== undefined && Number(length) !== size) {
      throw wrong(`it has ${length} bytes, the image's manifest says ${size}`);
    }
  }
  try {
    await sink.drain(body, size);
  } catch (error) {
    if (error instanceof TooLong) {
      throw wrong(`it has more than the ${size} bytes that the image's manifest says`);
    }
    throw connectionFailure(error, { subject, host: response.url.host, signal, answered: true });
  }
  if (sink.received < size) {
    throw (
      pageInstead(response, subject, response.url.host) ??
      new HttpFailure(
        "NETWORK",
        `${subject}: ${response.url.host}: the answer ended after ${sink.received} of ${size} bytes.`,
        { transient: true, details: { host: endpoint.host } },
      )
    );
  }
  return true;
}

/** `bytes 100-199/200` (RFC 9110, section 14.4): begins where asked, in a whole of the known size. */
function rangeFits(header: string | undefined, from: number, size: number): boolean {
  const [, start, end, total] = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(header ?? "") ?? [];
  return (
    Number(start) === from &&
    Number(end) < size &&
    Number(end) >= from &&
    (total === "*" || Number(total) === size)
  );
}

/** For messages: which blob of which image. */
export function blobSubject(image: string, { digest }: Descriptor): string {
  return `${image}: blob ${shortDigest(digest)}`;
}
