import { readdir } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Docker, openDocker } from "../engine/docker.js";
import type { Bundle } from "../bundle/reader.js";
import { isAbort } from "../core/errors.js";
import { formatPlatform, parsePlatform } from "../core/platform.js";
import { Readiness } from "./come-up.js";
import { containersOf } from "./containers.js";
import { needsEmulation } from "./emulation.js";
import { findEngine } from "../engine/find-engine.js";
import { takeReceipt } from "./engine-images.js";
import { extractFiles } from "./extract.js";
import { blanked } from "./in-engine.js";
import { printedReceipt, printedSmoke } from "./installer.js";
import { removeTree } from "./leftovers.js";
import { lastLines, quoteLogs } from "./logs.js";
import type { RehearseOptions } from "./options.js";
import { type PrivateHost, needPrivateHost, openPrivateHost } from "./private-host.js";
import { tellStates } from "./progress.js";
import { Installer } from "./run-installer.js";
import { skippedServices } from "./selection.js";
import { environmentFor } from "./settings.js";
import {
  type Stage,
  makeFolder,
  readModel,
  rehearsalProject,
  setStage,
  unjudgeable,
} from "./stage.js";
import { afterwards } from "./taken-away.js";
import { trimBundle } from "./trim.js";
import type { Leftover, Rehearsal, TakenAway } from "./types.js";

const INTERVAL_MS = 1000;

/**
 * Rehearses the bundle's own installer, from the first check to the last file that it takes away, on a
 * private engine whose host has loopback alone.
 * @throws BundlerError BUILDER where there can be none; INTERRUPTED; as the reader of archives does.
 */
export async function rehearseThrowAway(
  bundle: Bundle,
  options: RehearseOptions,
): Promise<Rehearsal> {
  const begin = performance.now();
  const { signal, onEvent } = options;
  await needPrivateHost(options.env);
  const project = rehearsalProject(bundle.manifest.name);
  const folder = await makeFolder(options.tmpDir, project);
  const subject = path.basename(bundle.path);
  let host: PrivateHost | undefined;
  const takeAway = async (): Promise<TakenAway> => {
    onEvent({ type: "phase-start", phase: "remove", subject });
    const left: Leftover[] = [...((await host?.close()) ?? [])];
    const why = await removeTree(folder);
    if (why !== undefined) {
      left.push({ kind: "folder", name: folder, why, mend: `sudo rm -rf ${folder}` });
    }
    onEvent({ type: "phase-end", phase: "remove", subject, failed: left.length > 0 });
    const folders = why === undefined ? 1 : 0;
    return { containers: 0, networks: 0, volumes: 0, images: 0, folders, kept: [], left };
  };
  let found: Omit<Rehearsal, "takenAway" | "seconds">;
  try {
    const stage = await setStage(bundle, { project, folder }, options);
    const names = bundle.manifest.settings.map(({ name }) => name);
    const env = environmentFor(options.env, names);
    host = await openPrivateHost(folder, project, { env, signal });
    found = await perform(bundle, { host, stage }, options);
  } catch (error) {
    throw afterwards(error, await takeAway());
  }
  const takenAway = await takeAway();
  return { ...found, takenAway, seconds: Math.round((performance.now() - begin) / 100) / 10 };
}

