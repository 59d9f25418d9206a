import { readdir } from "node:fs/promises";
import path from "node:path";
import { type Docker, openDocker } from "../engine/docker.js";
import { trimCopy } from "./copy.js";
import { removeTree } from "./leftovers.js";
import type { RehearseOptions } from "./options.js";
import type { OpenPlace, Place, PlacedInstaller } from "./place.js";
import { type PrivateHost, openPrivateHost } from "./private-host.js";
import type { Leftover } from "./types.js";

/**
 * A private engine whose host has loopback alone: the installer is rehearsed as it is, to the last file
 * that it takes away.
 */
export function privatePlace(
  terms: {
    readonly folder: string;
    /** Of the rehearsal, for the engine's control groups. */
    readonly name: string;
    /** As the bundle calls it. */
    readonly project: string;
    readonly env: NodeJS.ProcessEnv;
  },
  { signal }: RehearseOptions,
): Place {
  const { folder, name, project, env } = terms;
  let host: PrivateHost | undefined;
  return {
    way: "throw-away",
    hostNetwork: true,
    project,
    open: async () => {
      host = await openPrivateHost(folder, name, { env, signal });
      const docker = openDocker(host.env);
      return {
        docker,
        env: host.env,
        run: host.run,
        fit: async ({ model, skipped, stage }) => {
          const leftOut = [...skipped.keys()].filter((service) => model.services.has(service));
          await trimCopy(stage.bundleDir, leftOut);
          const changes = leftOut.map((service) => `${service}: not in the compose file`);
          return { changes, before: new Set(), unasked: new Map() };
        },
        end: (installer) => uninstalled(installer, docker, path.join(folder, "data"), signal),
      } satisfies OpenPlace;
    },
    takeAway: async () => {
      const left: Leftover[] = [...((await host?.close()) ?? [])];
      const why = await removeTree(folder);
      if (why !== undefined) {
        left.push({ kind: "folder", name: folder, why, mend: `sudo rm -rf ${folder}` });
      }
      const folders = why === undefined ? 1 : 0;
      return { containers: 0, networks: 0, volumes: 0, images: 0, folders, kept: [], left };
    },
  };
}

/** Uninstalls, and tells what that has left: nothing may be. */
async function uninstalled(
  installer: PlacedInstaller,
  docker: Docker,
  dataDir: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  if (!(await installer.run("uninstall", "--purge", "--confirm", installer.project))) return [];
  const left: string[] = [];
  for (const [what, args] of Object.entries(INVENTORY)) {
    const { stdout } = await docker.run(args, { signal });
    const names = stdout.split(/\s+/).filter((name) => name !== "");
    if (names.length > 0) left.push(`uninstall --purge left ${what}: ${names.join(" ")}`);
  }
  for (const folder of [installer.home, dataDir]) {
    const there = await readdir(folder).catch((): string[] => []);
    if (there.length > 0)
      left.push(`uninstall --purge left in ${path.basename(folder)}: ${there.join(" ")}`);
  }
  return left;
}

/** All that there may be in an engine that was empty before. */
const INVENTORY: Readonly<Record<string, readonly string[]>> = {
  containers: ["ps", "-aq"],
  images: ["images", "-q"],
  volumes: ["volume", "ls", "-q"],
  networks: ["network", "ls", "-q", "--filter", "type=custom"],
};
