import type { Readable } from "node:stream";
import { HttpFailure } from "./failure.js";

/** Who takes the bytes of a body gives the room for them: nothing is copied that need not be. */
export interface Intake {
  /** Room for the next bytes, never empty; the same until some were put there. */
  room(): Uint8Array;
  /**
   * The first bytes of the room are there. A promise: no more until it has settled.
   * @throws to end the body.
   */
  filled(bytes: number): Promise<void> | undefined;
}

/** An answer's body; it must be read or dropped. */
export interface Body {
  /**
   * Reads to the end, also one that had ended or broken before anybody asked.
   * @throws what the connection did, or the intake. The connection is gone then.
   */
  read(intake: Intake): Promise<void>;
  /** Ends a body that nobody wants; a short one is read to its end, which keeps the connection. */
  drop(): void;
}

/** What is worth reading only to keep the connection, in bytes. */
export const DROP_LIMIT = 64 * 1024;

/** A body that comes as a stream. */
export class StreamBody implements Body {
  readonly #stream: Readable & { dump?: (options: { limit: number }) => Promise<unknown> };

  constructor(stream: Readable) {
    this.#stream = stream;
    // Whoever reads hears of it; until then it must not end the process.
    stream.on("error", () => undefined);
  }

  async read(intake: Intake): Promise<void> {
    for await (const chunk of this.#stream as AsyncIterable<Uint8Array>) await pour(chunk, intake);
  }

  drop(): void {
    if (this.#stream.dump === undefined) this.#stream.destroy();
    else this.#stream.dump({ limit: DROP_LIMIT }).catch(() => undefined);
  }
}

/** Copies bytes that lie elsewhere. */
export async function pour(bytes: Uint8Array, intake: Intake): Promise<void> {
  for (let rest = bytes; rest.length > 0;) {
    const room = intake.room();
    const taken = rest.subarray(0, room.length);
    room.set(taken);
    rest = rest.subarray(taken.length);
    await intake.filled(taken.length);
  }
}

/**
 * Reads a small answer whole, never more than `limit` bytes.
 * @throws HttpFailure INTEGRITY when there is more; what the connection threw.
 */
export async function readBody(body: Body, limit: number, what: string): Promise<Buffer> {
  let buffer = Buffer.allocUnsafe(Math.min(limit + 1, 16 * 1024));
  let length = 0;
  await body.read({
    room: () => buffer.subarray(length),
    filled: (bytes) => {
      length += bytes;
      if (length > limit) {
        const why = `${what} is larger than the ${limit} bytes allowed.`;
        throw new HttpFailure("INTEGRITY", why, { details: { limit } });
      }
      if (length < buffer.length) return undefined;
      const larger = Buffer.allocUnsafe(Math.min(limit + 1, 2 * length));
      buffer.copy(larger);
      buffer = larger;
      return undefined;
    },
  });
  return buffer.subarray(0, length);
}