async function perform(
  bundle: Bundle,
  { host, stage }: { readonly host: PrivateHost; readonly stage: Stage },
  options: RehearseOptions,
): Promise<Omit<Rehearsal, "takenAway" | "seconds">> {
  const { manifest } = bundle;
  const { signal, onEvent } = options;
  const subject = path.basename(bundle.path);
  const docker = openDocker(host.env);
  const engine = await findEngine(docker, signal);
  const emulated = await needsEmulation(engine, parsePlatform(manifest.platform));

  onEvent({ type: "phase-start", phase: "load", subject, totalBytes: manifest.sizes.archive });
  await extractFiles(bundle, stage.bundleDir, {
    wanted: () => true,
    signal,
    onBytes: (delta) => onEvent({ type: "bytes", phase: "load", delta }),
  });
  const model = await readModel(docker, stage, signal);
  const components = await unjudgeable(bundle, model, emulated);
  const skipped = skippedServices(model, { components, hostNetwork: true });
  const leftOut = [...skipped.keys()].filter((name) => model.services.has(name));
  await trimBundle(stage.bundleDir, leftOut);
  const expected = [...model.services.keys()].filter((name) => !skipped.has(name));
  const installer = new Installer(bundle, { host, stage, emulated }, options);

  await installer.run("check");
  await installer.run("load");
  onEvent({ type: "phase-end", phase: "load", subject, failed: installer.failure !== undefined });
  // From here on its clock runs.
  const readiness = new Readiness(expected);
  if (installer.failure === undefined) {
    onEvent({ type: "phase-start", phase: "start", subject, totalItems: expected.length });
    const up = await watched(installer, { docker, readiness, signal }, options);
    onEvent({ type: "phase-end", phase: "start", subject, failed: !up });
  }
  const printed = printedReceipt(await installer.run("verify", "--json"));
  const receipt =
    printed.length > 0 || !installer.ran("load")
      ? printed
      : await takeReceipt(docker, manifest.components, signal);
  const blank = await installer.blank();
  const down = installer.failure !== undefined;
  const logs = down ? await quoteLogs(docker, readiness.states, blank) : [];
  const open = readiness.states.filter(({ rank }) => rank !== "ready");
  const reasons =
    installer.failure === undefined
      ? await uninstalled(installer, docker, stage, signal)
      : [
          installer.failure,
          ...open.map(({ name, word }) => `${name} did not become ready (${word})`),
        ];
  const smoke = printedSmoke(installer.said("up"), manifest.components);
  const health = readiness.health();
  return {
    archive: bundle.path,
    bundle: { name: manifest.name, version: manifest.version, platform: manifest.platform },
    way: "throw-away",
    engine: {
      version: engine.version,
      platform: formatPlatform(engine.platform),
      compose: engine.compose,
    },
    emulated,
    project: stage.project,
    components: manifest.components.map(({ name, required, image }) => {
      const reason = skipped.get(name);
      const line = receipt.find(({ component }) => component === name);
      const reached = health.get(name);
      return {
        name,
        required,
        ...(reason === undefined ? {} : { skipped: reason }),
        ...(line === undefined
          ? {}
          : {
              loaded: { reference: image.reference, ok: line.ok, ...line.found, before: false },
            }),
        ...(reached === undefined ? {} : { health: blanked(reached, blank) }),
        smoke: (smoke.get(name) ?? []).map((outcome) =>
          outcome.said === undefined ? outcome : { ...outcome, said: blank(outcome.said) },
        ),
      };
    }),
    changes: leftOut.map((name) => `${name}: not in the compose file`),
    steps: installer.steps,
    receipt,
    verdict: reasons.length > 0 ? "not-up" : expected.length > 0 ? "up" : "nothing",
    reasons: reasons.map((reason) => blank(reason)),
    logs: [
      ...logs,
      ...(installer.failed === undefined
        ? []
        : [
            {
              component: `install.sh ${installer.failed}`,
              lines: lastLines(installer.said(installer.failed), blank),
            },
          ]),
    ],
  };
}

interface Watch {
  readonly docker: Docker;
  readonly readiness: Readiness;
  readonly signal: AbortSignal;
}

/** `install.sh up`, with an eye on the services meanwhile. Whether it worked. */
async function watched(
  installer: Installer,
  { docker, readiness, signal }: Watch,
  { onEvent, interval = INTERVAL_MS }: RehearseOptions,
): Promise<boolean> {
  const over = new AbortController();
  const tell = tellStates(onEvent);
  const { project } = installer;
  const watching = (async () => {
    while (!over.signal.aborted) {
      readiness.update(await containersOf(docker, project, signal));
      tell(readiness.states);
      await sleep(interval, undefined, { signal: over.signal }).catch(() => undefined);
    }
  })().catch((error: unknown) => {
    if (!isAbort(error)) throw error;
  });
  try {
    await installer.run("up");
    readiness.update(await containersOf(docker, project, signal));
  } finally {
    over.abort();
    await watching;
  }
  return installer.failure === undefined;
}

/** Uninstalls, and tells what that has left: nothing may be. */
async function uninstalled(
  installer: Installer,
  docker: Docker,
  { dataDir }: Stage,
  signal: AbortSignal,
): Promise<readonly string[]> {
  await installer.run("uninstall", "--purge", "--confirm", installer.project);
  if (installer.failure !== undefined) return [installer.failure];
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
