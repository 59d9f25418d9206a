import { createHash } from "node:crypto";
import {
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
  createServer,
} from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import type { Digest } from "../../src/core/digest.js";
import type { Descriptor } from "../../src/image/descriptor.js";

/** One thing that goes wrong with one answer. */
export type Fault =
  /** This answer and nothing else. */
  | {
      readonly kind: "answer";
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string;
    }
  | { readonly kind: "redirect"; readonly to: string; readonly status?: number }
  /** The connection ends after so many bytes of the body: they arrive, whatever the machine is busy with. */
  | { readonly kind: "cut"; readonly after: number }
  /** The connection is reset after so many bytes of the body. A reset swallows what is under way: it waits for `had`. */
  | { readonly kind: "reset"; readonly after: number; readonly had: Promise<unknown> }
  /** After so many bytes of the body, nothing more comes, and the connection stays. */
  | { readonly kind: "stall"; readonly after: number }
  /** Chunked, and ended in good order after so many bytes. */
  | { readonly kind: "short"; readonly bytes: number }
  /** The true bytes and then more, chunked. */
  | { readonly kind: "long"; readonly extra: number }
  /** Bytes that are not the blob's, as many as it has. */
  | { readonly kind: "corrupt" }
  /** The whole with status 200, whatever range was asked for. */
  | { readonly kind: "ignore-range" }
  /** Status 206 with bytes from somewhere else than asked. */
  | { readonly kind: "wrong-range" }
  /** The right answer, when the test lets it go. */
  | { readonly kind: "hold"; readonly until: Promise<unknown> };

/** A request as it came in. */
export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  /** How many requests for the same path came before. */
  readonly nth: number;
}

export interface FlakyOptions {
  /** What goes wrong with a request, if anything. */
  readonly fault?: (request: Seen) => Fault | undefined;
  /** Bearer tokens are wanted; `tokens` says which ones are good at the moment. */
  readonly bearer?: {
    readonly realm: () => string;
    readonly accepts: (header: string) => boolean;
    /** What the challenge says; nothing when absent. */
    readonly scope?: () => string;
  };
  /** `user:password` for Basic. */
  readonly basic?: string;
  readonly tls?: { readonly key: string; readonly cert: string };
}

export interface FlakyRegistry {
  readonly origin: string;
  /** `127.0.0.1:34567`. */
  readonly host: string;
  readonly requests: readonly Seen[];
  /** Blob requests that are being answered. */
  readonly busy: () => number;
  /** The most blob requests that were being answered at one moment. */
  readonly busiest: () => number;
  addBlob(bytes: Uint8Array, mediaType?: string): Descriptor;
  /** Serves JSON as a manifest under a tag and its digest; gives its descriptor. */
  addManifest(repository: string, tag: string, document: object, mediaType?: string): Descriptor;
  /** Changes what goes wrong from now on. */
  setFault(fault: FlakyOptions["fault"]): void;
  close(): Promise<void>;
}

