import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, writeFile } from "node:fs/promises";
import path from "node:path";
import { type Docker, lastWords } from "../engine/docker.js";
import type { Bundle } from "../bundle/reader.js";
import { COMPOSE_FILE } from "../bundle/paths.js";
import { projectName } from "../bundle/site-index.js";
import { BundlerError, messageOf } from "../core/errors.js";
import { redactorOf } from "../core/redactor.js";
import { readImageStart } from "./image-start.js";
import { javaSign } from "./java.js";
import { type ComposeModel, parseModel, textsAt } from "./model.js";
import type { RehearseOptions } from "./options.js";
import { envLines, rehearsalSettings } from "./settings.js";

/** Milliseconds for compose to read a file. */
const CONFIG_MS = 60_000;

/** The folder of a rehearsal, and what its services are given. */
export interface Stage {
  readonly project: string;
  readonly folder: string;
  /** The archive's files. */
  readonly bundleDir: string;
  readonly dataDir: string;
  readonly envFile: string;
  readonly settings: ReadonlyMap<string, string>;
  /** Of the secrets among the settings, what stands for them in {@link settings}. */
  readonly secrets: ReadonlyMap<string, string>;
}

/** `rehearse-openim-3fa9c1`: as nobody's installation is called. */
export function rehearsalProject(name: string): string {
  return `rehearse-${projectName(name)}-${randomBytes(3).toString("hex")}`;
}

/** @throws BundlerError FILE when there is no writing to the folder for temporary files. */
export async function makeFolder(tmpDir: string, project: string): Promise<string> {
  try {
    return await mkdtemp(path.join(tmpDir, `${project}-`));
  } catch (cause) {
    throw new BundlerError("FILE", `Cannot make a folder in ${tmpDir}: ${messageOf(cause)}`, {
      cause,
      hint: "TMPDIR names the folder that rehearsals use.",
    });
  }
}

/** @throws BundlerError USAGE for settings that the bundle does not have; FILE, DISK. */
export async function setStage(
  bundle: Bundle,
  { project, folder }: { readonly project: string; readonly folder: string },
  options: RehearseOptions,
): Promise<Stage> {
  const { manifest } = bundle;
  const dataDir = path.join(folder, "data");
  const settings = rehearsalSettings(manifest.settings, { dataDir, given: options.settings });
  const envFile = path.join(folder, "settings.env");
  await mkdir(dataDir, { mode: 0o755 });
  await writeFile(envFile, envLines(settings), { mode: 0o600 });
  const secrets = manifest.settings.filter(({ type }) => type === "secret");
  return {
    project,
    folder,
    bundleDir: path.join(folder, "bundle"),
    dataDir,
    envFile,
    settings,
    secrets: new Map(secrets.map(({ name }) => [name, settings.get(name) ?? ""])),
  };
}

/**
 * The bundle's compose file as compose understands it, with the rehearsal's settings.
 * @throws BundlerError REHEARSAL when compose refuses it.
 */
export async function readModel(
  docker: Docker,
  stage: Stage,
  signal: AbortSignal,
): Promise<ComposeModel> {
  const file = path.join(stage.bundleDir, COMPOSE_FILE);
  const args = [
    ...["compose", "--ansi", "never", "--project-name", stage.project],
    ...["--project-directory", stage.bundleDir, "--env-file", stage.envFile, "-f", file],
  ];
  const end = await docker.run([...args, "config", "--format", "json"], {
    signal,
    timeout: CONFIG_MS,
    capture: 64 * 1024 * 1024,
  });
  if (end.code === 0) return parseModel(end.stdout);
  throw new BundlerError(
    "REHEARSAL",
    `Compose refuses the bundle's ${COMPOSE_FILE}: ${redactorOf(stage.secrets.values())(lastWords(end))}`,
  );
}

/**
 * Of each component, what shows that emulation cannot judge it; undefined for all of them where
 * nothing is emulated.
 */
export async function unjudgeable(
  bundle: Bundle,
  { services }: ComposeModel,
  emulated: boolean,
): Promise<ReadonlyMap<string, string | undefined>> {
  const signs = new Map<string, string | undefined>();
  for (const { name, image } of bundle.manifest.components) {
    if (!emulated) {
      signs.set(name, undefined);
      continue;
    }
    const start = await readImageStart(bundle, name);
    const service = services.get(name) ?? {};
    const entrypoint = textsAt(service, "entrypoint");
    const command = textsAt(service, "command");
    // An entrypoint of the compose file's own puts the image's command out of force.
    const replaced = {
      env: start.env,
      entrypoint: entrypoint.length > 0 ? entrypoint : start.entrypoint,
      command: command.length > 0 ? command : entrypoint.length > 0 ? [] : start.command,
    };
    signs.set(name, javaSign(replaced, image.reference.replace(/:[^/]*$/, "")));
  }
  return signs;
}
