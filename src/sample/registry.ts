import type { IncomingMessage } from "node:http";
import { LIMITS } from "../core/limits.js";
import { isDigest } from "../core/digest.js";
import { type Exchange, refuse, sendContent, sendJson, sendManifest } from "./answers.js";
import { type SampleContent, type SampleImage, buildImage } from "./images.js";
import type { LoggedRequest } from "./requests.js";
import { type ServerOptions, startServer } from "./server.js";
import { SignedStorage, type StorageLimits } from "./storage.js";
import { type SampleAuth, Tokens } from "./tokens.js";

export interface SampleRegistryOptions extends ServerOptions {
  /** Made when their repository is first asked for. Their `registry` plays no role here. */
  readonly images?: Iterable<SampleImage>;
  /** Ready-made content by repository, beside or instead of `images`. */
  readonly repositories?: ReadonlyMap<string, SampleContent>;
  readonly auth?: SampleAuth;
  /** With it, blobs are answered by a redirect to another origin, as large registries do. */
  readonly storage?: StorageLimits;
}

export interface SampleRegistry {
  /** `http://127.0.0.1:40123` */
  readonly url: string;
  /** `127.0.0.1:40123` */
  readonly host: string;
  /** The requests whose answers have ended, in the order in which they ended. */
  readonly requests: readonly LoggedRequest[];
  /** Breaks open connections. */
  close(): Promise<void>;
}

/**
 * Starts a read-only registry inside this process: real HTTP and the pull side of the OCI
 * distribution spec 1.1, serving sample images, and failing where it is asked to.
 */
export async function startSampleRegistry(options: SampleRegistryOptions): Promise<SampleRegistry> {
  const requests: LoggedRequest[] = [];
  const { storage: limits, auth } = options;
  const storage = limits === undefined ? undefined : new SignedStorage(limits);
  const tokens = auth === undefined ? undefined : new Tokens(auth);
  const contentOf = lazyRepositories(options);
  const server = await startServer(options, { log: requests, storage: false }, answer);
  const storageServer =
    storage &&
    (await startServer({ ...options, port: 0 }, { log: requests, storage: true }, (exchange) =>
      storage.answer(exchange),
    ));

  return {
    url: server.url,
    host: new URL(server.url).host,
    requests,
    close: async () => {
      await Promise.all([server.close(), storageServer?.close()]);
    },
  };

  async function answer(exchange: Exchange): Promise<number> {
    const { request, response, asked, fault } = exchange;
    const { authorization } = request.headers;
    if (fault?.kind === "expire-tokens") tokens?.revokeAll();
    if (asked.kind === "token" && tokens !== undefined) {
      const { status, body } = tokens.issue(authorization, await tokenFields(request));
      return sendJson(exchange, status, body);
    }
    if (request.method !== "GET" && request.method !== "HEAD") {
      return refuse(exchange, 405, { code: "UNSUPPORTED", message: "this registry is read-only" });
    }
    const challenge = tokens?.challenge(authorization, `${server.url}/token`, asked.repository);
    if (challenge !== undefined) {
      response.setHeader("www-authenticate", challenge);
      return refuse(exchange, 401, { code: "UNAUTHORIZED", message: "authentication required" });
    }
    response.setHeader("docker-distribution-api-version", "registry/2.0");
    if (asked.kind === "ping") return sendJson(exchange, 200, {});
    const content = asked.repository === undefined ? undefined : contentOf(asked.repository);
    if (content === undefined) {
      return refuse(exchange, 404, {
        code: "NAME_UNKNOWN",
        message: "repository name not known to registry",
      });
    }
    if (asked.kind === "manifest") return sendManifest(exchange, content);
    if (asked.kind === "blob") return answerBlob(exchange, content);
    return sendJson(exchange, 200, {
      name: asked.repository,
      tags: [...content.tags.keys()].sort(),
    });
  }

  function answerBlob(exchange: Exchange, content: SampleContent): Promise<number> | number {
    const { request, response, asked } = exchange;
    const { reference = "" } = asked;
    const blob = isDigest(reference) ? content.blobs.get(reference) : undefined;
    if (blob === undefined) {
      return refuse(exchange, 404, { code: "BLOB_UNKNOWN", message: "blob unknown to registry" });
    }
    if (storage !== undefined && storageServer !== undefined && request.method === "GET") {
      response.writeHead(307, { location: storageServer.url + storage.sign(blob) }).end();
      return 0;
    }
    response.setHeader("docker-content-digest", reference);
    return sendContent(exchange, blob, { mediaType: "application/octet-stream", etag: reference });
  }
}

/** Starts one registry for each upstream that the images name; `mirrors` tells where each of them is. */
export async function startSampleRegistries(
  images: Iterable<SampleImage>,
  options: Omit<SampleRegistryOptions, "images" | "repositories" | "port"> = {},
): Promise<{
  /** `docker.io` → `http://127.0.0.1:40123` */
  readonly mirrors: ReadonlyMap<string, string>;
  readonly registries: ReadonlyMap<string, SampleRegistry>;
  close(): Promise<void>;
}> {
  const byUpstream = groupBy(images, ({ registry }) => registry);
  const registries = new Map<string, SampleRegistry>();
  for (const [upstream, group] of byUpstream) {
    registries.set(upstream, await startSampleRegistry({ ...options, images: group }));
  }
  return {
    mirrors: new Map([...registries].map(([upstream, { url }]) => [upstream, url])),
    registries,
    close: async () => {
      await Promise.all([...registries.values()].map((registry) => registry.close()));
    },
  };
}

/** Builds a repository's images when it is first asked for, and keeps them. */
function lazyRepositories({
  images = [],
  repositories,
}: SampleRegistryOptions): (repository: string) => SampleContent | undefined {
  const wanted = groupBy(images, ({ repository }) => repository);
  const ready = new Map<string, SampleContent>(repositories);
  return (repository) => {
    const group = wanted.get(repository);
    if (group !== undefined && !ready.has(repository)) {
      const parts = group.map(buildImage);
      ready.set(repository, {
        tags: new Map(parts.flatMap(({ tags }) => [...tags])),
        manifests: new Map(parts.flatMap(({ manifests }) => [...manifests])),
        blobs: new Map(parts.flatMap(({ blobs }) => [...blobs])),
      });
    }
    return ready.get(repository);
  };
}

function groupBy<T>(items: Iterable<T>, keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group === undefined) groups.set(keyOf(item), [item]);
    else group.push(item);
  }
  return groups;
}

/** The fields of a token request: the query of a GET, the form of a POST. */
async function tokenFields(request: IncomingMessage): Promise<URLSearchParams> {
  if (request.method !== "POST") return new URL(request.url ?? "/", "http://registry").searchParams;
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > LIMITS.answer) throw new Error("token request too large");
    chunks.push(chunk);
  }
  return new URLSearchParams(Buffer.concat(chunks).toString());
}