/** A registry on the loopback interface, over real HTTP, that fails as told. */
export async function startFlakyRegistry(options: FlakyOptions = {}): Promise<FlakyRegistry> {
  const content = new Map<string, { readonly bytes: Buffer; readonly mediaType: string }>();
  const requests: Seen[] = [];
  const sockets = new Set<Socket>();
  let fault = options.fault;
  let busy = 0;
  let busiest = 0;

  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    const url = new URL(request.url ?? "/", "http://x");
    const nth = requests.filter(({ path }) => path === url.pathname).length;
    const seen: Seen = {
      method: request.method ?? "",
      path: url.pathname,
      query: url.searchParams,
      headers: request.headers,
      nth,
    };
    requests.push(seen);
    const wrong = fault?.(seen);
    if (wrong?.kind === "answer") {
      response.writeHead(wrong.status, wrong.headers).end(wrong.body ?? "");
      return;
    }
    if (wrong?.kind === "redirect") {
      response.writeHead(wrong.status ?? 307, { location: wrong.to }).end("moved");
      return;
    }
    const refused = challengeFor(options, request);
    if (refused !== undefined) {
      response
        .writeHead(401, { "www-authenticate": refused })
        .end('{"errors":[{"code":"UNAUTHORIZED"}]}');
      return;
    }
    if (url.pathname === "/v2/") {
      response.writeHead(200).end("{}");
      return;
    }
    const found = content.get(url.pathname.replace(/^\/v2\/.+\/blobs\//, "blob "));
    if (found === undefined) {
      response.writeHead(404).end('{"errors":[{"code":"NAME_UNKNOWN"}]}');
      return;
    }
    const isBlob = url.pathname.includes("/blobs/");
    if (isBlob) {
      busy += 1;
      busiest = Math.max(busiest, busy);
      response.on("close", () => (busy -= 1));
    }
    const answer = (): void => send(request, response, found, wrong);
    if (wrong?.kind === "hold") void wrong.until.then(answer);
    else answer();
  };
  const server: Server = options.tls ? createTlsServer(options.tls, handle) : createServer(handle);
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;

  const describe = (bytes: Uint8Array, mediaType: string): Descriptor => ({
    mediaType,
    digest: `sha256:${createHash("sha256").update(bytes).digest("hex")}` as Digest,
    size: bytes.length,
  });
  return {
    origin: `${options.tls ? "https" : "http"}://${host}`,
    host,
    requests,
    busy: () => busy,
    busiest: () => busiest,
    addBlob: (bytes, mediaType = "application/vnd.oci.image.layer.v1.tar+gzip") => {
      const descriptor = describe(bytes, mediaType);
      content.set(`blob ${descriptor.digest}`, {
        bytes: Buffer.from(bytes),
        mediaType: "application/octet-stream",
      });
      return descriptor;
    },
    addManifest: (
      repository,
      tag,
      document,
      mediaType = "application/vnd.oci.image.manifest.v1+json",
    ) => {
      const bytes = Buffer.from(JSON.stringify(document));
      const descriptor = describe(bytes, mediaType);
      for (const name of [tag, descriptor.digest]) {
        content.set(`/v2/${repository}/manifests/${name}`, { bytes, mediaType });
      }
      return descriptor;
    },
    setFault: (next) => (fault = next),
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function challengeFor(options: FlakyOptions, request: IncomingMessage): string | undefined {
  const header = request.headers.authorization ?? "";
  if (options.bearer !== undefined && !options.bearer.accepts(header)) {
    const { realm, scope } = options.bearer;
    return `Bearer realm="${realm()}",service="flaky"${scope === undefined ? "" : `,scope="${scope()}"`}`;
  }
  const basic = options.basic && `Basic ${Buffer.from(options.basic).toString("base64")}`;
  return basic !== undefined && basic !== header ? 'Basic realm="flaky"' : undefined;
}

function send(
  request: IncomingMessage,
  response: ServerResponse,
  found: { readonly bytes: Buffer; readonly mediaType: string },
  wrong: Fault | undefined,
): void {
  const asked = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? "NaN");
  const ranged = !Number.isNaN(asked) && wrong?.kind !== "ignore-range";
  const size = found.bytes.length;
  if (ranged && asked >= size) {
    response.writeHead(416, { "content-range": `bytes */${size}` }).end();
    return;
  }
  const from = ranged ? (wrong?.kind === "wrong-range" ? Math.floor(asked / 2) : asked) : 0;
  const whole = wrong?.kind === "corrupt" ? Buffer.alloc(size, 0x5a) : found.bytes;
  const bytes = whole.subarray(from);
  const headers: Record<string, string> = { "content-type": found.mediaType };
  if (ranged) headers["content-range"] = `bytes ${from}-${size - 1}/${size}`;
  if (wrong?.kind !== "short" && wrong?.kind !== "long") {
    headers["content-length"] = String(bytes.length);
  }
  response.writeHead(ranged ? 206 : 200, headers);
  switch (wrong?.kind) {
    case "cut":
      response.write(bytes.subarray(0, wrong.after), () => request.socket.end());
      return;
    case "reset":
      response.write(bytes.subarray(0, wrong.after));
      void wrong.had.then(() => request.socket.resetAndDestroy());
      return;
    case "stall":
      response.flushHeaders();
      response.write(bytes.subarray(0, wrong.after));
      return;
    case "short":
      response.end(bytes.subarray(0, wrong.bytes));
      return;
    case "long":
      response.end(Buffer.concat([bytes, Buffer.alloc(wrong.extra)]));
      return;
    default:
      response.end(bytes);
  }
}
