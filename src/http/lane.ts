import type { SecureContext } from "node:tls";
import { interrupted } from "../core/errors.js";
import type { Body } from "./body.js";
import { Connection, type Timeouts, UNFIT } from "./connection.js";
import type { ResponseHead } from "./response-head.js";

interface LaneRequest {
  readonly method: "GET" | "HEAD";
  readonly url: URL;
  /** Any certificate will do when false. */
  readonly verified: boolean;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

/**
 * A short way for most answers: HTTP/1.1 without a proxy, bodies of a known length, read from the
 * socket straight to where they go. Layers of streams above a socket cost more than all the rest.
 */
export interface Lane {
  /**
   * Asks on a connection that is kept for the next question. Undefined: the answer is not for this
   * lane, and has to be asked for in another way.
   * @throws what the connection did.
   */
  ask(
    request: LaneRequest,
  ): Promise<{ readonly head: ResponseHead; readonly body: Body } | undefined>;
  close(): void;
}

/** Servers close what idles, most after five seconds or more; ours are given up sooner, in milliseconds. */
const IDLE_MS = 4000;

/** After so many answers in a row that were not for this lane, an origin is not asked on it any more. */
const MISSES = 3;

const PRINTABLE = /^[\t\x20-\x7e\x80-\xff]*$/;

export function createLane(options: {
  readonly secureContext?: SecureContext;
  readonly timeouts: Timeouts;
}): Lane {
  const idle = new Map<string, Connection[]>();
  const open = new Set<Connection>();
  /** Origin → how many answers in a row were not for this lane. */
  const unfit = new Map<string, number>();

  const connectionTo = (url: URL, verified: boolean, fresh: boolean): Connection => {
    const key = `${url.origin} ${String(verified)}`;
    const waiting = idle.get(key) ?? [];
    idle.set(key, waiting);
    for (let one = waiting.pop(); one !== undefined; one = waiting.pop()) {
      if (one.closed) continue;
      if (!fresh && Date.now() - one.idleSince < IDLE_MS) return one;
      one.destroy(interrupted());
    }
    const connection = new Connection({ ...options, url, verified }, (free) => waiting.push(free));
    for (const one of open) if (one.closed) open.delete(one);
    open.add(connection);
    return connection;
  };

  const once = async (request: LaneRequest, fresh: boolean) => {
    const { method, url, signal } = request;
    const connection = connectionTo(url, request.verified, fresh);
    const stop = (): void => connection.destroy(interrupted());
    signal.addEventListener("abort", stop, { once: true });
    const left = (): void => signal.removeEventListener("abort", stop);
    try {
      if (connection.used === 0) await connection.open();
      if (signal.aborted) throw interrupted();
      const head = await connection.ask(method, requestText(request));
      if (head !== UNFIT) return { head, body: untilOver(connection.body(), left) };
      left();
      return head;
    } catch (error) {
      left();
      connection.destroy(interrupted());
      // A kept connection may have been closed just before the question.
      if (connection.used > 1 && connection.silent && !signal.aborted) return "stale" as const;
      throw error;
    }
  };

  return {
    ask: async (request) => {
      const { headers, signal, url } = request;
      if (signal.aborted) throw interrupted();
      const misses = unfit.get(url.origin) ?? 0;
      if (misses >= MISSES) return undefined;
      if (!Object.values(headers).every((value) => PRINTABLE.test(value))) return undefined;
      let answer = await once(request, false);
      if (answer === "stale") answer = await once(request, true);
      if (answer === "stale" || answer === UNFIT) {
        unfit.set(url.origin, misses + 1);
        return undefined;
      }
      unfit.delete(url.origin);
      return answer;
    },
    close: () => {
      for (const connection of open) connection.destroy(interrupted());
    },
  };
}

function requestText({ method, url, headers }: LaneRequest): string {
  const lines = Object.entries({ host: url.host, connection: "keep-alive", ...headers });
  const fields = lines.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return `${method} ${url.pathname}${url.search} HTTP/1.1\r\n${fields}\r\n`;
}

/** Tells when the body has been dealt with. */
function untilOver(body: Body, over: () => void): Body {
  return {
    read: async (intake) => {
      try {
        await body.read(intake);
      } finally {
        over();
      }
    },
    drop: () => {
      over();
      body.drop();
    },
  };
}
