import { BundlerError } from "../core/errors.js";
import { formatPlatform } from "../core/platform.js";
import { type BuilderFolder, builderFolder } from "./builder-folder.js";
import {
  type BuilderSettings,
  type NodeSettings,
  checkSettings,
  settingsForComparison,
} from "./builder-settings.js";
import { buildkitdConfig } from "./buildkitd-config.js";
import { type Buildx, openBuildx } from "./buildx.js";
import { readCertificates } from "./certificates.js";
import { describeBuilder } from "./choose-builder.js";
import { ANSWER_MS, engineFault, lastWords, openDocker } from "../engine/docker.js";
import type { InspectedBuilder } from "./inspect-text.js";
import type { Builder } from "./types.js";

export interface BuilderToolOptions {
  readonly env: NodeJS.ProcessEnv;
  /** Where the settings of builders are kept, a folder for each. */
  readonly root: string;
  readonly signal: AbortSignal;
}

export interface SetupOptions extends BuilderToolOptions {
  /** What buildx says while nodes start, for people who wait. */
  readonly onLine?: (line: string) => void;
}

export interface BuilderSetup {
  readonly outcome: "created" | "recreated" | "unchanged";
  /** What made it be made anew: `mirror: none → docker.io=https://…`. */
  readonly changes: readonly string[];
  readonly builder: Builder;
}

/** For taking back a half-made builder, in milliseconds, when the caller's signal has fired. */
const UNDO_MS = 60_000;

/**
 * Makes the builder of that name be what the settings say, and starts its nodes. One that was made
 * with the same settings is left as it is. When something fails no half-made builder is left, and
 * after a crash the next run mends what it finds.
 * @throws BundlerError USAGE for settings that do not fit, or a builder of the name that is not ours;
 *   BUILDER when it cannot be made or a node does not answer; FILE; INTERRUPTED.
 */
export async function setupBuilder(
  settings: BuilderSettings,
  { env, root, signal, onLine }: SetupOptions,
): Promise<BuilderSetup> {
  checkSettings(settings);
  const certificates = await readCertificates(settings.caFiles);
  const wanted = settingsForComparison(settings, certificates);
  const buildx = await openBuildx(openDocker(env), signal);
  const folder = builderFolder(root, settings.name);
  const [found, record] = await Promise.all([
    buildx.inspect(settings.name, { signal }),
    folder.record(),
  ]);
  if (found !== undefined && record === undefined) throw notOurs(settings.name);

  const changes =
    found === undefined || record === undefined ? [] : differences(record.settings, wanted);
  if (found !== undefined && record?.state === "making") changes.push("it was left half made");
  if (found !== undefined && found.driver !== settings.driver && changes.length === 0) {
    changes.push(`driver: ${found.driver} → ${settings.driver}`);
  }
  const unchanged = found !== undefined && changes.length === 0;
  if (unchanged) {
    const running = await start(buildx, settings, signal, onLine);
    return {
      outcome: "unchanged",
      changes: [],
      builder: await describeBuilder(buildx, running, signal),
    };
  }

  await folder.remember({ state: "making", settings: wanted });
  try {
    if (found !== undefined) await removeFromBuildx(buildx, found, settings.driver, signal);
    await folder.write(folder.caFile, certificates);
    const config = buildkitdConfig(
      settings,
      certificates === undefined ? undefined : folder.caFile,
    );
    await folder.write(folder.configFile, config);
    for (const args of createCommands(
      settings,
      buildx,
      config === undefined ? undefined : folder,
    )) {
      await run(buildx, args, settings.name, signal);
    }
    const running = await start(buildx, settings, signal, onLine);
    await folder.remember({ state: "ready", settings: wanted });
    return {
      outcome: found === undefined ? "created" : "recreated",
      changes,
      builder: await describeBuilder(buildx, running, signal),
    };
  } catch (error) {
    await undo(buildx, settings.name, folder);
    throw found === undefined ? error : withLoss(error, settings.name);
  }
}

/** @throws BundlerError BUILDER when buildx still has it afterwards. */
export async function removeFromBuildx(
  buildx: Buildx,
  { name, driver }: Pick<InspectedBuilder, "name" | "driver">,
  next: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  // What it has built and pulled so far serves the new one, which has the same name.
  const keep = driver === "docker-container" && next === driver ? ["--keep-state"] : [];
  const end = await buildx.run(["rm", ...keep, name], { signal, timeout: ANSWER_MS });
  if (end.code === 0) return;
  // A node that cannot be reached is forgotten all the same.
  if ((await buildx.inspect(name, { signal })) === undefined) return;
  throw (
    engineFault(end.stderr) ??
    new BundlerError("BUILDER", `The builder ${name} cannot be removed: ${lastWords(end)}`, {
      hint: `Run \`docker buildx rm ${name}\` to see what it says.`,
    })
  );
}

