import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Bundle, openBundle } from "../bundle/reader.js";
import { projectName } from "../bundle/site-index.js";
import { isAbort } from "../core/errors.js";
import { formatPlatform, parsePlatform } from "../core/platform.js";
import type { Docker } from "../engine/docker.js";
import { findEngine } from "../engine/find-engine.js";
import { needInstaller, placeAtHand } from "./at-hand.js";
import { containersOf } from "./containers.js";
import { needsEmulation } from "./emulation.js";
import { extractFiles } from "./extract.js";
import { printedReceipt, printedSmoke } from "./installer.js";
import { lastLines, quoteLogs } from "./logs.js";
import type { RehearseOptions } from "./options.js";
import type { Fitted, Place } from "./place.js";
import { needPrivateHost } from "./private-host.js";
import { tellStates } from "./progress.js";
import { Readiness } from "./readiness.js";
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
import { privatePlace } from "./throw-away.js";
import type { Rehearsal, TakenAway } from "./types.js";

export type { Rehearsal } from "./types.js";

const INTERVAL_MS = 1000;

/**
 * Proves on a real engine that a bundle's own installer brings it up, and takes everything away again,
 * whatever happens. A bundle that does not come up is a result, not an error.
 * @throws BundlerError BUILDER when there is nothing here to rehearse with; REHEARSAL when the bundle
 *   cannot even be tried; INTERRUPTED; FILE, INTEGRITY as the reader of archives does.
 */
export async function rehearseBundle(
  archive: string,
  options: RehearseOptions,
): Promise<Rehearsal> {
  const bundle = await openBundle(archive);
  try {
    return await rehearse(bundle, options);
  } finally {
    await bundle.close();
  }
}

async function rehearse(bundle: Bundle, options: RehearseOptions): Promise<Rehearsal> {
  const begin = performance.now();
  const { name, settings } = bundle.manifest;
  const { throwAway, onEvent } = options;
  if (throwAway) await needPrivateHost(options.env);
  else needInstaller();
  const project = rehearsalProject(name);
  const folder = await makeFolder(options.tmpDir, project);
  const env = environmentFor(
    options.env,
    settings.map((setting) => setting.name),
  );
  const place = throwAway
    ? privatePlace({ folder, name: project, project: projectName(name), env }, options)
    : placeAtHand({ folder, project, env }, options);
  const subject = path.basename(bundle.path);
  const takeAway = async (): Promise<TakenAway> => {
    onEvent({ type: "phase-start", phase: "remove", subject });
    const result = await place.takeAway();
    onEvent({ type: "phase-end", phase: "remove", subject, failed: result.left.length > 0 });
    return result;
  };
  let found: Omit<Rehearsal, "takenAway" | "seconds">;
  try {
    const stage = await setStage(bundle, { project, folder }, options);
    found = await perform(bundle, { place, stage }, options);
  } catch (error) {
    throw afterwards(error, await takeAway());
  }
  const takenAway = await takeAway();
  return { ...found, takenAway, seconds: Math.round((performance.now() - begin) / 100) / 10 };
}

