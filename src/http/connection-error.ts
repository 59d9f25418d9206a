import { BundlerError, interrupted, messageOf, systemCode } from "../core/errors.js";
import { HttpFailure } from "./failure.js";

/** Certificate troubles: they stay until somebody changes something. */
const CERTIFICATE =
  /^(CERT_|UNABLE_TO_|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|ERR_TLS_CERT|HOSTNAME_MISMATCH|INVALID_CA|CRL_)/;
const PLAIN_ANSWER = /wrong version number|packet length too long|SSL routines/i;

const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "the connection was refused",
  ECONNRESET: "the connection was reset",
  EPIPE: "the connection was reset",
  UND_ERR_SOCKET: "the connection broke",
  UND_ERR_CONNECT_TIMEOUT: "no connection in time",
  ETIMEDOUT: "no connection in time",
  UND_ERR_HEADERS_TIMEOUT: "no answer in time",
  UND_ERR_BODY_TIMEOUT: "the answer stalled",
  ERR_NO_CONNECTION: "no connection in time",
  ERR_NO_ANSWER: "no answer in time",
  ERR_STALLED: "the answer stalled",
  ERR_CUT_OFF: "the connection broke",
  EHOSTUNREACH: "the host is unreachable",
  ENETUNREACH: "the network is unreachable",
  ENOTFOUND: "the host name is unknown",
  EAI_AGAIN: "the host name could not be looked up",
};

export interface Attempt {
  /** What was asked for, to begin the message with: an image, a blob. */
  readonly subject: string;
  /** `host[:port]`. */
  readonly host: string;
  readonly signal: AbortSignal;
  /** The answer had begun. */
  readonly answered?: boolean;
  /** What to do about it; without it, what helps with a registry. */
  readonly hint?: string;
}

/** What a connection that failed means. Aborts become INTERRUPTED; errors of ours pass as they are. */
export function connectionFailure(error: unknown, attempt: Attempt): Error {
  const { subject, host, signal } = attempt;
  if (error instanceof BundlerError) return error;
  // Only the signal tells: undici calls a proxy's refusal an abort, too.
  if (signal.aborted) return interrupted();
  const code = systemCode(error) ?? "";
  const text = messageOf(error);
  const details = { host, ...(code === "" ? {} : { reason: code }) };
  const failure = (why: string, options: Partial<Failing> = {}): HttpFailure =>
    new HttpFailure("NETWORK", `${subject}: ${host}: ${why}.`, {
      unreachable: attempt.answered !== true,
      details,
      cause: error,
      ...options,
    });
  if (CERTIFICATE.test(code)) {
    return failure(`its certificate is not trusted (${text})`, {
      untrusted: true,
      hint: `Give the certificate authority with --ca FILE, or accept any certificate of this host with --insecure ${host}.`,
    });
  }
  if (code === "EPROTO" || code.startsWith("ERR_SSL_") || PLAIN_ANSWER.test(text)) {
    return failure("it does not speak TLS as expected", {
      hint: attempt.hint ?? `If it is a plain HTTP registry, say so with --insecure ${host}.`,
    });
  }
  if (/^Proxy response \(\d+\)|Proxy Authentication Required/.test(text)) {
    return failure(`the proxy refused: ${text}`, {
      hint: "Check HTTP_PROXY, HTTPS_PROXY and their credentials, or add the host to NO_PROXY.",
    });
  }
  return failure(WORDS[code] ?? text, {
    transient: true,
    hint:
      attempt.hint ??
      "Check the network and the proxy settings (HTTPS_PROXY, NO_PROXY), or use a mirror with --mirror.",
    // A name that does not exist will not exist in ten seconds either; one hiccup is forgiven.
    ...(code === "ENOTFOUND" ? { tries: 2 } : {}),
  });
}

interface Failing {
  readonly untrusted: boolean;
  readonly transient: boolean;
  readonly hint: string;
  readonly tries: number;
}
