import { pause } from "../core/pause.js";
import { HttpFailure } from "./failure.js";

export interface RetryPolicy {
  /** Tries in all, without progress between them. */
  readonly attempts: number;
  /** Milliseconds before the second try; doubled for each further one. */
  readonly baseMs: number;
  /** The longest wait of our own choice. */
  readonly maxMs: number;
  /** The longest wait that a server can ask for with Retry-After. */
  readonly maxRetryAfterMs: number;
  /** Hears of each wait, in milliseconds, before it begins. */
  readonly onWait?: (failure: HttpFailure, ms: number) => void;
}

export const DEFAULT_RETRY: RetryPolicy = {
  attempts: 5,
  baseMs: 500,
  maxMs: 30_000,
  maxRetryAfterMs: 60_000,
};

/**
 * Does work until it succeeds, fails for good, or has failed too often.
 * @throws what the last try threw; BundlerError INTERRUPTED.
 */
export async function withRetries<T>(
  policy: RetryPolicy,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await work();
    } catch (error) {
      if (!mayRetry(policy, error, tries)) throw error;
      await waitForNextTry(policy, error, tries, signal);
    }
  }
}

/** Whether to try again after `tries` tries that brought nothing. */
export function mayRetry(policy: RetryPolicy, error: unknown, tries: number): error is HttpFailure {
  return (
    error instanceof HttpFailure &&
    error.transient &&
    tries < Math.min(policy.attempts, error.tries)
  );
}

/** @throws BundlerError INTERRUPTED */
export async function waitForNextTry(
  policy: RetryPolicy,
  failure: HttpFailure,
  tries: number,
  signal: AbortSignal,
): Promise<void> {
  const ms = backOff(policy, failure, tries);
  policy.onWait?.(failure, ms);
  await pause(ms, signal);
}

/** Milliseconds to wait: doubling, jittered so that many clients do not come back at once, and never sooner than asked. */
function backOff(policy: RetryPolicy, failure: HttpFailure, tries: number): number {
  const full = Math.min(policy.maxMs, policy.baseMs * 2 ** Math.max(0, tries - 1));
  const jittered = full * (0.5 + Math.random() / 2);
  return Math.max(jittered, Math.min(failure.retryAfterMs ?? 0, policy.maxRetryAfterMs));
}

/** Retry-After (RFC 9110, section 10.2.3), seconds or a date, in milliseconds from `now`. */
export function parseRetryAfter(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d{1,9}$/.test(header.trim())) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