async function perform(
  bundle: Bundle,
  { place, stage }: { readonly place: Place; readonly stage: Stage },
  options: RehearseOptions,
): Promise<Omit<Rehearsal, "takenAway" | "seconds">> {
  const { manifest } = bundle;
  const { signal, onEvent } = options;
  const subject = path.basename(bundle.path);
  const open = await place.open();
  const { docker } = open;
  const engine = await findEngine(docker, signal);
  const emulated = await needsEmulation(engine, parsePlatform(manifest.platform));

  onEvent({ type: "phase-start", phase: "load", subject, totalBytes: manifest.sizes.archive });
  await extractFiles(bundle, stage.bundleDir, {
    signal,
    onBytes: (delta) => onEvent({ type: "bytes", phase: "load", delta }),
  });
  const model = await readModel(docker, stage, signal);
  const components = await unjudgeable(bundle, model, emulated);
  const skipped = skippedServices(model, { components, hostNetwork: place.hostNetwork });
  const expected = [...model.services.keys()].filter((name) => !skipped.has(name));
  let fitted = await open.fit({ bundle, stage, engine, model, skipped });
  const { project } = place;
  const installer = new Installer(bundle, { place: open, project, stage, emulated }, options);

  const loaded = (await installer.run("check")) && (await installer.run("load"));
  onEvent({ type: "phase-end", phase: "load", subject, failed: !loaded });
  // From here on its clock runs.
  const readiness = new Readiness(expected);
  if (loaded && expected.length > 0) {
    onEvent({ type: "phase-start", phase: "start", subject, totalItems: expected.length });
    const watch = (run: () => Promise<boolean>): Promise<boolean> =>
      watched(run, { docker, project, readiness }, options);
    let up = await watch(() => installer.run("up"));
    const refitted: Fitted | undefined = up
      ? undefined
      : await fitted.refit?.(installer.said("up"));
    if (refitted !== undefined) {
      fitted = refitted;
      up = await watch(() => installer.again());
    }
    onEvent({ type: "phase-end", phase: "start", subject, failed: !up });
  }
  const receipt = printedReceipt(await installer.receipt());
  const blank = await installer.blank();
  const states = readiness.states;
  const logs = installer.failed === undefined ? [] : await quoteLogs(docker, states, blank);
  const left =
    installer.failed === undefined && expected.length > 0 ? await open.end(installer) : [];
  const smoke = printedSmoke(installer.said("up"), manifest.components, fitted.unasked);
  const reasons = [
    ...(installer.failure === undefined ? [] : [installer.failure]),
    ...left,
    ...states.flatMap(({ name, rank, word }) =>
      rank === "ready" ? [] : [`${name} did not become ready (${word})`],
    ),
    ...[...smoke].flatMap(([name, outcomes]) =>
      outcomes.flatMap(({ outcome, test, said }) =>
        outcome === "failed" ? [`${name} fails its smoke test ${test}: ${said ?? ""}`] : [],
      ),
    ),
  ].map((reason) => blank(reason));
  const health = readiness.health(blank);
  return {
    archive: bundle.path,
    bundle: { name: manifest.name, version: manifest.version, platform: manifest.platform },
    way: place.way,
    engine: {
      version: engine.version,
      platform: formatPlatform(engine.platform),
      compose: engine.compose,
    },
    emulated,
    project,
    components: manifest.components.map(({ name, required }) => {
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
              loaded: {
                ...{ reference: line.reference, ok: line.ok, ...line.found },
                before: fitted.before.has(name),
              },
            }),
        ...(reached === undefined ? {} : { health: reached }),
        smoke: (smoke.get(name) ?? []).map((outcome) =>
          outcome.said === undefined ? outcome : { ...outcome, said: blank(outcome.said) },
        ),
      };
    }),
    changes: fitted.changes,
    steps: installer.steps,
    receipt,
    verdict: reasons.length > 0 ? "not-up" : expected.length > 0 ? "up" : "nothing",
    reasons,
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

/** Runs a command of the installer, with an eye on the services meanwhile. Whether it worked. */
async function watched(
  run: () => Promise<boolean>,
  watch: { readonly docker: Docker; readonly project: string; readonly readiness: Readiness },
  { onEvent, signal, interval = INTERVAL_MS }: RehearseOptions,
): Promise<boolean> {
  const { docker, project, readiness } = watch;
  const over = new AbortController();
  const tell = tellStates(onEvent);
  const look = async (): Promise<void> => {
    readiness.update(await containersOf(docker, project, signal));
    tell(readiness.states);
  };
  const watching = (async () => {
    while (!over.signal.aborted) {
      await look();
      await sleep(interval, undefined, { signal: over.signal }).catch(() => undefined);
    }
  })().catch((error: unknown) => {
    if (!isAbort(error)) throw error;
  });
  try {
    const worked = await run();
    await look();
    return worked;
  } finally {
    over.abort();
    await watching;
  }
}
