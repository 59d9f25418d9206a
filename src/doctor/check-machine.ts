import semver from "semver";
import { formatBytes } from "../core/bytes.js";
import type { MachineFacts } from "./machine.js";
import type { Finding, Needs } from "./types.js";

const GIB = 1024 ** 3;

/** A bundle of a dozen services lies in the store once and in its archive once more, 2 GiB each. */
const STORE_LOW = 4 * GIB;
/** A compiler's base image, its caches and the layers of two builds at a time. */
const ENGINE_LOW = 8 * GIB;
/** Two compilers at work. */
const MEMORY_LOW = 2 * GIB;
/** Below this, downloads side by side run into the limit. */
const FILES_LOW = 1024;
/** Programs that close every descriptor they might have, one by one, are busy for minutes with so many. */
const FILES_HUGE = 100_000_000;
/** What every distribution's kernel grants; containerd and builders watch their folders. */
const INOTIFY_LOW = { instances: 128, watches: 8192 };

export function checkMachine(facts: MachineFacts, needs: Needs): readonly Finding[] {
  const builds = needs.builds.length > 0;
  return [
    checkStore(facts.store),
    ...checkNode(facts.node),
    ...checkMemory(facts.memory, builds),
    ...(facts.ownLimits === undefined ? [] : checkOwnFiles(facts.ownLimits)),
    ...(builds ? checkBuildLimits(facts) : []),
  ];
}

function checkStore({ path, free, writable }: MachineFacts["store"]): Finding {
  const base = { id: "machine.store", title: "store" };
  const found = `${formatBytes(free)} free in ${path}`;
  if (!writable) {
    return {
      ...base,
      level: "fail",
      found: `${path} cannot be written to`,
      expected: "a folder of this user's",
      mend: "Give a folder of your own: --store DIR",
    };
  }
  return free >= STORE_LOW
    ? { ...base, level: "pass", found }
    : {
        ...base,
        level: "warn",
        found,
        expected: `${formatBytes(STORE_LOW)} for a bundle of a dozen services`,
        mend: "openim-bundler cache prune --older-than 30d, or a folder on a larger disk: --store DIR",
      };
}

function checkNode({ version, wanted }: MachineFacts["node"]): readonly Finding[] {
  const base = { id: "machine.node", title: "Node.js", found: version };
  return semver.satisfies(version, wanted)
    ? [{ ...base, level: "pass" }]
    : [
        {
          ...base,
          level: "warn",
          expected: wanted,
          mend: "Install a Node.js of these versions: https://nodejs.org/en/download",
        },
      ];
}

function checkMemory(
  { available, total }: MachineFacts["memory"],
  builds: boolean,
): readonly Finding[] {
  const base = {
    id: "machine.memory",
    title: "memory",
    found: `${formatBytes(available)} available of ${formatBytes(total)}`,
  };
  if (available >= MEMORY_LOW || !builds) return [{ ...base, level: "pass" }];
  return [
    {
      ...base,
      level: "warn",
      expected: `${formatBytes(MEMORY_LOW)} for a build that compiles`,
      mend: "End other programs, or build on another machine: openim-bundler builder setup --node ssh://USER@HOST",
    },
  ];
}

function checkOwnFiles(limits: string): readonly Finding[] {
  const files = openFiles(limits);
  if (files === undefined) return [];
  const base = { id: "machine.open-files", title: "open files", found: `at most ${shown(files)}` };
  return files >= FILES_LOW
    ? [{ ...base, level: "pass" }]
    : [{ ...base, level: "warn", expected: `${FILES_LOW} or more`, mend: "ulimit -n 65536" }];
}

function checkBuildLimits({ engineLimits, engineRoot, inotify }: MachineFacts): readonly Finding[] {
  const findings: Finding[] = [];
  if (engineRoot !== undefined) {
    const { free, path } = engineRoot;
    const base = {
      id: "machine.engine-disk",
      title: "engine's disk",
      found: `${formatBytes(free)} free in ${path}`,
    };
    findings.push(
      free >= ENGINE_LOW
        ? { ...base, level: "pass" }
        : {
            ...base,
            level: "warn",
            expected: `${formatBytes(ENGINE_LOW)} for builds`,
            mend: "docker buildx prune; docker image prune (both ask first)",
          },
    );
  }
  const files = engineLimits === undefined ? undefined : openFiles(engineLimits);
  if (files !== undefined && (files >= FILES_HUGE || files < FILES_LOW)) {
    findings.push({
      id: "machine.engine-open-files",
      level: "warn",
      title: "open files in builds",
      found:
        files < FILES_LOW
          ? `at most ${shown(files)}`
          : `${shown(files)}: programs that close each in turn, package managers of old images and Java among them, hang or abort`,
      expected: `${FILES_LOW} to 1048576`,
      mend: "sudo systemctl edit docker.service: add [Service] and LimitNOFILE=1048576, then sudo systemctl restart docker",
    });
  }
  if (inotify !== undefined) {
    const low = inotify.instances < INOTIFY_LOW.instances || inotify.watches < INOTIFY_LOW.watches;
    if (low) {
      findings.push({
        id: "machine.inotify",
        level: "warn",
        title: "inotify",
        found: `${inotify.instances} instances, ${inotify.watches} watches for a user`,
        expected: `${INOTIFY_LOW.instances} and ${INOTIFY_LOW.watches} or more`,
        mend: `sudo sysctl -w fs.inotify.max_user_instances=512 fs.inotify.max_user_watches=65536`,
      });
    }
  }
  return findings;
}

/** The soft limit of proc_pid_limits(5); Infinity for none. */
function openFiles(limits: string): number | undefined {
  const soft = /^Max open files\s+(\S+)/m.exec(limits)?.[1];
  if (soft === undefined) return undefined;
  return soft === "unlimited" ? Number.POSITIVE_INFINITY : Number(soft);
}

function shown(files: number): string {
  return Number.isFinite(files) ? String(files) : "without limit";
}
