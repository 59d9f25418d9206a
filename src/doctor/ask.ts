import type { Docker } from "../engine/docker.js";
import { BundlerError, messageOf, systemCode } from "../core/errors.js";
import { runProgram } from "../core/spawn.js";

/** How a program that was asked something ended. */
export type Answer =
  | {
      readonly kind: "ended";
      /** Absent when a signal ended it. */
      readonly code?: number;
      readonly stdout: string;
      readonly stderr: string;
    }
  /** There is no such program. */
  | { readonly kind: "missing" }
  | { readonly kind: "unusable"; readonly why: string }
  /** It was stopped after so many milliseconds. */
  | { readonly kind: "late"; readonly ms: number };

interface AskOptions {
  /** Milliseconds. */
  readonly limitMs: number;
  readonly signal: AbortSignal;
}

/** `docker info` of a large host has some ten thousand bytes. */
const CAPTURE_BYTES = 1024 * 1024;

/** Asks the docker client. @throws BundlerError INTERRUPTED. */
export async function askDocker(
  docker: Docker,
  args: readonly string[],
  { limitMs, signal }: AskOptions,
): Promise<Answer> {
  try {
    const end = await docker.run(args, { signal, timeout: limitMs, capture: CAPTURE_BYTES });
    return end.timedOut ? { kind: "late", ms: limitMs } : { kind: "ended", ...end };
  } catch (error) {
    if (!(error instanceof BundlerError) || error.code !== "BUILDER") throw error;
    return systemCode(error) === "ENOENT"
      ? { kind: "missing" }
      : { kind: "unusable", why: messageOf(error.cause ?? error) };
  }
}

/** Asks any other program. @throws BundlerError INTERRUPTED. */
export async function askProgram(
  program: string,
  args: readonly string[],
  { env, limitMs, signal }: AskOptions & { readonly env: NodeJS.ProcessEnv },
): Promise<Answer> {
  const end = await runProgram(program, args, {
    ...{ env, signal, timeout: limitMs, capture: CAPTURE_BYTES, grace: 1000 },
  });
  if (end.kind === "ended") return end.timedOut ? { kind: "late", ms: limitMs } : end;
  return end.kind === "missing"
    ? { kind: "missing" }
    : { kind: "unusable", why: end.cause.message };
}
