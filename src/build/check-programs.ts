import { createReadStream } from "node:fs";
import { shortDigest } from "../core/digest.js";
import { BundlerError } from "../core/errors.js";
import { parsePlatform } from "../core/platform.js";
import {
  type ForeignProgram,
  type ProgramLayer,
  findForeignPrograms,
} from "../image/foreign-programs.js";
import { UNPACKS_ZSTD } from "../image/unpack.js";
import { layerCompression } from "../image/media-types.js";
import type { LockedBuild } from "../plan/build-types.js";
import type { LockedImage } from "../plan/types.js";
import { baseLayers } from "./bases.js";
import type { OpenContext } from "./context.js";
import { type Inspection, describeHazard } from "./inspect.js";
import type { BuildContext } from "./types.js";

/** How many wrong files, or likely causes, an error lists; one is enough to look for the mistake. */
const SHOWN = 3;

/**
 * Makes sure that every program which a build put into an image is for the image's machine. The base
 * image's own layers are its maker's business, as far as the registry tells which they are.
 * @throws BundlerError PLATFORM naming file, layer and machines, and the line of the Dockerfile that
 *   is the likely cause; INTEGRITY for a layer that is not what the image says; INTERRUPTED.
 */
export async function checkPrograms(
  image: LockedImage,
  build: LockedBuild,
  from: {
    readonly component: string;
    readonly opened: OpenContext;
    readonly inspection: Inspection;
  },
  context: Pick<BuildContext, "registry" | "store" | "signal" | "onEvent">,
): Promise<void> {
  const { store, signal, onEvent } = context;
  const platform = parsePlatform(build.platform);
  const known = (await baseLayers(build, platform, context)) ?? new Set();
  const layers: ProgramLayer[] = [];
  for (const { digest, diffId, mediaType } of image.layers) {
    if (known.has(diffId)) continue;
    if (!UNPACKS_ZSTD && layerCompression(mediaType) === "zstd") {
      const message = `${from.component}: the programs in the layer ${shortDigest(digest)} are not checked: it is compressed with zstd.`;
      onEvent({ type: "notice", level: "warn", message });
      continue;
    }
    const open = () => createReadStream(store.path(digest), { highWaterMark: 1024 * 1024 });
    layers.push({ digest, diffId, open });
  }
  // Packages ship tools for Windows and macOS that nothing on Linux would start.
  const found = await findForeignPrograms(layers, platform, { signal });
  const foreign = found.filter(({ format }) => format === "elf");
  if (foreign.length > 0) throw foreignPrograms(foreign, build, from);
}

function foreignPrograms(
  foreign: readonly ForeignProgram[],
  build: LockedBuild,
  {
    component,
    opened,
    inspection,
  }: {
    readonly component: string;
    readonly opened: OpenContext;
    readonly inspection: Inspection;
  },
): BundlerError {
  const list = foreign
    .slice(0, SHOWN)
    .map(({ path, layer, machine }) => `  /${path} (layer ${layer}) is for ${machine}`);
  if (foreign.length > SHOWN) list.push(`  … and ${foreign.length - SHOWN} more`);
  const causes = inspection.report.hazards
    .filter(({ kind }) => kind === "foreign-architecture")
    .slice(0, SHOWN)
    .map((hazard) => describeHazard(opened, hazard));
  const what = foreign.length === 1 ? "a program" : `${foreign.length} programs`;
  return new BundlerError(
    "PLATFORM",
    `${component}: the image was built for ${build.platform} and has ${what} for another machine:\n${list.join("\n")}`,
    {
      hint:
        causes.length > 0
          ? `The likely cause: ${causes.join("\n    ")}`
          : `Look in ${opened.dockerfile.shown} for what puts it there: a download, a COPY, or a compiler that was not told the target (TARGETARCH).`,
      details: { component, expected: build.platform, found: foreign },
    },
  );
}
