import { openBuildx } from "./buildx.js";
import { chooseBuilder } from "./choose-builder.js";
import { openDocker } from "../engine/docker.js";
import { runBuild } from "./run-build.js";
import type { BuildHost, Builder } from "./types.js";
import type { Buildx } from "./buildx.js";

export interface BuildHostOptions {
  /** PATH, DOCKER_*, BUILDX_*, the proxies and the Go module settings come from here. */
  readonly env: NodeJS.ProcessEnv;
  /** `--builder`; else BUILDX_BUILDER, else one called `openim-bundler`, else the current one. */
  readonly builder?: string;
  /** PEM files of private certificate authorities: one bundle of them is the secret `ca` of each build. */
  readonly caFiles: readonly string[];
}

interface Opened {
  readonly buildx: Buildx;
  readonly builder: Builder;
}

/** The user's `docker buildx`. Asks nothing of it yet. */
export function openBuildHost({ env, builder: wanted, caFiles }: BuildHostOptions): BuildHost {
  let opened: Promise<Opened> | undefined;
  const open = (signal: AbortSignal): Promise<Opened> => {
    opened ??= ask(signal).catch((error: unknown) => {
      // Who asks again, with another signal or after mending it, is answered anew.
      opened = undefined;
      throw error;
    });
    return opened;
  };
  const ask = async (signal: AbortSignal): Promise<Opened> => {
    const buildx = await openBuildx(openDocker(env), signal);
    const builder = await chooseBuilder(buildx, {
      env,
      signal,
      ...(wanted === undefined ? {} : { wanted }),
    });
    return { buildx, builder };
  };
  return {
    builder: async (signal) => (await open(signal)).builder,
    build: async (request, context) => {
      const { buildx, builder } = await open(context.signal);
      await runBuild(request, { ...context, buildx, builder, env, caFiles });
    },
  };
}
