import {
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
  createServer,
} from "node:http";
import type { AddressInfo, Socket } from "node:net";

/** One thing that goes wrong with one answer. */
export type Fault =
  | {
      readonly kind: "answer";
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string;
    }
  | { readonly kind: "redirect"; readonly to: string }
  /** The connection ends after so many bytes: they arrive, whatever the machine is busy with. */
  | { readonly kind: "cut"; readonly after: number }
  /** After so many bytes nothing more comes. */
  | { readonly kind: "stall"; readonly after: number }
  /** Ended in good order after so many bytes, without a length. */
  | { readonly kind: "short"; readonly bytes: number }
  /** Other bytes, as many. */
  | { readonly kind: "corrupt" }
  /** The whole, whatever was asked for. */
  | { readonly kind: "ignore-range" }
  /** Status 206 with a part from somewhere else. */
  | { readonly kind: "wrong-range" }
  /** The right answer, when the test lets it go. */
  | { readonly kind: "hold"; readonly until: Promise<unknown> };

export interface Seen {
  readonly path: string;
  readonly query: string;
  readonly headers: IncomingHttpHeaders;
  /** How many requests for the same path came before. */
  readonly nth: number;
}

export interface FileServer {
  readonly origin: string;
  readonly host: string;
  readonly requests: readonly Seen[];
  /** `Range` headers in the order in which they came. */
  readonly ranges: () => readonly (string | undefined)[];
  /** Serves bytes under a path, and gives the address. */
  add(path: string, bytes: Uint8Array | string, etag?: string): string;
  setFault(fault: (request: Seen) => Fault | undefined): void;
  close(): Promise<void>;
}

/** A web server on the loopback interface that knows ranges, and fails as told. */
export async function startFileServer(): Promise<FileServer> {
  const files = new Map<string, { readonly bytes: Buffer; readonly etag?: string }>();
  const requests: Seen[] = [];
  const sockets = new Set<Socket>();
  let fault: (request: Seen) => Fault | undefined = () => undefined;
  const server = createServer((request, response) => {
    // A proxy is asked for whole addresses.
    const url = new URL(request.url ?? "/", "http://x");
    const nth = requests.filter(({ path }) => path === url.pathname).length;
    const { headers } = request;
    const seen = { path: url.pathname, query: url.search, headers, nth };
    requests.push(seen);
    const wrong = fault(seen);
    const found = files.get(url.pathname);
    if (wrong?.kind === "answer") {
      response.writeHead(wrong.status, wrong.headers).end(wrong.body ?? "");
    } else if (wrong?.kind === "redirect") {
      response.writeHead(302, { location: wrong.to }).end("moved");
    } else if (found === undefined) {
      response.writeHead(404, { "content-type": "text/html" }).end("<h1>Not found</h1>");
    } else if (wrong?.kind === "hold") {
      void wrong.until.then(() => send(request, response, found, undefined));
    } else {
      send(request, response, found, wrong);
    }
  });
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const origin = `http://${host}`;
  return {
    origin,
    host,
    requests,
    ranges: () => requests.map(({ headers }) => headers.range),
    add: (path, bytes, etag) => {
      files.set(path, { bytes: Buffer.from(bytes), ...(etag === undefined ? {} : { etag }) });
      return origin + path;
    },
    setFault: (next) => {
      fault = next;
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function send(
  request: IncomingMessage,
  response: ServerResponse,
  { bytes, etag }: { readonly bytes: Buffer; readonly etag?: string },
  wrong: Fault | undefined,
): void {
  const size = bytes.length;
  const condition = request.headers["if-range"];
  const asked = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? "NaN");
  const ranged =
    !Number.isNaN(asked) &&
    wrong?.kind !== "ignore-range" &&
    (condition === undefined || condition === etag);
  if (ranged && asked >= size) {
    response.writeHead(416, { "content-range": `bytes */${size}` }).end();
    return;
  }
  const from = ranged ? (wrong?.kind === "wrong-range" ? Math.floor(asked / 2) : asked) : 0;
  const body = (wrong?.kind === "corrupt" ? Buffer.alloc(size, 0x5a) : bytes).subarray(from);
  const open = wrong?.kind === "short";
  response.writeHead(ranged ? 206 : 200, {
    "content-type": "application/octet-stream",
    ...(etag === undefined ? {} : { etag }),
    ...(ranged ? { "content-range": `bytes ${from}-${size - 1}/${size}` } : {}),
    ...(open ? {} : { "content-length": String(body.length) }),
  });
  if (wrong?.kind === "cut") {
    response.write(body.subarray(0, wrong.after), () => request.socket.end());
  } else if (wrong?.kind === "stall") {
    response.write(body.subarray(0, wrong.after));
  } else if (wrong?.kind === "short") {
    response.end(body.subarray(0, wrong.bytes));
  } else {
    response.end(body);
  }
}
