import { type RequestListener, createServer } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { type Exchange, refuse } from "./answers.js";
import type { Faults } from "./faults.js";
import { type LoggedRequest, describeRequest } from "./requests.js";

export interface ServerOptions {
  /** 0, the default, takes any free port of 127.0.0.1. */
  readonly port?: number;
  readonly tls?: { readonly key: string; readonly cert: string };
  /** Milliseconds before each answer. */
  readonly latencyMs?: number;
  readonly faults?: Faults;
}

export interface RunningServer {
  /** `http://127.0.0.1:40123` */
  readonly url: string;
  /** Breaks open connections. */
  close(): Promise<void>;
}

/**
 * Serves on the loopback address, slowed down and failing as the options say; every request ends up
 * in the log. `answer` returns the bytes of the body that it sent.
 */
export async function startServer(
  options: ServerOptions,
  { log, storage }: { readonly log: LoggedRequest[]; readonly storage: boolean },
  answer: (exchange: Exchange) => Promise<number> | number,
): Promise<RunningServer> {
  const counts = new Map<string, number>();
  const answerOrFail = async (exchange: Omit<Exchange, "fault">): Promise<number> => {
    if (options.latencyMs !== undefined) await sleep(options.latencyMs);
    const fault = options.faults?.(exchange.asked);
    if (fault?.kind === "status") {
      if (fault.retryAfter !== undefined)
        exchange.response.setHeader("retry-after", fault.retryAfter);
      return refuse(exchange, fault.status, {
        code: fault.code ?? "UNKNOWN",
        message: "asked to fail",
      });
    }
    if (fault?.kind === "redirect") {
      exchange.response.writeHead(307, { location: fault.location }).end();
      return 0;
    }
    return answer({ ...exchange, fault });
  };
  const listener: RequestListener = (request, response) => {
    const asked = describeRequest(request, storage, counts);
    const startedAt = performance.now();
    const closed = new Promise<void>((resolve) => response.once("close", resolve));
    const record = async (): Promise<void> => {
      const bytes = await answerOrFail({ request, response, asked });
      await closed;
      const authorization = request.headers.authorization?.split(" ")[0]?.toLowerCase();
      log.push({
        ...asked,
        status: response.statusCode,
        bytes,
        ...(authorization === undefined ? {} : { authorization }),
        startedAt,
        endedAt: performance.now(),
      });
    };
    record().catch((error: unknown) =>
      response.destroy(error instanceof Error ? error : undefined),
    );
  };
  const { tls, port = 0 } = options;
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject).listen(port, "127.0.0.1", resolve);
  });
  return {
    url: `${tls === undefined ? "http" : "https"}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
