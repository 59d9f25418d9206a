import os from "node:os";
import { openDocker } from "../engine/docker.js";
import type { BundlerError } from "../core/errors.js";
import { isAbort, interrupted } from "../core/errors.js";
import type { Reached } from "../registry/reach.js";
import { type ReachOptions, createReach } from "../registry/reach.js";
import { askDocker } from "./ask.js";
import { type Binfmt, qemuVersion, readBinfmt } from "./binfmt.js";
import { type BuilderFact, askBuilder } from "./builder-facts.js";
import { BUILDX_MINIMUM } from "./check-docker.js";
import type { AskedRegistry, AskedSource } from "./check-registries.js";
import {
  type Buildx,
  type Client,
  type Engine,
  readBuildx,
  readClient,
  readEngine,
} from "./docker-facts.js";
import { type MachineFacts, readMachine } from "./machine.js";
import type { Needs } from "./types.js";
import { atLeast } from "./versions.js";

/** Everything that the checks look at. */
export interface Facts {
  readonly client: Client;
  readonly engine: Engine;
  readonly buildx: Buildx;
  readonly builder: BuilderFact;
  readonly binfmt: Binfmt;
  readonly machine: MachineFacts | undefined;
  readonly registries: readonly AskedRegistry[];
  readonly sources: readonly AskedSource[];
  /** What credential helpers and Docker's configuration failed to give. */
  readonly loginTroubles: readonly string[];
}

export interface GatherOptions extends Omit<ReachOptions, "onEvent" | "limitMs"> {
  /** For Docker and its plugins. */
  readonly env: NodeJS.ProcessEnv;
  readonly storeDir: string;
  /** Node.js versions that the package wants. */
  readonly nodeWanted: string;
  /** `--builder`. */
  readonly builder?: string;
  readonly signal: AbortSignal;
}

/**
 * Milliseconds for one question. Everything is asked at once, and what hangs is killed 5 s after its
 * time, so all is over within 20 s.
 */
const LIMIT_MS = { docker: 8000, builder: 8000, network: 8000, machine: 3000, qemu: 3000 };

/**
 * Asks Docker, the kernel, the registries and the machine, all at once, and waits for none of them
 * longer than its time.
 * @throws BundlerError INTERRUPTED; FILE, USAGE or DEFINITION for options and names that cannot be used.
 */
export async function gather(needs: Needs, options: GatherOptions): Promise<Facts> {
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  try {
    return await gatherWith(needs, { ...options, signal });
  } catch (error) {
    // Nothing that was asked goes on behind the error.
    stop.abort();
    throw error;
  }
}

async function gatherWith(needs: Needs, options: GatherOptions): Promise<Facts> {
  const { env, signal } = options;
  const docker = openDocker(env);
  const ask = (...args: string[]): ReturnType<typeof askDocker> =>
    askDocker(docker, args, { limitMs: LIMIT_MS.docker, signal });
  const [cli, version, info, buildxAnswer, builder, binfmt, machine, network] = await Promise.all([
    ask("--version"),
    ask("version", "--format", "{{json .}}"),
    ask("info", "--format", "{{json .}}"),
    ask("buildx", "version"),
    askBuilder(docker, {
      ...{ env, signal, limitMs: LIMIT_MS.builder },
      ...(options.builder === undefined ? {} : { wanted: options.builder }),
    }),
    gatherBinfmt(options),
    within(LIMIT_MS.machine, signal, () => readMachine(options)),
    gatherNetwork(needs, options),
  ]);
  const client = readClient(cli, version);
  const engine = readEngine(client, version, info);
  const buildx = readBuildx(client, buildxAnswer);
  const engineRoot = isLocal(engine) ? engine.info?.rootDir : undefined;
  return {
    ...{ client, engine, buildx, binfmt },
    builder:
      buildx.kind === "found" && atLeast(buildx.version, BUILDX_MINIMUM) !== false
        ? builder
        : { kind: "unasked" },
    machine:
      engineRoot === undefined
        ? machine
        : await within(LIMIT_MS.machine, signal, () => readMachine({ ...options, engineRoot })),
    ...network,
  };
}

/** Whether the engine runs on this machine's own kernel, and not in a virtual machine or far away. */
export function isLocal(engine: Engine): engine is Engine & { readonly kind: "up" } {
  return engine.kind === "up" && engine.info?.kernel === os.release();
}

async function gatherBinfmt({ env, signal }: GatherOptions): Promise<Binfmt> {
  const binfmt = await readBinfmt();
  const handlers = await Promise.all(
    binfmt.handlers.map(async (handler) => {
      const limits = { env, limitMs: LIMIT_MS.qemu, signal };
      const version = await qemuVersion(handler.interpreter, limits);
      return version === undefined ? handler : { ...handler, version };
    }),
  );
  return { ...binfmt, handlers };
}

async function gatherNetwork(
  needs: Needs,
  options: GatherOptions,
): Promise<Pick<Facts, "registries" | "sources" | "loginTroubles">> {
  const loginTroubles: string[] = [];
  const reach = createReach({
    ...options,
    limitMs: LIMIT_MS.network,
    onEvent: (event) => {
      if (event.type === "notice") loginTroubles.push(event.message);
    },
  });
  const { signal } = options;
  try {
    const [registries, sources] = await Promise.all([
      Promise.all(
        needs.registries.map(async (registry) => ({
          registry,
          places: await reach.registry(registry.name, registry.repositories, signal),
        })),
      ),
      Promise.all(
        needs.sources.map(async (source) => ({
          source,
          answers: await Promise.all(
            source.urls.map(
              async (url): Promise<{ url: string; answer: Reached | BundlerError }> => ({
                url,
                answer: await reach.file(url, signal),
              }),
            ),
          ),
        })),
      ),
    ]);
    return { registries, sources, loginTroubles };
  } finally {
    await reach.close();
  }
}

/** Undefined when the work is not done in time: a file system that hangs cannot be interrupted. */
async function within<T>(
  ms: number,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T | undefined> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(ms)]);
  const over = new Promise<undefined>((resolve) => {
    limit.addEventListener("abort", () => resolve(undefined), { once: true });
  });
  try {
    const result = await Promise.race([work(), over]);
    if (signal.aborted) throw interrupted();
    return result;
  } catch (error) {
    if (isAbort(error)) throw interrupted();
    throw error;
  }
}
