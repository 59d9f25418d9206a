import { BundlerError, messageOf } from "../core/errors.js";
import { type ProgramOptions, runProgram } from "../core/spawn.js";

/** The docker command line client, run without a shell. */
export interface Docker {
  /** The program: OPENIM_BUNDLER_DOCKER where it is set, else `docker` on PATH. */
  readonly program: string;
  /** @throws BundlerError BUILDER when the program cannot be started; INTERRUPTED. */
  run(args: readonly string[], options: DockerRun): Promise<DockerEnd>;
}

interface DockerRun extends Pick<
  ProgramOptions,
  "signal" | "input" | "timeout" | "capture" | "onOutputLine" | "onErrorLine"
> {
  /** On top of the environment that the client was opened with. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface DockerEnd {
  /** Absent when a signal ended it. */
  readonly code?: number;
  readonly timedOut: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

/** Whoever needs only an answer waits no longer, in milliseconds: a node that is away takes buildx 20 s. */
export const ANSWER_MS = 60_000;

const INSTALL =
  "Install Docker with its buildx plugin (https://docs.docker.com/engine/install/), or point OPENIM_BUNDLER_DOCKER at the docker program. Components that a registry has need neither.";

export function openDocker(env: NodeJS.ProcessEnv): Docker {
  const named = env["OPENIM_BUNDLER_DOCKER"] ?? "";
  const program = named === "" ? "docker" : named;
  // Docker 19.03 hides buildx without the first; the others keep talk and colours out of answers.
  const base = {
    ...env,
    DOCKER_CLI_EXPERIMENTAL: "enabled",
    DOCKER_CLI_HINTS: "false",
    NO_COLOR: "1",
  };
  return {
    program,
    run: async (args, { env: extra, ...options }) => {
      const end = await runProgram(program, args, { ...options, env: { ...base, ...extra } });
      if (end.kind === "ended") return end;
      const details = { program };
      throw end.kind === "missing"
        ? new BundlerError(
            "BUILDER",
            named === ""
              ? "There is no docker program on PATH."
              : `There is no program ${program}, which OPENIM_BUNDLER_DOCKER names.`,
            { hint: INSTALL, details, cause: end.cause },
          )
        : new BundlerError("BUILDER", `${program} cannot be run: ${messageOf(end.cause)}`, {
            hint: INSTALL,
            details,
            cause: end.cause,
          });
    },
  };
}

/**
 * What keeps the client from its engine, read from what it printed; undefined when it is something
 * else.
 */
export function engineFault(text: string): BundlerError | undefined {
  if (
    /permission denied while trying to connect|dial unix \S+: connect: permission denied/i.test(
      text,
    )
  ) {
    return new BundlerError(
      "BUILDER",
      `This user may not talk to the Docker engine: ${telling(text, /permission denied/i)}`,
      {
        hint: "Add the user to the group of the socket (`sudo usermod -aG docker $USER`, then log in again), or run with sudo.",
      },
    );
  }
  if (
    /cannot connect to the docker daemon|failed to connect to the docker api|error during connect|is the docker daemon running/i.test(
      text,
    )
  ) {
    return new BundlerError(
      "BUILDER",
      `The Docker engine does not answer: ${telling(text, /connect/i)}`,
      {
        hint: "Start it (`sudo systemctl start docker`), or check DOCKER_HOST and `docker context ls`.",
      },
    );
  }
  return undefined;
}

/** The line of a program's output that says what is wrong, without the `ERROR:` before it. */
function telling(text: string, what: RegExp): string {
  const lines = text
    .split("\n")
    .map((line) => line.replace(/^\s*(?:error|docker):\s*/i, "").trim())
    .filter((line) => line !== "");
  return cut(lines.find((line) => what.test(line)) ?? lines.at(-1) ?? "it said nothing");
}

/** The last thing that a failing program said. */
export function lastWords(end: Pick<DockerEnd, "code" | "timedOut" | "stderr" | "stdout">): string {
  if (end.timedOut) return "it did not answer in time";
  const text = end.stderr.trim() === "" ? end.stdout : end.stderr;
  if (text.trim() !== "") return telling(text, /^error:/i);
  return end.code === undefined ? "it was killed" : `it ended with code ${end.code}`;
}

function cut(text: string): string {
  return text.length > 600 ? `${text.slice(0, 600)}…` : text;
}
