import { SemVer, coerce, parse } from "semver";
import { BundlerError } from "../core/errors.js";
import { checkBuilderName } from "./builder-names.js";
import {
  ANSWER_MS,
  type Docker,
  type DockerEnd,
  engineFault,
  lastWords,
} from "../engine/docker.js";
import { type InspectedBuilder, parseInspect } from "./inspect-text.js";

/** Older ones have no `--build-context`, and say nothing of a node's BuildKit. */
const OLDEST = "0.8.0";

/** Milliseconds for starting a builder, which may have to pull its image first. */
const BOOTSTRAP_MS = 15 * 60_000;

/** docker's plugin for builds. */
export interface Buildx {
  readonly version: SemVer;
  readonly docker: Docker;
  /**
   * The builder of that name, or the current one; undefined when there is none of the name. With
   * `bootstrap` its nodes are started; `onLine` gets what buildx says meanwhile.
   * @throws BundlerError BUILDER; USAGE for a name that no builder can have; INTERRUPTED.
   */
  inspect(name: string | undefined, options: InspectOptions): Promise<InspectedBuilder | undefined>;
  /** Any other subcommand. */
  run(args: readonly string[], options: Parameters<Docker["run"]>[1]): Promise<DockerEnd>;
}

interface InspectOptions {
  readonly signal: AbortSignal;
  readonly bootstrap?: boolean;
  readonly onLine?: (line: string) => void;
}

/**
 * Asks for buildx and its version.
 * @throws BundlerError BUILDER when there is no docker or no buildx, or it is too old; INTERRUPTED.
 */
export async function openBuildx(docker: Docker, signal: AbortSignal): Promise<Buildx> {
  const version = await readVersion(docker, signal);
  return {
    version,
    docker,
    run: (args, options) => docker.run(["buildx", ...args], options),
    inspect: async (name, { signal: stop, bootstrap = false, onLine }) => {
      const args = [
        ...(bootstrap ? ["--bootstrap"] : []),
        ...(name === undefined ? [] : [checkBuilderName(name)]),
      ];
      const end = await docker.run(["buildx", "inspect", ...args], {
        signal: stop,
        timeout: bootstrap ? BOOTSTRAP_MS : ANSWER_MS,
        ...(onLine === undefined ? {} : { onErrorLine: onLine }),
      });
      const found = end.code === 0 ? parseInspect(end.stdout) : undefined;
      if (found !== undefined) return found;
      if (/no builder .* found/i.test(end.stderr)) return undefined;
      const what = name === undefined ? "The current builder" : `The builder ${name}`;
      throw (
        engineFault(end.stderr) ??
        new BundlerError(
          "BUILDER",
          `${what} ${bootstrap ? "cannot be started" : "cannot be asked"}: ${lastWords(end)}`,
          { hint: bootstrap ? bootstrapHint(end.stderr) : inspectHint(name) },
        )
      );
    },
  };
}

async function readVersion(docker: Docker, signal: AbortSignal): Promise<SemVer> {
  const end = await docker.run(["buildx", "version"], { signal, timeout: ANSWER_MS });
  if (end.code !== 0) {
    if (/is not a docker command|unknown command|unknown flag/i.test(end.stderr)) throw noBuildx();
    throw new BundlerError("BUILDER", `docker buildx does not work: ${lastWords(end)}`, {
      hint: "Run `docker buildx version` to see what it says.",
    });
  }
  const said = end.stdout.trim().split("\n")[0] ?? "";
  const word = /github\.com\/docker\/buildx\s+(\S+)/.exec(said)?.[1];
  if (word === undefined) {
    // Podman's stand-in for docker has a `buildx` of its own, which is Buildah.
    throw new BundlerError(
      "BUILDER",
      `docker buildx is not Docker's: it calls itself ${JSON.stringify(said.slice(0, 80))}.`,
      {
        hint: "Install Docker's own client and its buildx plugin, and name the program with OPENIM_BUNDLER_DOCKER.",
      },
    );
  }
  const version = parse(word.replace(/^v/, "")) ?? coerce(word);
  // One that was built from a branch has no number, and is newer than any that has.
  if (version === null) return new SemVer("999.0.0");
  if (version.compare(OLDEST) < 0) {
    throw new BundlerError(
      "BUILDER",
      `buildx is too old: ${word}, and ${OLDEST} is the oldest that works.`,
      {
        hint: "Update it: https://github.com/docker/buildx/releases, one file to put into ~/.docker/cli-plugins/docker-buildx.",
        details: { expected: `>=${OLDEST}`, found: word },
      },
    );
  }
  return version;
}

function noBuildx(): BundlerError {
  return new BundlerError("BUILDER", "docker has no buildx.", {
    hint: "Install the package docker-buildx-plugin (Docker's own) or docker-buildx (your distribution's), or put the file from https://github.com/docker/buildx/releases into ~/.docker/cli-plugins/docker-buildx.",
  });
}

function inspectHint(name: string | undefined): string {
  return `Run \`docker buildx inspect${name === undefined ? "" : ` ${name}`}\` to see what it says.`;
}

function bootstrapHint(text: string): string {
  if (/waiting for connection|deadline exceeded/i.test(text)) {
    return "Nothing answers at a node's address (`openim-bundler builder inspect` shows them): start buildkitd there, or see what the network lets through.";
  }
  return /pull|resolve|manifest|registry|denied|toomanyrequests|dial tcp/i.test(text)
    ? "Its image has to be pulled once: give one that this machine can reach, e.g. `openim-bundler builder setup --buildkit-image mirror.example/moby/buildkit:buildx-stable-1`, or load it with `docker load` first."
    : "Make it anew with `openim-bundler builder setup`, or use another with --builder.";
}
