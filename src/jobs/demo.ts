import { mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import type { Platform } from "../core/platform.js";
import { platformMatches } from "../core/platform.js";
import type { Definition } from "../definition/types.js";
import { writeSampleArchive } from "../sample/archives.js";
import { sampleCatalogue, sampleOf } from "../sample/catalogue.js";
import { startSampleRegistries } from "../sample/registry.js";
import { type CreateOptions, type CreateResult, createJob } from "./create.js";
import type { SelectionOptions } from "./plan.js";

export interface DemoResult {
  readonly created: CreateResult;
  /** Components whose image came from a ready-made sample archive, as nothing has one for the platform. */
  readonly archived: readonly string[];
  readonly registry: {
    /** Requests that the sample registries answered, and the bytes they sent. */
    readonly requests: number;
    readonly bytes: number;
  };
}

export interface DemoOptions extends Omit<CreateOptions, "storeDir" | "mirrors"> {
  readonly platform: Platform;
  /** Folder of the archive; an archive of an earlier demo is replaced. */
  readonly output: string;
}

/**
 * The main job with the embedded sample registry in the internet's place: a real `create`, over
 * HTTP, against images that are made on the fly under the definition's names.
 */
export async function demoJob(definition: Definition, options: DemoOptions): Promise<DemoResult> {
  const { platform } = options;
  const images = sampleCatalogue(definition, { services: true });
  const sample = await startSampleRegistries(images, { auth: { scheme: "bearer" } });
  const work = await mkdtemp(path.join(os.tmpdir(), "openim-bundler-demo-"));
  try {
    const archives = await sampleArchives(definition, platform, work);
    const selection: SelectionOptions = { platforms: [platform], without: [], archives };
    const created = await createJob(definition, selection, {
      ...options,
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
      archived: [...archives.keys()],
      registry: { requests: requests.length, bytes },
    };
  } finally {
    await sample.close();
    await rm(work, { recursive: true, force: true });
  }
}

/** What a recipe would build is given as an archive, made here. */
async function sampleArchives(
  definition: Definition,
  platform: Platform,
  dir: string,
): Promise<ReadonlyMap<string, string>> {
  const archives = new Map<string, string>();
  for (const { name, image, build, platforms } of definition.components) {
    if (platforms.some((one) => platformMatches(platform, one))) continue;
    if (!build?.platforms.some((one) => platformMatches(platform, one))) continue;
    const file = path.join(dir, `${name}.tar`);
    await writeSampleArchive(file, sampleOf(definition, name, { services: true }), {
      platform,
      reference: image,
    });
    archives.set(name, file);
  }
  return archives;
}
