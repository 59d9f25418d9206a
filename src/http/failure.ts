import { BundlerError, type ErrorCode, type ErrorOptions, isAbort } from "../core/errors.js";
import { oneLine } from "../core/invisible.js";

interface FailureOptions extends ErrorOptions {
  /** Another try may go better. */
  readonly transient?: boolean;
  /** Milliseconds that the server asked us to wait. */
  readonly retryAfterMs?: number;
  /** How often to try in all, where fewer tries than usual make sense. */
  readonly tries?: number;
  /** No HTTP answer came at all. */
  readonly unreachable?: boolean;
  /** The server showed a certificate that nobody we trust vouches for. */
  readonly untrusted?: boolean;
}

/** An error of a registry that knows whether to try again. */
export class HttpFailure extends BundlerError {
  readonly #options: FailureOptions;
  readonly transient: boolean;
  readonly retryAfterMs: number | undefined;
  readonly tries: number;
  readonly unreachable: boolean;
  readonly untrusted: boolean;

  constructor(code: ErrorCode, message: string, options: FailureOptions = {}) {
    super(code, message, options);
    this.transient = options.transient ?? false;
    this.retryAfterMs = options.retryAfterMs;
    this.tries = options.tries ?? Number.POSITIVE_INFINITY;
    this.unreachable = options.unreachable ?? false;
    this.untrusted = options.untrusted ?? false;
    this.#options = options;
  }

  /** The same failure, its message beginning with what it is about. */
  about(subject: string): HttpFailure {
    if (this.message.startsWith(subject)) return this;
    return new HttpFailure(this.code, `${subject}: ${this.message}`, this.#options);
  }
}

/** What another server may still make good: not an abort, not a full disk. */
export function isServerFailure(error: unknown): error is BundlerError {
  return (
    error instanceof BundlerError &&
    !isAbort(error) &&
    ["NETWORK", "AUTH", "NOT_FOUND", "INTEGRITY"].includes(error.code)
  );
}

/** Text that a server chose, fit for a sentence: one line, nothing unseen, not endless. */
export function quoteServer(text: string): string {
  return oneLine(text, 300);
}
