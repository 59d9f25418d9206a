import type { BuildHost } from "../builder/types.js";
import type { EventSink } from "../core/events.js";
import { type Registry, createRegistry } from "../registry/client.js";
import { type Store, openStore } from "../store/store.js";

/** How images are reached: the same for every job. */
export interface JobOptions {
  /** The package's `templates/build`; without it no recipe that ships can be built. */
  readonly recipesDir: string;
  /** The store's folder; made when it is not there. */
  readonly storeDir: string;
  /** Registry → base URLs of its mirrors, tried in order before the registry itself. */
  readonly mirrors: ReadonlyMap<string, readonly string[]>;
  /** Ask the mirrors alone, never the registries behind them. */
  readonly mirrorsOnly?: boolean;
  /** `host[:port]` that may speak plain HTTP or show an unknown certificate. */
  readonly insecure: ReadonlySet<string>;
  /** PEM files of further certificate authorities. */
  readonly caFiles: readonly string[];
  /** Blobs at a time from one host. */
  readonly concurrency: number;
  /** For proxies, Docker's config folder, credential helpers. */
  readonly env: NodeJS.ProcessEnv;
  /** Where images are built; the user's docker buildx, as `env` finds it, when absent. */
  readonly buildHost?: BuildHost;
  /** `openim-bundler/0.1.0`. */
  readonly userAgent: string;
  readonly signal: AbortSignal;
  readonly onEvent: EventSink;
}

export interface Opened {
  readonly registry: Registry;
  readonly store: Store;
}

/** Opens store and registries for one job and closes them after it, however it ends. */
export async function withJob<T>(
  options: JobOptions,
  job: (opened: Opened) => Promise<T>,
): Promise<T> {
  const registry = createRegistry({
    mirrors: options.mirrors,
    insecure: options.insecure,
    caFiles: options.caFiles,
    mirrorsOnly: options.mirrorsOnly ?? false,
    requestsPerHost: options.concurrency,
    env: options.env,
    userAgent: options.userAgent,
    onEvent: options.onEvent,
  });
  try {
    const store = await openStore(options.storeDir);
    const lease = await store.lease(options.signal);
    try {
      return await job({ registry, store });
    } finally {
      // Downloads still at work let go of the store first.
      await registry.close();
      await lease.release();
    }
  } finally {
    await registry.close();
  }
}
