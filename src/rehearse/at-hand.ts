import { mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import type { Bundle } from "../bundle/reader.js";
import { BundlerError, messageOf } from "../core/errors.js";
import { shellCommand } from "../core/shell-command.js";
import { runProgram } from "../core/spawn.js";
import { ANSWER_MS, type Docker, lastWords, openDocker } from "../engine/docker.js";
import { containersOf } from "./containers.js";
import { isolateTables, replaceCompose, smokeRows } from "./copy.js";
import { Forwards } from "./forward.js";
import { type PublishedPort, isolate } from "./isolate.js";
import { Leftovers } from "./leftovers.js";
import type { RehearseOptions } from "./options.js";
import type { Copy, Fitted, OpenPlace, Place } from "./place.js";
import type { Stage } from "./stage.js";

/** @throws BundlerError BUILDER where the installer cannot run. */
export function needInstaller(): void {
  if (process.platform === "linux") return;
  throw new BundlerError(
    "BUILDER",
    "A rehearsal runs the bundle's install.sh, which needs Linux.",
    {
      hint: "Rehearse on a Linux machine with Docker, such as a CI runner or a virtual machine.",
    },
  );
}

/**
 * The engine at hand, beside whatever runs there: a project of its own, no published ports, networks
 * without a way out, nothing of the host mounted. What the engine had before stays as it was.
 */
export function placeAtHand(
  terms: { readonly folder: string; readonly project: string; readonly env: NodeJS.ProcessEnv },
  options: RehearseOptions,
): Place {
  const { folder, project, env } = terms;
  const docker = openDocker(env);
  const leftovers = new Leftovers(docker, { project, folder });
  const forwards = new Forwards();
  return {
    way: "engine",
    hostNetwork: false,
    project,
    open: async () => {
      const own = await installerEnv(folder, docker.program, env);
      return {
        docker,
        env: own,
        run: async ([program = "", ...args], runOptions) => {
          const end = await runProgram(program, args, runOptions);
          if (end.kind === "ended") return end;
          throw new BundlerError("BUILDER", `${program} cannot be run: ${messageOf(end.cause)}`);
        },
        fit: (copy) => fit(copy, { docker, leftovers, forwards }, options),
        end: () => Promise.resolve([]),
      } satisfies OpenPlace;
    },
    takeAway: () => {
      forwards.close();
      return leftovers.takeAway({ keep: options.keep });
    },
  };
}

/** The installer knows `docker` by that name alone. */
async function installerEnv(
  folder: string,
  program: string,
  env: NodeJS.ProcessEnv,
): Promise<NodeJS.ProcessEnv> {
  if (program === "docker") return env;
  const bin = path.join(folder, "bin");
  const meant = program.includes("/") ? path.resolve(program) : program;
  await mkdir(bin);
  await writeFile(path.join(bin, "docker"), `#!/bin/sh\nexec ${shellCommand([meant])} "$@"\n`, {
    mode: 0o755,
  });
  return { ...env, PATH: `${bin}:${env["PATH"] ?? ""}` };
}

interface Tools {
  readonly docker: Docker;
  readonly leftovers: Leftovers;
  readonly forwards: Forwards;
}

async function fit(copy: Copy, tools: Tools, { signal }: RehearseOptions): Promise<Fitted> {
  const { bundle, stage, engine, skipped } = copy;
  const { folder, project, bundleDir, dataDir } = stage;
  const before = await noteImages(bundle, project, tools, signal);
  const standIns = path.join(folder, "instead-of-host");
  await mkdir(standIns);
  const terms = { project, skipped, folders: [bundleDir, dataDir], standIns };
  const { file, changes, published } = isolate(copy.model, terms);
  const written = writtenIn(stage);
  const { rows, unasked } = await leadTests({ ...copy, published, written }, tools, signal);
  await replaceCompose(bundleDir, file, written);
  await isolateTables(bundleDir, rows);
  tools.leftovers.services();
  return {
    ...{ changes, before, unasked },
    refit: async (said) => {
      const descriptors = await ownDescriptors();
      if (!engine.local || descriptors === undefined || !/rlimit/i.test(said)) return undefined;
      const lowered = isolate(copy.model, { ...terms, descriptors });
      await replaceCompose(bundleDir, lowered.file, written);
      return { changes: lowered.changes, before, unasked };
    },
  };
}

/** Descriptors that this process can have at most: an engine in the same container has no more. */
async function ownDescriptors(): Promise<number | undefined> {
  const text = await readFile("/proc/self/limits", "utf8").catch(() => "");
  const hard = /^Max open files +\S+ +(\d+)/m.exec(text)?.[1];
  return hard === undefined ? undefined : Number(hard);
}

/** Settings by their names, and the bundle's files from where the installer puts them. */
function writtenIn({ bundleDir, secrets }: Stage): (text: string) => string {
  return (text) => {
    let out = text.startsWith(`${bundleDir}/`) ? `.${text.slice(bundleDir.length)}` : text;
    for (const [name, mark] of secrets) out = out.replaceAll(mark, `\${${name}}`);
    return out;
  };
}

/**
 * Notes what the installer will bring into the engine. What the engine has under the same name and is
 * another image keeps a second name, and gets the first one back at the end.
 * @returns components whose image is there already.
 */
async function noteImages(
  { manifest }: Bundle,
  project: string,
  { docker, leftovers }: Tools,
  signal: AbortSignal,
): Promise<ReadonlySet<string>> {
  const there = new Set<string>();
  for (const { name, image } of manifest.components) {
    const { reference } = image;
    if (leftovers.hasImage(reference)) continue;
    const ask = (...args: string[]) => docker.run(args, { signal, timeout: ANSWER_MS });
    const found = await ask("image", "inspect", "--format", "{{.Id}}", reference);
    const id = `sha256:${found.stdout.trim().replace(/^sha256:/, "")}`;
    if (found.code !== 0) leftovers.image(reference);
    else if ([image.manifest.digest, image.config.digest].some((digest) => digest === id)) {
      there.add(name);
    } else {
      const guard = `openim-bundler.local/${project}/${name}:before`;
      const tagged = await ask("tag", id, guard);
      if (tagged.code !== 0) {
        throw new BundlerError(
          "REHEARSAL",
          `The engine has another image as ${reference}, which could not be kept: ${lastWords(tagged)}`,
        );
      }
      leftovers.guard(reference, guard);
    }
  }
  return there;
}

/** A kind of test that the installer does not know, and leaves out. */
const LEFT = "elsewhere";

/**
 * Leads the smoke tests that ask a port of the host into the container behind it: no port of the host is
 * open. Comes back with the rows of the installer's table.
 */
async function leadTests(
  copy: Copy & {
    readonly published: readonly PublishedPort[];
    readonly written: (text: string) => string;
  },
  tools: Tools,
  signal: AbortSignal,
): Promise<{
  readonly rows: readonly (readonly string[])[];
  readonly unasked: Fitted["unasked"];
}> {
  const { stage, engine, skipped, published, written } = copy;
  const rows: (readonly string[])[] = [];
  const unasked = new Map<string, Map<number, string>>();
  const counts = new Map<string, number>();
  for (const row of await smokeRows(stage.bundleDir)) {
    const [component = "", kind = "", limit = "", expect = "", command = ""] = row;
    if (skipped.has(component)) continue;
    const at = counts.get(component) ?? 0;
    counts.set(component, at + 1);
    const url = kind === "http" ? parsedUrl(fillSettings(command, stage.settings)) : undefined;
    const port = portOf(url);
    const target = published.find(({ host }) => host === port);
    const why =
      url === undefined
        ? "its address cannot be read"
        : target === undefined
          ? `no service that was started publishes port ${port}`
          : engine.local
            ? undefined
            : "containers of this engine cannot be asked from here";
    if (kind !== "http") rows.push(row);
    else if (url !== undefined && target !== undefined && why === undefined) {
      url.hostname = "127.0.0.1";
      url.port = String(await leadTo(target, stage.project, tools, signal));
      rows.push([component, kind, limit, expect, written(url.href)]);
    } else {
      rows.push([component, LEFT, limit, expect, command]);
      unasked.set(
        component,
        (unasked.get(component) ?? new Map<number, string>()).set(at, why ?? ""),
      );
    }
  }
  return { rows, unasked };
}

function leadTo(
  { service: name, container: port }: PublishedPort,
  project: string,
  { docker, forwards }: Tools,
  signal: AbortSignal,
): Promise<number> {
  return forwards.open(async () => {
    const containers = await containersOf(docker, project, signal);
    const host = containers.find(({ service }) => service === name)?.addresses[0];
    return host === undefined ? undefined : { host, port };
  });
}

/** Of an address that is none, and of one without a port, that of plain HTTP. */
function portOf(url: URL | undefined): number {
  if (url !== undefined && url.port !== "") return Number(url.port);
  return url?.protocol === "https:" ? 443 : 80;
}

function parsedUrl(text: string): URL | undefined {
  return URL.canParse(text) ? new URL(text) : undefined;
}

/** An address with the settings in the places of their names. */
function fillSettings(address: string, settings: ReadonlyMap<string, string>): string {
  return address.replaceAll(
    /\$\{([A-Z][A-Z0-9_]*)\}/g,
    (name, setting: string) => settings.get(setting) ?? name,
  );
}
