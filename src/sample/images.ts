import { createHash } from "node:crypto";
import { type Digest, digestOf } from "../core/digest.js";
import { type Platform, formatPlatform, normalizePlatform } from "../core/platform.js";
import type { Descriptor } from "../image/descriptor.js";
import { MEDIA_TYPES } from "../image/media-types.js";
import { sampleProgram } from "./elf.js";
import {
  type LayerFile,
  SAMPLE_DATE,
  type SampleLayer,
  incompressible,
  makeLayer,
} from "./layer.js";
import type { ThenDo } from "./program-text.js";

/** What a sample image is; its bytes follow from this and from nothing else. */
export interface SampleImage {
  /** `docker.io`, `quay.io`: where the real image lives. */
  readonly registry: string;
  /** `library/redis`. */
  readonly repository: string;
  readonly tag: string;
  /** Whom its program greets from: `hello from redis on linux/arm64`. */
  readonly name: string;
  /** As the index and the configs spell them, e.g. with arm64's variant `v8`. */
  readonly platforms: readonly Platform[];
  readonly format: "oci" | "docker" | "schema1";
  /** False for a tag that is one manifest, for the first platform, without an index around it. */
  readonly index: boolean;
  /** An image that stays up as a service does; by default its program says hello and exits. */
  readonly service?: SampleService;
  /** Bytes of the image's own incompressible file; by default 100 to 400 KiB, by its name. */
  readonly payloadBytes?: number;
  /** Labels that say something else than the image is, as found in the wild. */
  readonly lies?: {
    /** What every config claims. */
    readonly config?: Platform;
    /** What every program is really made for. */
    readonly program?: Platform;
  };
}

export interface SampleService {
  /** Programs that say something and exit with 0, for health checks and smoke tests. */
  readonly tools: readonly SampleTool[];
  /** Names or absolute paths under which a program that stays is found, for overridden entry points. */
  readonly daemons: readonly string[];
  /** What those that stay answer at a port of the container; without it they wait. */
  readonly web?: { readonly port: number; readonly answer: string };
}

interface SampleTool {
  /** A name or an absolute path. */
  readonly path: string;
  /** What it prints after its hello, each on a line. */
  readonly says: readonly string[];
}

/** One platform's image. */
export interface SampleVariant {
  readonly platform: Platform;
  readonly config: Buffer;
  /** Base first. */
  readonly layers: readonly SampleLayer[];
  readonly manifest: Buffer;
  readonly mediaType: string;
}

/** What a repository holds, ready to be served. */
export interface SampleContent {
  readonly tags: ReadonlyMap<string, Digest>;
  readonly manifests: ReadonlyMap<Digest, { readonly mediaType: string; readonly bytes: Buffer }>;
  readonly blobs: ReadonlyMap<Digest, BlobContent>;
}

/** A blob in memory, or in a file where it would take too much of that. */
export type BlobContent = Buffer | { readonly file: string; readonly size: number };

const BASE_BYTES = 256 * 1024;
const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const UNKNOWN: Platform = { os: "unknown", architecture: "unknown" };

/** Makes one image with all its platforms. */
export function buildImage(image: SampleImage): SampleContent {
  const manifests = new Map<Digest, { mediaType: string; bytes: Buffer }>();
  const blobs = new Map<Digest, BlobContent>();
  const addManifest = (mediaType: string, bytes: Buffer): Descriptor => {
    const digest = digestOf(bytes);
    manifests.set(digest, { mediaType, bytes });
    return { mediaType, digest, size: bytes.length };
  };
  const addVariant = (platform: Platform): Descriptor => {
    const variant = buildVariant(image, platform);
    blobs.set(digestOf(variant.config), variant.config);
    for (const { digest, gzip } of variant.layers) blobs.set(digest, gzip);
    return addManifest(variant.mediaType, variant.manifest);
  };
  const tagged = (top: Descriptor): SampleContent => ({
    tags: new Map([[image.tag, top.digest]]),
    manifests,
    blobs,
  });

  const first = image.platforms[0] ?? { os: "linux", architecture: "amd64" };
  if (image.format === "schema1")
    return tagged(addManifest(MEDIA_TYPES.dockerSchema1Signed, schema1(image, first)));
  if (!image.index) return tagged(addVariant(first));

  const entries = image.platforms.map((platform) => ({ ...addVariant(platform), platform }));
  if (image.format === "docker") {
    return tagged(addManifest(MEDIA_TYPES.dockerList, index(MEDIA_TYPES.dockerList, entries)));
  }
  const attestations = entries.map((entry) => {
    const attestation = attestationFor(image, entry.digest);
    for (const blob of attestation.blobs) blobs.set(digestOf(blob), blob);
    return {
      ...addManifest(MEDIA_TYPES.ociManifest, attestation.manifest),
      annotations: {
        "vnd.docker.reference.digest": entry.digest,
        "vnd.docker.reference.type": "attestation-manifest",
      },
      platform: UNKNOWN,
    };
  });
  return tagged(
    addManifest(MEDIA_TYPES.ociIndex, index(MEDIA_TYPES.ociIndex, [...entries, ...attestations])),
  );
}

