import { mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { lastWords, openDocker } from "../engine/docker.js";
import type { Bundle } from "../bundle/reader.js";
import { redact } from "../core/errors.js";
import { parsePlatform, formatPlatform } from "../core/platform.js";
import { type CameUp, type StartEnd, comeUp } from "./come-up.js";
import { containersOf } from "./containers.js";
import { EMULATED_FACTOR, needsEmulation } from "./emulation.js";
import { type Engine, findEngine } from "../engine/find-engine.js";
import { loadImage, takeReceipt } from "./engine-images.js";
import { extractFiles, isSmall } from "./extract.js";
import { type Isolated, isolate } from "./isolate.js";
import { Leftovers } from "./leftovers.js";
import { quoteLogs } from "./logs.js";
import type { ComposeModel } from "./model.js";
import type { RehearseOptions } from "./options.js";
import { tellStates } from "./progress.js";
import { skippedServices } from "./selection.js";
import { environmentFor } from "./settings.js";
import { smokeTest } from "./smoke.js";
import {
  type Stage,
  composeArgs,
  makeFolder,
  readModel,
  rehearsalProject,
  setStage,
  unjudgeable,
} from "./stage.js";
import { afterwards } from "./taken-away.js";
import type { LoadedImage, ReachedHealth, Rehearsal, SmokeOutcome, TakenAway } from "./types.js";

const INTERVAL_MS = 1000;
/** Lines of what compose says that are kept for the one that tells why it failed. */
const SAID_BYTES = 256 * 1024;

/**
 * Rehearses a bundle in the engine at hand, beside whatever runs there: a project of its own, no
 * published ports, networks without a way out, nothing of the host mounted.
 * @throws BundlerError BUILDER without a fitting engine; INTERRUPTED; as the reader of archives does.
 */
export async function rehearseInEngine(
  bundle: Bundle,
  options: RehearseOptions,
): Promise<Rehearsal> {
  const begin = performance.now();
  const { manifest } = bundle;
  const { env, signal, onEvent, keep } = options;
  const docker = openDocker(
    environmentFor(
      env,
      manifest.settings.map(({ name }) => name),
    ),
  );
  const engine = await findEngine(docker, signal);
  const emulated = await needsEmulation(engine, parsePlatform(manifest.platform));
  const project = rehearsalProject(manifest.name);
  const folder = await makeFolder(options.tmpDir, project);
  const leftovers = new Leftovers(docker, { project, folder });
  let found: Omit<Rehearsal, "takenAway" | "seconds">;
  const subject = path.basename(bundle.path);
  const takeAway = async (): Promise<TakenAway> => {
    onEvent({ type: "phase-start", phase: "remove", subject });
    const result = await leftovers.takeAway({ keep });
    const failed = result.left.length > 0;
    onEvent({ type: "phase-end", phase: "remove", subject, failed });
    return result;
  };
  try {
    const stage = await setStage(bundle, { project, folder }, options);
    found = await perform(bundle, { engine, stage, leftovers, emulated }, options);
  } catch (error) {
    throw afterwards(error, await takeAway());
  }
  const taken = await takeAway();
  return {
    ...found,
    takenAway: taken,
    seconds: Math.round((performance.now() - begin) / 100) / 10,
  };
}

interface Scene {
  readonly engine: Engine;
  readonly stage: Stage;
  readonly leftovers: Leftovers;
  readonly emulated: boolean;
}

async function perform(
  bundle: Bundle,
  scene: Scene,
  options: RehearseOptions,
): Promise<Omit<Rehearsal, "takenAway" | "seconds">> {
  const { engine, stage, emulated } = scene;
  const { manifest } = bundle;
  const { signal } = options;
  const { docker } = engine;
  await extractFiles(bundle, stage.bundleDir, { wanted: isSmall, signal });
  const model = await readModel(docker, stage, signal);
  const components = await unjudgeable(bundle, model, emulated);
  const skipped = skippedServices(model, { components, hostNetwork: false });
  const loaded = await loadAll(bundle, scene, options);
  const wrong = [...loaded].flatMap(([name, { trouble }]) =>
    trouble === undefined ? [] : [`${name} was not loaded: ${stage.redact(redact(trouble))}`],
  );
  const expected = [...model.services.keys()].filter((name) => !skipped.has(name));
  const starts = wrong.length === 0 && expected.length > 0;
  const subject = path.basename(bundle.path);
  const started = starts
    ? await start(scene, { subject, model, skipped, expected }, options)
    : undefined;
  const cameUp = started?.cameUp;
  const smoke =
    started === undefined || started.cameUp.failure !== undefined
      ? new Map<string, readonly SmokeOutcome[]>()
      : await tryAll(bundle, scene, { isolated: started.isolated, expected }, options);
  const receipt = await takeReceipt(docker, manifest.components, signal);
  const failedTests = [...smoke].flatMap(([name, outcomes]) =>
    outcomes.flatMap(({ outcome, test, said }) =>
      outcome === "failed" ? [`${name} fails its smoke test ${test}: ${said ?? ""}`] : [],
    ),
  );
  const reasons = [
    ...wrong,
    ...(cameUp?.failure === undefined ? [] : [stage.redact(cameUp.failure)]),
    ...failedTests,
  ];
  return {
    archive: bundle.path,
    bundle: { name: manifest.name, version: manifest.version, platform: manifest.platform },
    way: "engine",
    engine: {
      version: engine.version,
      platform: formatPlatform(engine.platform),
      compose: engine.compose,
    },
    emulated,
    project: stage.project,
    components: manifest.components.map(({ name, required }) => {
      const reason = skipped.get(name);
      const image = loaded.get(name);
      const health = cameUp?.health.get(name);
      return {
        name,
        required,
        ...(reason === undefined ? {} : { skipped: reason }),
        ...(image === undefined ? {} : { loaded: image }),
        ...(health === undefined ? {} : { health: blanked(health, stage.redact) }),
        smoke: smoke.get(name) ?? [],
      };
    }),
    changes: started?.isolated.changes ?? [],
    steps: [],
    receipt,
    verdict: reasons.length > 0 ? "not-up" : expected.length > 0 ? "up" : "nothing",
    reasons,
    logs: cameUp?.failure === undefined ? [] : await quoteLogs(docker, cameUp.states, stage.redact),
  };
}

/** A health check may print what it was given. */
export function blanked(health: ReachedHealth, blank: (text: string) => string): ReachedHealth {
  return health.probe === undefined ? health : { ...health, probe: blank(redact(health.probe)) };
}

async function loadAll(
  bundle: Bundle,
  { engine: { docker }, stage: { project }, leftovers }: Scene,
  { signal, onEvent }: RehearseOptions,
): Promise<ReadonlyMap<string, LoadedImage>> {
  const { components, sizes } = bundle.manifest;
  const subject = path.basename(bundle.path);
  onEvent({ type: "phase-start", phase: "load", subject, totalBytes: sizes.images });
  const loaded = new Map<string, LoadedImage>();
  for (const component of components) {
    const { name } = component;
    onEvent({ type: "item", phase: "load", name, state: "start" });
    loaded.set(
      name,
      await loadImage(bundle, component, { docker, signal, onEvent, leftovers, project }),
    );
    onEvent({ type: "item", phase: "load", name, state: "done" });
  }
  const failed = [...loaded.values()].some(({ ok }) => !ok);
  onEvent({
    type: "phase-end",
    phase: "load",
    subject,
    summary: `${components.length} images`,
    failed,
  });
  return loaded;
}

async function start(
  { engine: { docker, local }, stage, leftovers, emulated }: Scene,
  what: {
    readonly subject: string;
    readonly model: ComposeModel;
    readonly skipped: ReadonlyMap<string, string>;
    readonly expected: readonly string[];
  },
  options: RehearseOptions,
): Promise<{ readonly isolated: Isolated; readonly cameUp: CameUp }> {
  const { signal, onEvent, timeout, interval = INTERVAL_MS } = options;
  const { project } = stage;
  const { subject } = what;
  const file = path.join(stage.folder, "compose.json");
  const standIns = path.join(stage.dataDir, "instead-of-host");
  const terms = {
    project,
    skipped: what.skipped,
    folders: [stage.bundleDir, stage.dataDir],
    standIns,
  };
  await mkdir(standIns);
  let isolated = isolate(what.model, terms);
  const up = async (aborted: AbortSignal): Promise<StartEnd> => {
    // Settings have been filled in, so that it is as secret as they are.
    await writeFile(file, JSON.stringify(isolated.file), { mode: 0o600 });
    const end = await docker.run([...composeArgs(stage, file), "up", "-d", "--no-build"], {
      signal: aborted,
      capture: SAID_BYTES,
    });
    return { ok: end.code === 0, said: lastWords(end) };
  };
  onEvent({ type: "phase-start", phase: "start", subject, totalItems: what.expected.length });
  leftovers.services();
  const cameUp = await comeUp({
    start: async (aborted) => {
      const first = await up(aborted);
      const descriptors = await ownDescriptors();
      if (first.ok || !local || descriptors === undefined || !/rlimit/i.test(first.said))
        return first;
      isolated = isolate(what.model, { ...terms, descriptors });
      return up(aborted);
    },
    look: (aborted) => containersOf(docker, project, aborted),
    expected: what.expected,
    limit: timeout * 1000 * (emulated ? EMULATED_FACTOR : 1),
    interval,
    signal,
    onChange: tellStates(onEvent),
  });
  const failed = cameUp.failure !== undefined;
  onEvent({ type: "phase-end", phase: "start", subject, failed });
  return { isolated, cameUp };
}

/** Descriptors that this process can have at most: an engine in the same container has no more. */
async function ownDescriptors(): Promise<number | undefined> {
  const text = await readFile("/proc/self/limits", "utf8").catch(() => "");
  const hard = /^Max open files +\S+ +(\d+)/m.exec(text)?.[1];
  return hard === undefined ? undefined : Number(hard);
}

async function tryAll(
  bundle: Bundle,
  { engine: { docker, local }, stage, emulated }: Scene,
  { isolated, expected }: { readonly isolated: Isolated; readonly expected: readonly string[] },
  { signal, onEvent }: RehearseOptions,
): Promise<ReadonlyMap<string, readonly SmokeOutcome[]>> {
  const { project } = stage;
  const subject = path.basename(bundle.path);
  const tested = bundle.manifest.components.flatMap(({ name, smoke = [] }) =>
    expected.includes(name) ? smoke.map((test) => ({ name, test })) : [],
  );
  const outcomes = new Map<string, readonly SmokeOutcome[]>();
  if (tested.length === 0) return outcomes;
  onEvent({ type: "phase-start", phase: "test", subject, totalItems: tested.length });
  const terms = {
    docker,
    signal,
    settings: stage.settings,
    published: isolated.published,
    containers: await containersOf(docker, project, signal),
    reachable: local,
    factor: emulated ? EMULATED_FACTOR : 1,
    redact: (text: string) => stage.redact(redact(text)),
  };
  for (const { name, test } of tested) {
    onEvent({ type: "item", phase: "test", name, state: "start" });
    outcomes.set(name, [...(outcomes.get(name) ?? []), await smokeTest(name, test, terms)]);
    onEvent({ type: "item", phase: "test", name, state: "done" });
  }
  const failed = [...outcomes.values()].flat().some(({ outcome }) => outcome === "failed");
  onEvent({ type: "phase-end", phase: "test", subject, failed });
  return outcomes;
}
