import type { BuildHost } from "../builder/types.js";
import { type Registry, type RegistryOptions, createRegistry } from "../registry/client.js";
import { type Store, openStore } from "../store/store.js";

/** How images are reached: the same for every job. */
export interface JobOptions extends RegistryOptions {
  /** The package's `templates/build`; without it no recipe that ships can be built. */
  readonly recipesDir: string;
  /** The store's folder; made when it is not there. */
  readonly storeDir: string;
  /** Where images are built; the user's docker buildx, as the environment of `network` finds it, when absent. */
  readonly buildHost?: BuildHost;
  readonly signal: AbortSignal;
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
  const registry = createRegistry(options);
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
