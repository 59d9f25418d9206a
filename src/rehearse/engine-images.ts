import { z } from "zod";
import { ANSWER_MS, type Docker, lastWords } from "../engine/docker.js";
import type { Bundle } from "../bundle/reader.js";
import type { BundleComponent } from "../bundle/types.js";
import type { EventSink } from "../core/events.js";
import { formatPlatform, normalizePlatform, parsePlatform } from "../core/platform.js";
import { streamWindow } from "../tar/window.js";
import { countedChunks } from "./extract.js";
import type { Leftovers } from "./leftovers.js";
import type { LoadedImage, ReceiptLine } from "./types.js";

const imageSchema = z
  .array(
    z.object({
      Id: z.string(),
      Os: z.string(),
      Architecture: z.string(),
      Variant: z.string().nullish(),
      Size: z.number().nullish(),
    }),
  )
  .min(1);

interface EngineImage {
  /** With `sha256:` before it. */
  readonly id: string;
  readonly platform: string;
  /** In bytes. */
  readonly size: number;
}

/** What the engine has under a name; undefined where that is nothing. */
async function engineImage(
  docker: Docker,
  name: string,
  signal: AbortSignal,
): Promise<EngineImage | undefined> {
  const end = await docker.run(["image", "inspect", name], { signal, timeout: ANSWER_MS });
  if (end.code !== 0) return undefined;
  let image: z.infer<typeof imageSchema>[number] | undefined;
  try {
    image = imageSchema.safeParse(JSON.parse(end.stdout)).data?.[0];
  } catch {
    return undefined;
  }
  if (image === undefined) return undefined;
  const { Id, Os, Architecture, Variant, Size } = image;
  const platform = { os: Os, architecture: Architecture, ...(Variant ? { variant: Variant } : {}) };
  return {
    id: `sha256:${Id.replace(/^sha256:/, "")}`,
    platform: formatPlatform(normalizePlatform(platform)),
    size: Size ?? 0,
  };
}

/** The engine calls an image by its config's digest or, with the containerd image store, its manifest's. */
function isOf({ image }: BundleComponent, found: EngineImage): boolean {
  return found.id === image.manifest.digest || found.id === image.config.digest;
}

/** Old engines show no variant; there the digest alone speaks for it. */
function platformFits(expected: string, shown: string): boolean {
  const wanted = parsePlatform(expected);
  return (
    shown === formatPlatform(wanted) ||
    shown ===
      formatPlatform(normalizePlatform({ os: wanted.os, architecture: wanted.architecture }))
  );
}

export interface LoadOptions {
  readonly docker: Docker;
  readonly signal: AbortSignal;
  readonly onEvent: EventSink;
  readonly leftovers: Leftovers;
  /** For names that keep the engine's own images while the bundle's have theirs. */
  readonly project: string;
}

/**
 * Loads a component's image, straight out of the archive, unless the engine has it. What the engine has
 * under the same name and is another image keeps a second name, and gets the first one back at the end.
 */
export async function loadImage(
  bundle: Bundle,
  component: BundleComponent,
  options: LoadOptions,
): Promise<LoadedImage> {
  const { docker, signal, onEvent, leftovers, project } = options;
  const { reference } = component.image;
  const earlier = await engineImage(docker, reference, signal);
  if (earlier !== undefined && isOf(component, earlier)) {
    onEvent({ type: "bytes", phase: "load", delta: component.tarball.size });
    return describe(component, earlier, !leftovers.hasImage(reference));
  }
  if (earlier !== undefined) {
    const guard = `openim-bundler.local/${project}/${component.name}:before`;
    const tagged = await docker.run(["tag", earlier.id, guard], { signal, timeout: ANSWER_MS });
    if (tagged.code !== 0) {
      return {
        reference,
        ok: false,
        before: false,
        trouble: `the engine has another image under this name, which could not be kept: ${lastWords(tagged)}`,
      };
    }
    leftovers.guard(reference, guard);
  } else {
    leftovers.image(reference);
  }
  const input = countedChunks(
    streamWindow(bundle.window(component.tarball.path), signal),
    (delta) => onEvent({ type: "bytes", phase: "load", delta }),
  );
  const end = await docker.run(["load", "--quiet"], { signal, input });
  const found = await engineImage(docker, reference, signal);
  if (end.code !== 0 || found === undefined) {
    return { reference, ok: false, before: false, trouble: `docker load: ${lastWords(end)}` };
  }
  return describe(component, found, false);
}

function describe(component: BundleComponent, found: EngineImage, before: boolean): LoadedImage {
  const { reference, platform } = component.image;
  const trouble = !isOf(component, found)
    ? `the engine has ${found.id} under this name`
    : platformFits(platform, found.platform)
      ? undefined
      : `the engine says ${found.platform} instead of ${platform}`;
  return {
    reference,
    ok: trouble === undefined,
    ...found,
    before,
    ...(trouble === undefined ? {} : { trouble }),
  };
}

/** Asks the engine once more for every image of the bundle. */
export async function takeReceipt(
  docker: Docker,
  components: readonly BundleComponent[],
  signal: AbortSignal,
): Promise<readonly ReceiptLine[]> {
  const lines: ReceiptLine[] = [];
  for (const component of components) {
    const { reference, manifest, config, platform } = component.image;
    const found = await engineImage(docker, reference, signal);
    lines.push({
      component: component.name,
      reference,
      ok: found !== undefined && isOf(component, found) && platformFits(platform, found.platform),
      expected: { manifest: manifest.digest, config: config.digest, platform },
      ...(found === undefined ? {} : { found }),
    });
  }
  return lines;
}
