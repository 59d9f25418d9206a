import { access, constants, readFile, readdir, rmdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { BundlerError, interrupted, messageOf } from "../core/errors.js";
import { runProgram } from "../core/spawn.js";
import { shellCommand } from "../core/shell-command.js";
import type { Run } from "./place.js";
import type { Leftover } from "./types.js";

/** Milliseconds until a new daemon answers, and until a stopped one has ended its containers. */
const START_MS = 60_000;
const STOP_MS = 20_000;
const PROGRAMS = ["dockerd", "containerd", "unshare", "nsenter", "ip", "mount"];
/** What the daemon says that is kept, in lines. */
const LOG_LINES = 20;

/**
 * Becomes the daemon. The folder /run is its own, so that no other engine's socket is found there and
 * none of its files stays.
 */
const SCRIPT = `echo $$ >"$1"
shift
exec unshare --net --mount --pid --fork --kill-child --mount-proc -- sh -c '
ip link set lo up && mount -t tmpfs -o mode=755 tmpfs /run && exec dockerd "$@"' sh "$@"`;

export interface PrivateHost {
  /** For docker's command line: where the daemon listens. */
  readonly env: NodeJS.ProcessEnv;
  /** Runs a program on this host: in its network, process and mount namespaces. */
  readonly run: Run;
  /** Ends everything that runs there. What it could not take away comes back. */
  close(): Promise<readonly Leftover[]>;
}

/**
 * @throws BundlerError BUILDER naming what a private engine needs and is not here.
 */
export async function needPrivateHost(env: NodeJS.ProcessEnv): Promise<void> {
  const why =
    process.platform !== "linux"
      ? "it needs Linux"
      : process.getuid?.() === 0
        ? await missingPrograms(env)
        : "it needs root";
  if (why === undefined) return;
  throw new BundlerError("BUILDER", `There cannot be a private engine here: ${why}.`, {
    hint: "Mend that, or leave --throw-away out: then the bundle is rehearsed in an engine that runs here.",
  });
}

async function missingPrograms(env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const folders = (withSystemPath(env)["PATH"] ?? "").split(":").filter((one) => one !== "");
  const missing: string[] = [];
  for (const program of PROGRAMS) {
    const found = await Promise.all(
      folders.map((folder) =>
        access(path.join(folder, program), constants.X_OK).then(
          () => true,
          () => false,
        ),
      ),
    );
    if (!found.includes(true)) missing.push(program);
  }
  return missing.length === 0 ? undefined : `there is no ${missing.join(", no ")} on PATH`;
}

/** Daemons and tools for networks are not on everybody's PATH. */
function withSystemPath(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return { ...env, PATH: `${env["PATH"] ?? ""}:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin` };
}

/**
 * Starts a Docker daemon of its own, in namespaces of its own: its network has loopback and the daemon's
 * bridges, its mounts and processes end with it.
 *
 * @param folder gets the daemon's data and its socket.
 * @throws BundlerError BUILDER with its last words when it does not start; INTERRUPTED.
 */
export async function openPrivateHost(
  folder: string,
  project: string,
  { env, signal }: { readonly env: NodeJS.ProcessEnv; readonly signal: AbortSignal },
): Promise<PrivateHost> {
  const socket = path.join(folder, "docker.sock");
  const pidFile = path.join(folder, "unshare.pid");
  const config = path.join(folder, "daemon.json");
  const stop = new AbortController();
  const log: string[] = [];
  const note = (line: string): void => {
    log.push(line);
    if (log.length > LOG_LINES) log.shift();
  };
  // Without a file of its own it would read that of the machine's engine.
  await writeFile(config, "{}\n");
  const own = withSystemPath(env);
  const daemon = runProgram(
    "sh",
    [
      ...["-c", SCRIPT, "sh", pidFile, "--config-file", config],
      ...["--data-root", path.join(folder, "docker"), "--exec-root", "/run/docker"],
      ...["--pidfile", "/run/docker.pid", "-H", `unix://${socket}`],
      // There is no systemd in those namespaces to ask for control groups.
      ...["--exec-opt", "native.cgroupdriver=cgroupfs", "--cgroup-parent", `/${project}`],
    ],
    {
      signal: stop.signal,
      env: own,
      grace: STOP_MS,
      capture: 0,
      onErrorLine: note,
      onOutputLine: note,
    },
  ).then(
    () => undefined,
    () => undefined,
  );
  let ended = false;
  void daemon.then(() => (ended = true));
  const hasEnded = (): boolean => ended;
  const clientEnv = { ...own, DOCKER_HOST: `unix://${socket}`, DOCKER_CONTEXT: undefined };
  const close = async (): Promise<readonly Leftover[]> => {
    stop.abort();
    await daemon;
    return removeControlGroups(project);
  };
  const failed = async (): Promise<never> => {
    await close();
    throw new BundlerError(
      "BUILDER",
      `The private engine did not start: ${log.slice(-3).join(" | ")}`,
      {
        hint: "Mend that, or leave --throw-away out: then the bundle is rehearsed in an engine that runs here.",
        details: { log },
      },
    );
  };
  const patience = performance.now() + START_MS;
  const answers = async (): Promise<boolean> => {
    const end = await runProgram("docker", ["version"], { signal, env: clientEnv, timeout: 5000 });
    return end.kind === "ended" && end.code === 0;
  };
  try {
    while (!(await answers())) {
      if (hasEnded() || performance.now() > patience) return await failed();
      await sleep(200, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) throw interrupted();
    }
  } catch (error) {
    await close();
    throw error;
  }
  const pid = await childOf((await readFile(pidFile, "utf8")).trim());
  if (pid === undefined) return failed();
  return {
    env: clientEnv,
    run: async (command, options) => {
      const enter = ["-t", pid, "--net", "--pid", "--mount", "--", ...command];
      const end = await runProgram("nsenter", enter, options);
      if (end.kind === "ended") return end;
      throw new BundlerError("BUILDER", `nsenter cannot be run: ${messageOf(end.cause)}`);
    },
    close,
  };
}

/** The process that another one has started (proc(5), stat: the fourth field is the parent). */
async function childOf(parent: string): Promise<string | undefined> {
  for (const pid of await readdir("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
    // The second field is a name, which may have anything in it.
    if (stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1] === parent) return pid;
  }
  return undefined;
}

/** Control groups stay when what was in them has ended: one, or one in each of version 1's hierarchies. */
async function removeControlGroups(name: string): Promise<readonly Leftover[]> {
  const root = "/sys/fs/cgroup";
  const hierarchies = await readdir(root).catch((): string[] => []);
  const left: Leftover[] = [];
  for (const folder of [root, ...hierarchies.map((one) => path.join(root, one))]) {
    const group = path.join(folder, name);
    if (await removeGroup(group)) continue;
    left.push({
      kind: "cgroup",
      name: group,
      why: "something still runs in it",
      mend: shellCommand([
        "sudo",
        "find",
        group,
        "-depth",
        "-type",
        "d",
        "-exec",
        "rmdir",
        "{}",
        "+",
      ]),
    });
  }
  return left;
}

async function removeGroup(group: string): Promise<boolean> {
  const inside = await readdir(group, { withFileTypes: true }).catch(() => undefined);
  if (inside === undefined) return true;
  for (const entry of inside) {
    if (entry.isDirectory()) await removeGroup(path.join(group, entry.name));
  }
  for (let round = 0; round < 20; round += 1) {
    try {
      await rmdir(group);
      return true;
    } catch {
      // The last process in it may just be going.
      await sleep(100);
    }
  }
  return false;
}
