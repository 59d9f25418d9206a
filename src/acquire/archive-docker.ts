import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { z } from "zod";
import { type Digest, type DiffId, digestFromHex, digestOf, hexOf } from "../core/digest.js";
import { BundlerError, interrupted, systemCode } from "../core/errors.js";
import { LIMITS } from "../core/limits.js";
import { type ImageConfig, parseConfig } from "../image/config.js";
import { parseJson } from "../image/json.js";
import { MEDIA_TYPES } from "../image/media-types.js";
import { type TarWindow, readAt, streamWindow } from "../tar/window.js";
import { type Wanted, chooseByName, chooseByPlatform } from "./archive-choose.js";
import {
  type ArchivedImage,
  type ArchivedLayer,
  checkLayerCount,
  missing,
  readDocument,
} from "./archive-image.js";
import type { ArchiveFiles } from "./archive-files.js";
import { MAGIC_BYTES, formatOf } from "../image/compression.js";

const savedSchema = z
  .array(
    z.object({
      Config: z.string().max(4096),
      RepoTags: z.array(z.string().max(4096)).max(LIMITS.indexEntries).nullish(),
      Layers: z.array(z.string().max(4096)).max(LIMITS.layers).nullish(),
    }),
  )
  .min(1)
  .max(LIMITS.indexEntries);

/**
 * Finds the wanted image in what `docker save` wrote before Docker 25, and what podman and skopeo
 * call a docker-archive: `manifest.json` names a config and plain layers, and there is no OCI
 * manifest (moby/docker-image-spec v1.2, "Combined Image JSON + Filesystem Changeset Format"). One
 * is made; the same archive gives the same bytes.
 * @throws BundlerError PLATFORM, INTEGRITY, USAGE, INTERRUPTED.
 */
export async function findInDockerArchive(
  archive: ArchiveFiles,
  wanted: Wanted,
  signal: AbortSignal,
): Promise<ArchivedImage> {
  const images = chooseByName(archive.name, await readSaved(archive), wanted);
  const candidates = [];
  for (const image of images) {
    const { platform } = (await readConfig(archive, image.config)).parsed;
    candidates.push({ ...image, platform, name: image.names[0] ?? image.config });
  }
  // Read again, so that of many configs one at a time is in memory.
  const chosen = chooseByPlatform(archive.name, candidates, wanted);
  const { names, config: path, layers: paths } = chosen;
  const { bytes, parsed } = await readConfig(archive, path);
  checkLayerCount(archive, paths.length, parsed);
  const layers: ArchivedLayer[] = [];
  for (const [position, path] of paths.entries()) {
    const window = await archive.find(path, { links: true });
    const diffId = parsed.diffIds[position];
    if (window === undefined || diffId === undefined) throw missing(archive, path);
    layers.push(await describeLayer(window, diffId, signal));
  }
  const config = { mediaType: MEDIA_TYPES.ociConfig, digest: digestOf(bytes), size: bytes.length };
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MEDIA_TYPES.ociManifest,
      config,
      layers: layers.map(({ descriptor }) => descriptor),
    }),
  );
  return {
    names,
    manifest: {
      descriptor: {
        mediaType: MEDIA_TYPES.ociManifest,
        digest: digestOf(manifest),
        size: manifest.length,
      },
      bytes: manifest,
    },
    config: { descriptor: config, bytes, parsed },
    layers,
  };
}

interface SavedImage {
  readonly names: readonly string[];
  /** Paths inside the archive. */
  readonly config: string;
  readonly layers: readonly string[];
}

async function readSaved(archive: ArchiveFiles): Promise<readonly SavedImage[]> {
  const bytes = await readDocument(archive, "manifest.json", LIMITS.manifest);
  const images = new Map<string, SavedImage>();
  for (const { Config, RepoTags, Layers } of parseJson(
    `${archive.name}: manifest.json`,
    bytes,
    savedSchema,
  )) {
    const names = [...(images.get(Config)?.names ?? []), ...(RepoTags ?? [])];
    images.set(Config, { names, config: Config, layers: Layers ?? [] });
  }
  return [...images.values()];
}

/** A config is named after its digest, by every tool that writes this format. */
async function readConfig(
  archive: ArchiveFiles,
  path: string,
): Promise<{ readonly bytes: Buffer; readonly parsed: ImageConfig }> {
  const bytes = await readDocument(archive, path, LIMITS.config);
  const expected = /(?:^|\/)([0-9a-f]{64})(?:\.json)?$/.exec(path)?.[1];
  const found = digestOf(bytes);
  if (expected !== undefined && expected !== hexOf(found)) {
    throw new BundlerError(
      "INTEGRITY",
      `${archive.name}: the config ${path} is damaged: its bytes give ${found}.`,
      {
        details: { file: archive.name, expected: `sha256:${expected}`, found },
      },
    );
  }
  return { bytes, parsed: parseConfig(`${archive.name}: config ${path}`, bytes) };
}

/** A plain layer's digest is its diffID, to be proved when it is read; some tools save gzip under the same name. */
async function describeLayer(
  window: TarWindow,
  diffId: DiffId,
  signal: AbortSignal,
): Promise<ArchivedLayer> {
  const size = window.length;
  switch (formatOf(await readAt(window, 0, Math.min(size, MAGIC_BYTES)))) {
    case undefined:
      return {
        descriptor: { mediaType: MEDIA_TYPES.ociLayer, digest: diffId as string as Digest, size },
        diffId,
        window,
      };
    case "gzip": {
      const digest = await measureGzip(window, diffId, signal);
      return { descriptor: { mediaType: MEDIA_TYPES.ociLayerGzip, digest, size }, diffId, window };
    }
    default:
      throw new BundlerError(
        "INTEGRITY",
        `${window.name} is compressed in a way that this format does not allow.`,
        {
          hint: "Save the image again with docker save or skopeo.",
        },
      );
  }
}

/** Hashes a gzip layer as it is and as it unpacks. */
async function measureGzip(
  window: TarWindow,
  diffId: DiffId,
  signal: AbortSignal,
): Promise<Digest> {
  const packed = createHash("sha256");
  const unpacked = createHash("sha256");
  const hashed = async function* (): AsyncGenerator<Buffer> {
    for await (const chunk of streamWindow(window, signal)) {
      packed.update(chunk);
      yield chunk;
    }
  };
  try {
    await pipeline(
      Readable.from(hashed()),
      createGunzip({ chunkSize: 256 * 1024 }),
      async (chunks: AsyncIterable<Buffer>) => {
        for await (const chunk of chunks) unpacked.update(chunk);
      },
      { signal },
    );
  } catch (cause) {
    if (signal.aborted) throw interrupted();
    if (systemCode(cause)?.startsWith("Z_") !== true) throw cause;
    throw new BundlerError("INTEGRITY", `${window.name} is damaged: its gzip does not hold.`, {
      cause,
    });
  }
  const found = digestFromHex(unpacked.digest("hex"));
  if (found !== (diffId as string)) {
    throw new BundlerError(
      "INTEGRITY",
      `${window.name} is damaged: it unpacks to ${found}, the image's config has the diffID ${diffId}.`,
      { details: { expected: diffId, found } },
    );
  }
  return digestFromHex(packed.digest("hex"));
}
