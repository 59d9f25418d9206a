import { type Digest, digestOf, isDigest } from "../core/digest.js";
import { BundlerError, interrupted } from "../core/errors.js";
import type { EventSink } from "../core/events.js";
import { LIMITS } from "../core/limits.js";
import { type NetworkOptions, openNetwork } from "../http/network.js";
import type { Descriptor } from "../image/descriptor.js";
import { MEDIA_TYPES } from "../image/media-types.js";
import { checkManifestAnswer, isWebPage, pageFailure, pageInstead } from "./answer-content.js";
import { createAuthorizer } from "./authorizer.js";
import { readBody } from "../http/body.js";
import { connectionFailure } from "../http/connection-error.js";
import { createCredentials } from "./credentials.js";
import { type BlobKeeper, blobSubject, downloadBlob } from "./download.js";
import { type Endpoint, createEndpoints } from "./endpoint.js";
import { HttpFailure } from "../http/failure.js";
import { type Reference, familiarReference } from "../image/reference.js";
import { type RetryPolicy, withRetries } from "../http/retry.js";
import { type Question, createSession } from "./session.js";
import { SharedDownloads } from "./shared-downloads.js";
import { Slots } from "../http/slots.js";
import { createFallback } from "./fallback.js";
import { createTokens } from "./token.js";

export interface RegistryOptions {
  readonly network: NetworkOptions;
  /** Registry → base URLs of its mirrors, tried in order before the registry itself. */
  readonly mirrors: ReadonlyMap<string, readonly string[]>;
  /** Blobs at a time from one host; twice as many small requests run beside them. */
  readonly requestsPerHost?: number;
  /** Never ask the registries themselves. */
  readonly mirrorsOnly?: boolean;
  readonly onEvent: EventSink;
  /** Milliseconds since 1970, for the life of tokens. */
  readonly now?: () => number;
}

interface ManifestAnswer {
  /** As the registry said; the document may say otherwise. */
  readonly mediaType: string;
  readonly digest: Digest;
  readonly bytes: Uint8Array;
  /** The host that answered. */
  readonly source: string;
}

/** All registries, through the OCI distribution protocol, for reading. */
export interface Registry {
  /**
   * A manifest or index, as its bytes; the digest is checked.
   * @throws BundlerError NOT_FOUND, AUTH, NETWORK, INTEGRITY, INTERRUPTED.
   */
  manifest(reference: Reference, signal: AbortSignal): Promise<ManifestAnswer>;
  /**
   * A small blob, such as a config, checked against its descriptor.
   * @throws as `manifest`.
   */
  blob(reference: Reference, descriptor: Descriptor, signal: AbortSignal): Promise<Uint8Array>;
  /**
   * Brings a blob to its keeper. Asked for one digest several times at once, it fetches it once.
   * When it resolves, the deltas given to `onBytes` add up to the blob's size, whether its bytes
   * came over the network or were there; a delta is negative when bytes had to be thrown away.
   * @throws as `manifest`; also DISK and FILE from the keeper.
   */
  download(
    reference: Reference,
    descriptor: Descriptor,
    keeper: BlobKeeper,
    options: { readonly signal: AbortSignal; readonly onBytes: (delta: number) => void },
  ): Promise<void>;
  /** Ends all connections; what is still under way fails as INTERRUPTED. */
  close(): Promise<void>;
}

/** Schema 1 is asked for as well, so that it can be refused in words instead of as "not found". */
const MANIFEST_TYPES = [
  MEDIA_TYPES.ociIndex,
  MEDIA_TYPES.dockerList,
  MEDIA_TYPES.ociManifest,
  MEDIA_TYPES.dockerManifest,
  `${MEDIA_TYPES.dockerSchema1Signed};q=0.1`,
  `${MEDIA_TYPES.dockerSchema1};q=0.1`,
].join(", ");

/** Tries at a mirror, in all: the registry behind it is the better second try. */
const MIRROR_TRIES = 2;

/**
 * @throws BundlerError FILE for a CA file that cannot be used, USAGE for a mirror that is no URL.
 */
