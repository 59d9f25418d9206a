import { access, constants, readFile, statfs } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { systemCode } from "../core/errors.js";

/** What the checks of the machine look at. Absent: this system does not tell. */
export interface MachineFacts {
  /** `v20.19.0`, and the range that the package wants. */
  readonly node: { readonly version: string; readonly wanted: string };
  /** The store's folder, or the nearest that exists above it. */
  readonly store: Disk & { readonly writable: boolean };
  /** Of the engine, when that runs on this machine. */
  readonly engineRoot?: Disk;
  /** Bytes: that can be had without swapping, and in all. */
  readonly memory: { readonly available: number; readonly total: number };
  /** Text of /proc/self/limits. */
  readonly ownLimits?: string;
  /** Text of /proc/<pid of dockerd>/limits. */
  readonly engineLimits?: string;
  /** Of /proc/sys/fs/inotify. */
  readonly inotify?: { readonly instances: number; readonly watches: number };
}

interface Disk {
  readonly path: string;
  /** Bytes that this user may still write. */
  readonly free: number;
}

const ENGINE_PID = "/run/docker.pid";

/** @param engineRoot folder of an engine on this machine. Never throws for what cannot be known. */
export async function readMachine(options: {
  readonly storeDir: string;
  readonly engineRoot?: string;
  readonly nodeWanted: string;
}): Promise<MachineFacts> {
  const [store, engineRoot, available, ownLimits, engineLimits, instances, watches] =
    await Promise.all([
      storeDisk(options.storeDir),
      options.engineRoot === undefined ? undefined : disk(options.engineRoot),
      availableMemory(),
      text("/proc/self/limits"),
      text(ENGINE_PID).then((pid) =>
        /^\d+$/.test(pid?.trim() ?? "") ? text(`/proc/${pid?.trim() ?? ""}/limits`) : undefined,
      ),
      number("/proc/sys/fs/inotify/max_user_instances"),
      number("/proc/sys/fs/inotify/max_user_watches"),
    ]);
  return {
    node: { version: process.version, wanted: options.nodeWanted },
    store,
    memory: { available: available ?? os.freemem(), total: os.totalmem() },
    ...(engineRoot === undefined ? {} : { engineRoot }),
    ...(ownLimits === undefined ? {} : { ownLimits }),
    ...(engineLimits === undefined ? {} : { engineLimits }),
    ...(instances === undefined || watches === undefined
      ? {}
      : { inotify: { instances, watches } }),
  };
}

/** The store may not be made yet: then the folder that it would be made in counts. */
async function storeDisk(dir: string): Promise<MachineFacts["store"]> {
  for (let at = path.resolve(dir); ; at = path.dirname(at)) {
    const found = await disk(at);
    if (found === undefined && at !== path.dirname(at)) continue;
    const writable = await access(at, constants.W_OK | constants.X_OK).then(
      () => true,
      () => false,
    );
    return { path: at, free: found?.free ?? 0, writable };
  }
}

async function disk(dir: string): Promise<Disk | undefined> {
  try {
    const { bavail, bsize } = await statfs(dir);
    return { path: dir, free: bavail * bsize };
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return undefined;
  }
}

/** Linux's own estimate: what is free and what is only cached. */
async function availableMemory(): Promise<number | undefined> {
  const kib = /^MemAvailable:\s+(\d+) kB/m.exec((await text("/proc/meminfo")) ?? "")?.[1];
  return kib === undefined ? undefined : Number(kib) * 1024;
}

async function number(file: string): Promise<number | undefined> {
  const digits = (await text(file))?.trim() ?? "";
  return /^\d+$/.test(digits) ? Number(digits) : undefined;
}

async function text(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, "utf8");
  } catch {
    return undefined;
  }
}
