import { setTimeout as sleep } from "node:timers/promises";
import { interrupted } from "../core/errors.js";

/** Waits, in milliseconds. @throws BundlerError INTERRUPTED */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(ms, undefined, { signal });
  } catch {
    throw interrupted();
  }
}