/** Takes back what could be made; whoever cannot is mended by the next run, which finds the record. */
async function undo(buildx: Buildx, name: string, folder: BuilderFolder): Promise<void> {
  try {
    const signal = AbortSignal.timeout(UNDO_MS);
    const left = await buildx.inspect(name, { signal });
    if (left !== undefined) await removeFromBuildx(buildx, left, left.driver, signal);
    await folder.remove();
  } catch {
    // The failure that brought us here is the one to tell.
  }
}

async function start(
  buildx: Buildx,
  { name, driver }: Pick<BuilderSettings, "name" | "driver">,
  signal: AbortSignal,
  onLine: ((line: string) => void) | undefined,
): Promise<InspectedBuilder> {
  const running = await buildx.inspect(name, {
    signal,
    bootstrap: true,
    ...(onLine === undefined ? {} : { onLine }),
  });
  const failed = running?.nodes.filter(({ error }) => error !== undefined) ?? [];
  if (running !== undefined && running.error === undefined && failed.length === 0) return running;
  const nodes = failed.map((node) => `  ${node.name} (${node.endpoint}): ${node.error ?? ""}`);
  throw new BundlerError(
    "BUILDER",
    nodes.length === 0
      ? `The builder ${name} does not start: ${running?.error ?? "buildx has forgotten it"}`
      : `Not every node of the builder ${name} can be reached.\n${nodes.join("\n")}`,
    {
      hint: `An ssh node needs a key without a passphrase or an agent, docker on it, and a known host key: try \`ssh HOST docker version\`. A tcp node needs ${driver === "remote" ? "a buildkitd" : "a Docker engine"} that listens there.`,
    },
  );
}

/** `docker buildx create`, once for each node. */
function createCommands(
  settings: BuilderSettings,
  { version }: Pick<Buildx, "version">,
  configured: Pick<BuilderFolder, "configFile"> | undefined,
): string[][] {
  const { name, driver, buildkitImage, network } = settings;
  const configFlag = version.compare("0.13.0") >= 0 ? "--buildkitd-config" : "--config";
  const options = [
    ...(buildkitImage === undefined ? [] : [`image=${buildkitImage}`]),
    ...(network === undefined ? [] : [`network=${network}`]),
    ...settings.driverOptions,
  ];
  const shared = [
    ...(configured === undefined ? [] : [`${configFlag}=${configured.configFile}`]),
    ...options.map((option) => `--driver-opt=${option}`),
  ];
  const here: Partial<NodeSettings> = { platforms: settings.platforms };
  const nodes: Partial<NodeSettings>[] =
    driver === "remote" ? [...settings.nodes] : [here, ...settings.nodes];
  return nodes.map(({ endpoint, platforms = [] }, at) => [
    "create",
    `--name=${name}`,
    ...(at === 0 ? [`--driver=${driver}`] : ["--append"]),
    ...shared,
    ...(platforms.length === 0 ? [] : [`--platform=${platforms.map(formatPlatform).join(",")}`]),
    ...(endpoint === undefined ? [] : [endpoint]),
  ]);
}

async function run(
  buildx: Buildx,
  args: readonly string[],
  name: string,
  signal: AbortSignal,
): Promise<void> {
  const end = await buildx.run(args, { signal, timeout: ANSWER_MS });
  if (end.code === 0) return;
  throw (
    engineFault(end.stderr) ??
    new BundlerError("BUILDER", `The builder ${name} cannot be created: ${lastWords(end)}`, {
      hint: "What was begun has been taken back. Check the flags and run it again.",
    })
  );
}

/** The same error, saying that the builder from before has gone too. */
function withLoss(error: unknown, name: string): unknown {
  if (!(error instanceof BundlerError)) return error;
  const { code, message, details, hint, cause } = error;
  const lost = `The builder ${name} that was there before is gone; its earlier flags bring it back.`;
  return new BundlerError(code, message, {
    details,
    cause,
    hint: hint === undefined ? lost : `${hint} ${lost}`,
  });
}

function differences(
  before: Readonly<Record<string, string>>,
  now: Readonly<Record<string, string>>,
): string[] {
  const keys = [...new Set([...Object.keys(before), ...Object.keys(now)])];
  return keys
    .filter((key) => before[key] !== now[key])
    .map((key) => `${key}: ${before[key] ?? "none"} → ${now[key] ?? "none"}`);
}

function notOurs(name: string): BundlerError {
  return new BundlerError(
    "USAGE",
    `There is a builder ${name} already, which openim-bundler has not made.`,
    {
      hint: `Use it with --builder ${name}, give another --name, or remove it first: \`openim-bundler builder remove ${name}\`.`,
      details: { builder: name },
    },
  );
}
