import { BundlerError } from "../core/errors.js";
import type { EventSink } from "../core/events.js";
import type { Endpoint } from "./endpoint.js";
import { HttpFailure, isServerFailure } from "../http/failure.js";

/** Goes from mirror to mirror to the registry itself, and remembers which mirrors are dead. */
export interface Fallback {
  /**
   * The first result that a server gives.
   * @throws the only server's error, or one that lists what each said.
   */
  first<T>(
    endpoints: readonly Endpoint[],
    subject: string,
    work: (endpoint: Endpoint) => Promise<T>,
  ): Promise<T>;
}

export function createFallback(onEvent: EventSink): Fallback {
  const dead = new Map<string, BundlerError>();
  const told = new Set<string>();

  const passOver = (endpoint: Endpoint, next: Endpoint, error: BundlerError): void => {
    if (error instanceof HttpFailure && error.unreachable) dead.set(endpoint.host, error);
    // Mirrors that hold only part are normal; nobody needs to hear of each image.
    if (error.code === "NOT_FOUND" || told.has(endpoint.host)) return;
    told.add(endpoint.host);
    const message = `Mirror ${endpoint.host} is no help, using ${next.host}: ${error.message}`;
    onEvent({ type: "notice", level: "warn", message });
  };

  return {
    first: async (endpoints, subject, work) => {
      const failures: { readonly host: string; readonly error: BundlerError }[] = [];
      for (const [position, endpoint] of endpoints.entries()) {
        const next = endpoints[position + 1];
        const known = next === undefined ? undefined : dead.get(endpoint.host);
        try {
          if (known !== undefined) throw known;
          return await work(endpoint);
        } catch (error) {
          if (!isServerFailure(error)) throw error;
          failures.push({ host: endpoint.host, error });
          if (next !== undefined) passOver(endpoint, next, error);
        }
      }
      throw summary(subject, failures);
    },
  };
}

/**
 * The registry's own answer decides what kind of error it is; the mirrors' are listed with it. Where
 * the registry cannot be reached, as behind a company's mirror, a mirror that wants a login or that
 * gives wrong bytes decides.
 */
function summary(
  subject: string,
  failures: readonly { readonly host: string; readonly error: BundlerError }[],
): BundlerError {
  const own = failures.at(-1);
  const telling =
    own?.error.code === "NETWORK"
      ? failures.find(({ error }) => error.code === "AUTH" || error.code === "INTEGRITY")
      : undefined;
  const deciding = telling ?? own;
  if (deciding === undefined) return new BundlerError("NOT_FOUND", `${subject}: no server to ask.`);
  if (failures.length === 1) return deciding.error;
  // Each server may want something else of the reader.
  const hints = new Set(
    [deciding, ...failures].flatMap(({ error }) => (error.hint === undefined ? [] : [error.hint])),
  );
  const lines = failures.map(({ error }) => `  ${error.message.replace(`${subject}: `, "")}`);
  return new BundlerError(
    deciding.error.code,
    `${subject}: no server has it.\n${lines.join("\n")}`,
    {
      ...(hints.size === 0 ? {} : { hint: [...hints].join("\n    ") }),
      details: {
        ...deciding.error.details,
        servers: failures.map(({ host, error }) => ({ host, code: error.code })),
      },
      cause: deciding.error,
    },
  );
}
