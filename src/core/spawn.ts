import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { Readable, type Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { interrupted, systemCode } from "./errors.js";
import { splitLines } from "./lines.js";

export interface ProgramOptions {
  readonly signal: AbortSignal;
  /** The whole environment: nothing is added to it. */
  readonly env: NodeJS.ProcessEnv;
  /** Written as fast as the program reads. Without it, the program's input is empty. */
  readonly input?: AsyncIterable<Uint8Array> | string;
  /** Milliseconds until it is stopped; no limit when absent. */
  readonly timeout?: number;
  /** Milliseconds from SIGTERM to SIGKILL. */
  readonly grace?: number;
  /** Bytes kept of each output; what is beyond is dropped. */
  readonly capture?: number;
  readonly onOutputLine?: (line: string) => void;
  readonly onErrorLine?: (line: string) => void;
}

export interface ProgramEnd {
  readonly kind: "ended";
  /** Absent when a signal ended it. */
  readonly code?: number;
  readonly killedBy?: NodeJS.Signals;
  /** It did not end within `timeout` and was stopped. */
  readonly timedOut: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

/** The program never ran. */
export interface ProgramAbsent {
  /** `missing`: there is no such program; `unusable`: the system refuses to start it. */
  readonly kind: "missing" | "unusable";
  readonly cause: Error;
}

const GRACE_MS = 5000;
/** Node's timers go no further. */
const LONGEST_MS = 2 ** 31 - 1;
const CAPTURE_BYTES = 4 * 1024 * 1024;
/** After the program itself has ended, how long one that it started may hold its outputs open. */
const LINGER_MS = 2000;

/**
 * Runs a program, without a shell, in a process group of its own, and comes back when the whole group
 * is gone. The group is stopped when the signal fires, when time is up, and when the input fails.
 * @throws BundlerError INTERRUPTED when the signal fired; whatever the input threw.
 */
export async function runProgram(
  program: string,
  args: readonly string[],
  options: ProgramOptions,
): Promise<ProgramEnd | ProgramAbsent> {
  const { signal, timeout, grace = GRACE_MS, capture = CAPTURE_BYTES } = options;
  if (signal.aborted) throw interrupted();
  const child = await start(program, args, options);
  if (!(child instanceof Group)) return child;

  let timedOut = false;
  const stop = (): void => child.stop(grace);
  const timer =
    timeout === undefined
      ? undefined
      : setTimeout(
          () => {
            timedOut = true;
            stop();
          },
          Math.min(timeout, LONGEST_MS),
        );
  signal.addEventListener("abort", stop, { once: true });
  if (hasFired(signal)) stop();
  const outputs = [
    collect(child.process.stdout, capture, options.onOutputLine),
    collect(child.process.stderr, capture, options.onErrorLine),
  ] as const;
  try {
    const feeding = feed(options.input, child.process.stdin, stop);
    const { code, killedBy } = await child.ended();
    const { failure } = await feeding;
    if (hasFired(signal)) throw interrupted();
    if (failure !== undefined) throw failure.reason;
    return {
      kind: "ended",
      ...(code === null ? {} : { code }),
      ...(killedBy === null ? {} : { killedBy }),
      timedOut,
      stdout: outputs[0](),
      stderr: outputs[1](),
    };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", stop);
  }
}

function hasFired(signal: AbortSignal): boolean {
  return signal.aborted;
}

const ownGroup = process.platform !== "win32";
const alive = new Set<Group>();

/** A child process that leads a group. */
class Group {
  readonly process: ChildProcess;
  readonly #exit: Promise<{ code: number | null; killedBy: NodeJS.Signals | null }>;
  readonly #closed: Promise<void>;
  #grace: number | undefined;
  #killing: NodeJS.Timeout | undefined;
  #gone = false;

  constructor(child: ChildProcess) {
    this.process = child;
    this.#exit = new Promise((resolve) => {
      child.once("exit", (code, killedBy) => resolve({ code, killedBy }));
    });
    this.#closed = new Promise((resolve) => child.once("close", () => resolve()));
    if (alive.size === 0) process.on("exit", killAll);
    alive.add(this);
  }

  /** SIGTERM now, SIGKILL when that does not help. */
  stop(grace: number): void {
    if (this.#gone || this.#grace !== undefined) return;
    this.#grace = grace;
    this.send("SIGTERM");
    this.#killing = setTimeout(() => this.send("SIGKILL"), grace);
  }

  send(name: NodeJS.Signals): void {
    const { pid } = this.process;
    if (pid === undefined || this.#gone) return;
    try {
      if (ownGroup) process.kill(-pid, name);
      else this.process.kill(name);
    } catch (error) {
      // The group has ended already; a member that became another user is beyond us.
      if (!["ESRCH", "EPERM"].includes(systemCode(error) ?? "")) throw error;
    }
  }

  /** Waits for the program and for whatever it started. */
  async ended(): Promise<{ code: number | null; killedBy: NodeJS.Signals | null }> {
    const end = await this.#exit;
    const patience = this.#grace ?? LINGER_MS;
    const lingering = setTimeout(() => this.send("SIGKILL"), patience);
    let giveUp: NodeJS.Timeout | undefined;
    const deserted = new Promise<void>((resolve) => {
      giveUp = setTimeout(resolve, patience + 1000);
    });
    // The outputs close when the last process that holds them has ended, or has left the group.
    await Promise.race([this.#closed, deserted]);
    clearTimeout(giveUp);
    clearTimeout(lingering);
    clearTimeout(this.#killing);
    this.send("SIGKILL");
    this.#gone = true;
    this.process.stdout?.destroy();
    this.process.stderr?.destroy();
    alive.delete(this);
    if (alive.size === 0) process.removeListener("exit", killAll);
    return end;
  }
}

function killAll(): void {
  for (const group of alive) group.send("SIGKILL");
}

async function start(
  program: string,
  args: readonly string[],
  { env, input }: ProgramOptions,
): Promise<Group | ProgramAbsent> {
  const spawnOptions: SpawnOptions = {
    env,
    stdio: [input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    detached: ownGroup,
    windowsHide: true,
  };
  let child: ChildProcess;
  try {
    child = spawn(program, args, spawnOptions);
  } catch (error) {
    // An argument with a NUL in it, or a list of arguments that is too long.
    return { kind: "unusable", cause: error instanceof Error ? error : new Error(String(error)) };
  }
  return new Promise((resolve) => {
    child.once("spawn", () => {
      child.removeAllListeners("error");
      child.on("error", () => undefined);
      resolve(new Group(child));
    });
    child.once("error", (cause) => {
      resolve({ kind: systemCode(cause) === "ENOENT" ? "missing" : "unusable", cause });
    });
  });
}

/** Reads an output; the function returned gives what was kept of it. */
function collect(
  stream: Readable | null,
  capture: number,
  onLine: ((line: string) => void) | undefined,
): () => string {
  const kept: Buffer[] = [];
  let room = capture;
  const lines = onLine === undefined ? undefined : splitLines(onLine, capture);
  stream?.on("data", (chunk: Buffer) => {
    if (room > 0) kept.push(chunk.subarray(0, room));
    room -= Math.min(room, chunk.length);
    lines?.push(chunk);
  });
  stream?.on("error", () => undefined);
  return () => {
    lines?.end();
    return Buffer.concat(kept).toString("utf8");
  };
}

/**
 * Writes the input. A program that stops reading is no failure of the input: how it ends tells what
 * that means.
 */
async function feed(
  input: AsyncIterable<Uint8Array> | string | undefined,
  stdin: Writable | null,
  stop: () => void,
): Promise<{ readonly failure?: { readonly reason: unknown } }> {
  if (input === undefined || stdin === null) return {};
  let failure: { readonly reason: unknown } | undefined;
  const watched = (source: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> => {
    const chunks = source[Symbol.asyncIterator]();
    return {
      // Without a `throw`: a stream that breaks would throw its own error into the input with it.
      [Symbol.asyncIterator]: () => ({
        next: async () => {
          try {
            return await chunks.next();
          } catch (reason) {
            failure = { reason };
            stop();
            throw reason;
          }
        },
        return: async () => {
          await chunks.return?.();
          return { done: true, value: undefined };
        },
      }),
    };
  };
  const chunks =
    typeof input === "string" ? Readable.from([Buffer.from(input)]) : Readable.from(watched(input));
  await pipeline(chunks, stdin).catch(() => undefined);
  return failure === undefined ? {} : { failure };
}
