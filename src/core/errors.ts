/**
 * The closed set of things that can go wrong, each with the exit code a script can rely on.
 * Codes are stable: they appear in `--json` output and in the documentation.
 */
export const EXIT_CODES = {
  /** A defect in openim-bundler itself. */
  INTERNAL: 1,
  /** Wrong flags or arguments. */
  USAGE: 2,
  /** A bundle definition that does not hold: schema, compose file, settings. */
  DEFINITION: 3,
  /** A required component has no way to the asked platform. */
  NO_WAY: 4,
  /** A registry or the network in front of it failed, after all retries. */
  NETWORK: 5,
  /** A registry refused our credentials, or wants some. */
  AUTH: 6,
  /** Bytes that are not what their digest, size or format says. */
  INTEGRITY: 7,
  /** What the lock pins is not what is there any more. */
  LOCK: 8,
  /** No space left, or not enough foreseen. */
  DISK: 9,
  /** An archive that verification found wrong. */
  VERIFY: 10,
  /** The output exists and --force was not given; the store is in use; a file cannot be read. */
  FILE: 11,
  /** A reference, manifest or blob that does not exist. */
  NOT_FOUND: 12,
  /** An image made for another platform than the one asked for. */
  PLATFORM: 13,
  /** An image build that failed, or ran out of its time. */
  BUILD: 14,
  /**
   * Nothing here to build or to rehearse with: no Docker, no buildx or compose, no builder or
   * emulation for the platform.
   */
  BUILDER: 15,
  /** A bundle that did not come up in its rehearsal. */
  REHEARSAL: 16,
  /** Asked by `diff --exit-code`: the two differ. */
  DIFFERENT: 17,
  /** Stopped by SIGINT or SIGTERM. */
  INTERRUPTED: 130,
} as const;

export type ErrorCode = keyof typeof EXIT_CODES;

export interface ErrorOptions {
  /** What the reader should do next, as a sentence. */
  readonly hint?: string;
  readonly cause?: unknown;
  /** Facts for `--json`: component, image, digest, file, expected, found … */
  readonly details?: Readonly<Record<string, unknown>>;
}

/** The only error class thrown on purpose. Messages name what failed, what was expected and found. */
export class BundlerError extends Error {
  override readonly name = "BundlerError";
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(redact(message), options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint === undefined ? undefined : redact(options.hint);
    this.details = options.details ?? {};
  }

  get exitCode(): number {
    return EXIT_CODES[this.code];
  }

  /** The same error with more facts, for layers that know which component was being worked on. */
  with(details: Readonly<Record<string, unknown>>, prefix = ""): BundlerError {
    return new BundlerError(this.code, prefix + this.message, {
      cause: this.cause,
      details: { ...details, ...this.details },
      ...(this.hint === undefined ? {} : { hint: this.hint }),
    });
  }
}

/** True for an error that means "the caller's AbortSignal fired". */
export function isAbort(error: unknown): boolean {
  return (
    (error instanceof BundlerError && error.code === "INTERRUPTED") ||
    (error instanceof Error &&
      (error.name === "AbortError" || ("code" in error && error.code === "ABORT_ERR")))
  );
}

export function interrupted(): BundlerError {
  return new BundlerError("INTERRUPTED", "Interrupted.");
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The system's error code (`ENOSPC`, `ECONNREFUSED`), looked for along the chain of causes. */
export function systemCode(error: unknown): string | undefined {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    if (!(at instanceof BundlerError) && "code" in at && typeof at.code === "string")
      return at.code;
  }
  return undefined;
}

/**
 * Blanks out what could be a credential: user info and signed query strings of URLs, and
 * Authorization values.
 */
export function redact(text: string): string {
  return (
    text
      // The login name of an ssh address is part of the command to type, and no secret.
      .replace(/(?<!\bssh):\/\/[^\s/]+@|(?<=\bssh):\/\/[^\s/]*:[^\s/]*@/g, "://***@")
      .replace(/[^\s"'<>]+/g, withoutQuery)
      .replace(/\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{8,}/g, "$1 ***")
  );
}

/** Linear on purpose: these texts can be megabytes that a registry chose. */
function withoutQuery(word: string): string {
  const at = word.indexOf("://");
  const query = at < 1 ? -1 : word.indexOf("?", at);
  return query < 0 ? word : `${word.slice(0, query)}?***`;
}