export function createRegistry(options: RegistryOptions): Registry {
  const { onEvent } = options;
  const requestsPerHost = options.requestsPerHost ?? 6;
  const network = openNetwork(options.network, onEvent);
  const { policy, retry, transport } = network;
  const endpointsOf = createEndpoints(options.mirrors, policy, options.mirrorsOnly);
  const closing = new AbortController();
  const tokens = createTokens({ ...network, now: options.now ?? Date.now });
  const session = createSession(
    transport,
    createAuthorizer(
      createCredentials({ env: options.network.env, onEvent, signal: closing.signal }),
      tokens,
    ),
  );
  const fallback = createFallback(onEvent);
  const slots = new Slots({ blob: requestsPerHost, small: 2 * requestsPerHost });
  const retryFor = (endpoint: Endpoint): RetryPolicy =>
    endpoint.mirror ? { ...retry, attempts: Math.min(MIRROR_TRIES, retry.attempts) } : retry;
  const context = { session, fallback, slots, retryFor };
  const downloads = new SharedDownloads();

  /** A small answer, whole, from the first server that gives what `check` accepts. */
  const small = async <T>(
    reference: Reference,
    question: Omit<Question, "endpoint" | "repository">,
    limit: number,
    check: (bytes: Buffer, answer: Small) => T,
  ): Promise<T> =>
    fallback.first(endpointsOf(reference.registry), question.subject, (endpoint) =>
      withRetries(retryFor(endpoint), question.signal, () =>
        slots.run(endpoint.host, "small", question.signal, async () => {
          const { repository } = reference;
          const response = await session.ask({ ...question, endpoint, repository });
          let bytes: Buffer;
          try {
            bytes = await readBody(response.body, limit, question.subject);
          } catch (error) {
            const { subject, signal } = question;
            const { host } = response.url;
            const tooMuch = error instanceof BundlerError;
            const page = tooMuch ? pageInstead(response, subject, host) : undefined;
            throw page ?? connectionFailure(error, { subject, host, signal, answered: true });
          }
          return check(bytes, { endpoint, header: response.header });
        }),
      ),
    );

  return {
    manifest: (reference, caller) => {
      const signal = AbortSignal.any([caller, closing.signal]);
      const subject = familiarReference(reference);
      const path = `manifests/${reference.digest ?? reference.tag ?? "latest"}`;
      const question = { path, headers: { accept: MANIFEST_TYPES }, subject, signal };
      return small(reference, question, LIMITS.manifest, (bytes, answer) => {
        const { endpoint } = answer;
        const contentType = answer.header("content-type");
        const digest = digestOf(bytes);
        // What a digest names is what was asked for, whatever it is.
        if (reference.digest !== digest) {
          checkManifestAnswer(bytes, { endpoint, subject, contentType });
        }
        const said = answer.header("docker-content-digest");
        for (const expected of [reference.digest, said]) {
          if (expected !== undefined && isDigest(expected) && expected !== digest) {
            throw wrongDigest(`${subject}: manifest`, endpoint.host, expected, digest);
          }
        }
        return { mediaType: contentType ?? "", digest, bytes, source: endpoint.host };
      });
    },

    blob: (reference, descriptor, caller) => {
      const { digest, size } = descriptor;
      const subject = blobSubject(familiarReference(reference), descriptor);
      if (size > LIMITS.config) {
        const why = `${subject} is said to have ${size} bytes, more than the ${LIMITS.config} allowed.`;
        return Promise.reject(new BundlerError("INTEGRITY", why, { details: { digest, size } }));
      }
      const signal = AbortSignal.any([caller, closing.signal]);
      const question = { path: `blobs/${digest}`, headers: {}, subject, signal };
      return small(reference, question, size, (bytes, { endpoint: { host } }) => {
        const found = digestOf(bytes);
        if (found === digest) return bytes;
        throw isWebPage(undefined, bytes)
          ? pageFailure(subject, host)
          : wrongDigest(subject, host, digest, found);
      });
    },

    download: async (reference, descriptor, keeper, { signal: caller, onBytes }) => {
      const subject = blobSubject(familiarReference(reference), descriptor);
      const signal = AbortSignal.any([caller, closing.signal]);
      const onWait = ({ pid }: { readonly pid: number | undefined }): void =>
        onEvent({
          type: "notice",
          level: "info",
          message: `${subject}: another run${pid === undefined ? "" : ` (process ${pid})`} is fetching it; waiting for that.`,
        });
      await downloads.join(
        `${keeper.dir} ${descriptor.digest}`,
        signal,
        onBytes,
        async (flight) => {
          const { digest, size } = descriptor;
          const partial = await keeper.partial(digest, size, { signal: flight.signal, onWait });
          if (partial !== undefined) {
            const { repository } = reference;
            const wanted = {
              repository,
              descriptor,
              subject,
              endpoints: endpointsOf(reference.registry),
            };
            await downloadBlob(context, { ...wanted, ...flight }, partial);
          }
          flight.onTotal(size);
        },
      );
    },

    close: async () => {
      closing.abort(interrupted());
      await downloads.settled();
      await network.close();
    },
  };
}

interface Small {
  readonly endpoint: Endpoint;
  readonly header: (name: string) => string | undefined;
}

function wrongDigest(subject: string, host: string, expected: Digest, found: Digest): HttpFailure {
  return new HttpFailure(
    "INTEGRITY",
    `${subject}: ${host}: the bytes have the digest ${found}, expected ${expected}.`,
    { details: { host, expected, found } },
  );
}
