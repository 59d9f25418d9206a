import { createHash, randomBytes } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";

/** Milliseconds without a sign of life after which a holder that cannot be asked counts as gone. */
const SILENCE_MS = 120_000;

/** Milliseconds between two signs of life. */
export const HEARTBEAT_MS = 15_000;

/**
 * `live`: working, or its process merely stopped. `dead`: its process is certainly gone and can
 * write no more. `silent`: it cannot be asked from here (another host or container) and has given
 * no sign of life for long; it might still wake up.
 */
export type Liveness = "live" | "dead" | "silent";

/** A process as a file name tells it: `<host>-<pid>-<start>-<serial>`. */
interface Holder {
  readonly host: string;
  readonly pid: number;
  /** Start time in clock ticks since boot; 0 where the system does not tell. */
  readonly start: string;
}

const TOKEN = /^([0-9a-f]{12})-(\d{1,10})-(\d{1,20})-[0-9a-f]{8}$/;

/** A fresh name for something that this process holds; no two are equal. */
export function newToken(): string {
  return `${hostId()}-${process.pid}-${startOf(process.pid) ?? "0"}-${randomBytes(4).toString("hex")}`;
}

/** Whether a name was made by `newToken`, be it on another host. */
export function isToken(name: string): boolean {
  return TOKEN.test(name);
}

/** The process of a token when it runs on this host, for messages. */
export function pidOf(token: string): number | undefined {
  const holder = parseToken(token);
  return holder?.host === hostId() ? holder.pid : undefined;
}

/**
 * Whether the holder of a token still works.
 * @param beatMs when it last gave a sign of life, in milliseconds since 1970.
 */
export function livenessOf(token: string, beatMs: number): Liveness {
  const holder = parseToken(token);
  // Clocks of two hosts differ, and go backwards: far in the future is as silent as far in the past.
  const byBeat = Math.abs(Date.now() - beatMs) > SILENCE_MS ? "silent" : "live";
  if (holder?.host !== hostId()) return byBeat;
  if (!runs(holder.pid)) return "dead";
  const start = startOf(holder.pid);
  // Without start times, a process that got the same number later cannot be told from the holder.
  if (start === undefined || holder.start === "0") return byBeat;
  return start === holder.start ? "live" : "dead";
}

function parseToken(token: string): Holder | undefined {
  const [, host, pid, start] = TOKEN.exec(token) ?? [];
  if (host === undefined || pid === undefined || start === undefined) return undefined;
  return { host, pid: Number(pid), start };
}

function runs(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it runs, under another user.
    return !(error instanceof Error && "code" in error && error.code === "ESRCH");
  }
}

let knownHost: string | undefined;

/**
 * Two processes with the same id can ask the system about each other. Containers share host names
 * and process numbers, hence the boot and the process namespace.
 */
function hostId(): string {
  knownHost ??= createHash("sha256")
    .update([hostname(), text("/proc/sys/kernel/random/boot_id"), namespace()].join("\n"))
    .digest("hex")
    .slice(0, 12);
  return knownHost;
}

function namespace(): string {
  try {
    return readlinkSync("/proc/self/ns/pid");
  } catch {
    return "";
  }
}

/** proc(5), /proc/pid/stat, field 22; the command name before it may hold spaces and brackets. */
function startOf(pid: number): string | undefined {
  const stat = text(`/proc/${pid}/stat`);
  return stat
    .slice(stat.lastIndexOf(")") + 2)
    .split(" ")
    .at(19);
}

function text(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