/** Makes one platform's image: a base that all samples of the platform share, a payload, the programs. */
export function buildVariant(image: SampleImage, platform: Platform): SampleVariant {
  const docker = image.format === "docker";
  const layers = [
    baseLayer(platform),
    makeLayer(payloadFiles(image, platform)),
    makeLayer(programFiles(image, platform)),
  ];
  const created = SAMPLE_DATE.toISOString();
  const config = json({
    ...(image.lies?.config ?? platform),
    created,
    config: {
      Env: [`PATH=${PATH}`],
      ...(image.service
        ? { Entrypoint: ["/usr/bin/serve"], StopSignal: "SIGKILL" }
        : { Cmd: ["/usr/bin/hello"] }),
      Labels: {
        "org.opencontainers.image.title": image.name,
        "org.opencontainers.image.version": image.tag,
      },
    },
    rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
    history: [
      { created, created_by: "sample base" },
      { created, created_by: "sample payload" },
      { created, created_by: "sample programs" },
      { created, created_by: image.service ? "ENTRYPOINT serve" : "CMD hello", empty_layer: true },
    ],
  });
  const mediaType = docker ? MEDIA_TYPES.dockerManifest : MEDIA_TYPES.ociManifest;
  const manifest = json({
    schemaVersion: 2,
    mediaType,
    config: describe(docker ? MEDIA_TYPES.dockerConfig : MEDIA_TYPES.ociConfig, config),
    layers: layers.map(({ gzip }) =>
      describe(docker ? MEDIA_TYPES.dockerLayerGzip : MEDIA_TYPES.ociLayerGzip, gzip),
    ),
  });
  return { platform, config, layers, manifest, mediaType };
}

/** Made once for each platform, since every image has it. */
const bases = new Map<string, SampleLayer>();

function baseLayer(platform: Platform): SampleLayer {
  const name = formatPlatform(normalizePlatform(platform));
  const known = bases.get(name);
  if (known !== undefined) return known;
  const layer = makeLayer([
    {
      path: "etc/os-release",
      content: 'ID=sample\nNAME="openim-bundler sample image"\nVERSION_ID=1\n',
    },
    { path: "etc/passwd", content: "root:x:0:0:root:/root:/bin/sh\n" },
    { path: "usr/share/sample/base.bin", content: incompressible(`base ${name}`, BASE_BYTES) },
  ]);
  bases.set(name, layer);
  return layer;
}

function payloadFiles(image: SampleImage, platform: Platform): readonly LayerFile[] {
  const seed = `${image.registry}/${image.repository}:${image.tag} ${formatPlatform(normalizePlatform(platform))}`;
  const size =
    image.payloadBytes ??
    (100 + (createHash("sha256").update(seed).digest().readUInt16BE() % 300)) * 1024;
  return [{ path: `usr/share/sample/${image.name}.bin`, content: incompressible(seed, size) }];
}

function programFiles(image: SampleImage, platform: Platform): readonly LayerFile[] {
  const hello = `hello from ${image.name} on ${formatPlatform(normalizePlatform(platform))}\n`;
  const target = image.lies?.program ?? platform;
  const program = (path: string, then: ThenDo, says: readonly string[] = []): LayerFile => ({
    path: path.includes("/") ? path.replace(/^\/+/, "") : `usr/local/bin/${path}`,
    content: sampleProgram({
      platform: target,
      message: hello + says.map((line) => `${line}\n`).join(""),
      then,
    }),
    executable: true,
  });
  const { daemons = [], tools = [], web } = image.service ?? {};
  const stay = web ?? "wait";
  const shell = tools.find(({ path }) => path === "/bin/sh");
  const programs = [
    program("/usr/bin/hello", "exit"),
    program("/usr/bin/serve", stay),
    ...daemons.map((name) => program(name, stay)),
    ...[shell ?? { path: "/bin/sh", says: [] }, ...tools].map(({ path, says }) =>
      program(path, "exit", says),
    ),
  ];
  const paths = new Set<string>();
  return programs.filter(({ path }) => !paths.has(path) && paths.add(path));
}

function index(mediaType: string, manifests: readonly unknown[]): Buffer {
  return json({ schemaVersion: 2, mediaType, manifests });
}

/** A manifest that no engine can run and that BuildKit puts beside each image: who made it, and how. */
function attestationFor(
  image: SampleImage,
  subject: Digest,
): { readonly manifest: Buffer; readonly blobs: Buffer[] } {
  const statement = json({
    _type: "https://in-toto.io/Statement/v0.1",
    predicateType: "https://slsa.dev/provenance/v0.2",
    subject: [
      { name: `pkg:docker/${image.repository}@${image.tag}`, digest: { sha256: subject.slice(7) } },
    ],
    predicate: { builder: { id: "" }, buildType: "https://mobyproject.org/buildkit@v1" },
  });
  const config = json({
    ...UNKNOWN,
    config: {},
    rootfs: { type: "layers", diff_ids: [digestOf(statement)] },
  });
  const manifest = json({
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.ociManifest,
    config: describe(MEDIA_TYPES.ociConfig, config),
    layers: [
      {
        ...describe("application/vnd.in-toto+json", statement),
        annotations: { "in-toto.io/predicate-type": "https://slsa.dev/provenance/v0.2" },
      },
    ],
  });
  return { manifest, blobs: [config, statement] };
}

/** The format from before 2016, which engines no longer load (Docker "Image Manifest V 2, Schema 1"). */
function schema1(image: SampleImage, platform: Platform): Buffer {
  const layers = buildVariant(image, platform).layers;
  return json({
    schemaVersion: 1,
    name: image.repository,
    tag: image.tag,
    architecture: platform.architecture,
    fsLayers: layers.map(({ digest }) => ({ blobSum: digest })).reverse(),
    history: layers.map(({ diffId }) => ({
      v1Compatibility: JSON.stringify({ id: diffId.slice(7) }),
    })),
    signatures: [],
  });
}

function describe(mediaType: string, bytes: Buffer): Descriptor {
  return { mediaType, digest: digestOf(bytes), size: bytes.length };
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}
