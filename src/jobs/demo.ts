import { mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { openBuildHost } from "../builder/build-host.js";
import type { BuildHost } from "../builder/types.js";
import { BundlerError } from "../core/errors.js";
import type { Platform } from "../core/platform.js";
import type { Definition } from "../definition/types.js";
import { writeSampleArchive } from "../sample/archives.js";
import { sampleCatalogue, sampleOf } from "../sample/catalogue.js";
import { startSampleRegistries } from "../sample/registry.js";
import { NO_CHOICES } from "./builds.js";
import { type CreateOptions, type CreateResult, createJob } from "./create.js";
import { type DemoBuilds, prepareDemoBuilds } from "./demo-builds.js";
import type { SelectionOptions } from "./selection.js";

export interface DemoResult {
  readonly created: CreateResult;
  /** Components that were really built, by this machine's docker buildx. */
  readonly built: readonly string[];
  /** Components whose image came from a ready-made sample archive instead, and why they were not built. */
  readonly archived: readonly { readonly name: string; readonly reason: string }[];
  readonly registry: {
    /** Requests that the sample registries answered, and the bytes they sent. */
    readonly requests: number;
    readonly bytes: number;
  };
}

export interface DemoOptions extends Omit<CreateOptions, "storeDir" | "mirrors"> {
  readonly platform: Platform;
  /** For docker buildx, which builds what the samples can stand in for where it can. */
  readonly buildEnv: NodeJS.ProcessEnv;
  /** Folder of the archive; an archive of an earlier demo is replaced. */
  readonly output: string;
}

/**
 * The main job with the embedded sample registry in the internet's place: a real `create`, over
 * HTTP, against images that are made on the fly under the definition's names.
 */
export async function demoJob(definition: Definition, options: DemoOptions): Promise<DemoResult> {
  const work = await mkdtemp(path.join(os.tmpdir(), "openim-bundler-demo-"));
  try {
    const host = openBuildHost({ env: options.buildEnv, caFiles: [] });
    const builds = await prepareDemoBuilds(definition, options.platform, {
      ...options,
      host,
      dir: work,
    });
    try {
      return await runDemo(builds, work, { ...options, host });
    } catch (error) {
      const failed = error instanceof BundlerError && ["BUILD", "BUILDER"].includes(error.code);
      if (!failed || builds.built.length === 0) throw error;
      const [reason = ""] = error.message.split("\n");
      const archived = new Map([
        ...builds.archived,
        ...builds.built.map((name) => [name, reason] as const),
      ]);
      options.onEvent({ type: "notice", level: "warn", message: error.message });
      return await runDemo({ ...builds, built: [], archived }, work, { ...options, host });
    }
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function runDemo(
  { definition, images, sources, built, archived }: DemoBuilds,
  work: string,
  options: DemoOptions & { readonly host: BuildHost },
): Promise<DemoResult> {
  const { platform } = options;
  const samples = [...sampleCatalogue(definition, { services: true }), ...images];
  const sample = await startSampleRegistries(samples, { auth: { scheme: "bearer" } });
  try {
    const archives = await sampleArchives(definition, [...archived.keys()], {
      platform,
      dir: work,
    });
    const selection: SelectionOptions = {
      platforms: [platform],
      without: [],
      archives,
      build: { ...NO_CHOICES, sources },
    };
    const created = await createJob(definition, selection, {
      ...options,
      buildHost: options.host,
      storeDir: path.join(work, "store"),
      mirrors: new Map([...sample.mirrors].map(([name, url]) => [name, [url]])),
      // Whatever the samples lack is missing here, and is not looked for in the internet.
      mirrorsOnly: true,
      force: true,
    });
    const requests = [...sample.registries.values()].flatMap(({ requests: own }) => own);
    const bytes = requests.reduce((sum, request) => sum + request.bytes, 0);
    return {
      created,
      built,
      archived: [...archived].map(([name, reason]) => ({ name, reason })),
      registry: { requests: requests.length, bytes },
    };
  } finally {
    await sample.close();
  }
}

/** What a recipe would build is given as an archive, made here. */
async function sampleArchives(
  definition: Definition,
  names: readonly string[],
  { platform, dir }: { readonly platform: Platform; readonly dir: string },
): Promise<ReadonlyMap<string, string>> {
  const archives = new Map<string, string>();
  for (const { name, image } of definition.components) {
    if (!names.includes(name)) continue;
    const file = path.join(dir, `${name}.tar`);
    await writeSampleArchive(file, sampleOf(definition, name, { services: true }), {
      platform,
      reference: image,
    });
    archives.set(name, file);
  }
  return archives;
}
