import { z } from "zod";
import { ANSWER_MS, type Docker, engineFault, lastWords } from "./docker.js";
import { BundlerError } from "../core/errors.js";
import { type Platform, normalizePlatform } from "../core/platform.js";

/** An engine with a compose tool, that services can be started in. */
export interface Engine {
  readonly docker: Docker;
  readonly version: string;
  readonly platform: Platform;
  /** Of the compose tool. */
  readonly compose: string;
  /** It runs on this machine's own kernel, so that its networks and emulators are this machine's. */
  readonly local: boolean;
}

const serverSchema = z.object({ Version: z.string(), Os: z.string(), Arch: z.string() });

/**
 * Asks the engine and its compose tool who they are.
 * @throws BundlerError BUILDER when one of them is missing, too old or silent; INTERRUPTED.
 */
export async function findEngine(docker: Docker, signal: AbortSignal): Promise<Engine> {
  const ask = (...args: string[]) => docker.run(args, { signal, timeout: ANSWER_MS });
  const version = await ask("version", "--format", "{{json .Server}}");
  const server = serverOf(version.stdout);
  if (server === undefined) {
    throw (
      engineFault(version.stderr) ??
      new BundlerError("BUILDER", `docker version failed: ${lastWords(version)}`, {
        hint: "A rehearsal needs a running Docker engine: run `docker version` to see what it says.",
      })
    );
  }
  const compose = await ask("compose", "version", "--short");
  const found = /^v?(\d+)\.\S+/.exec(compose.stdout.trim());
  if (compose.code !== 0 || found === null || Number(found[1]) < 2) {
    throw new BundlerError(
      "BUILDER",
      found === null || compose.code !== 0
        ? `Docker has no compose plugin: ${lastWords(compose)}`
        : `Docker's compose plugin is ${found[0]}; a rehearsal needs version 2.`,
      { hint: "Install docker-compose-plugin (https://docs.docker.com/compose/install/linux/)." },
    );
  }
  const endpoint = await ask("context", "inspect", "--format", "{{.Endpoints.docker.Host}}");
  return {
    docker,
    version: server.Version,
    platform: normalizePlatform({ os: server.Os, architecture: server.Arch }),
    compose: found[0],
    local: process.platform === "linux" && isOwnSocket(endpoint.stdout.trim()),
  };
}

/** Docker Desktop's engine has a kernel of its own, in a virtual machine. */
function isOwnSocket(endpoint: string): boolean {
  return endpoint.startsWith("unix://") && !endpoint.includes("/desktop/");
}

function serverOf(text: string): z.infer<typeof serverSchema> | undefined {
  try {
    return serverSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
