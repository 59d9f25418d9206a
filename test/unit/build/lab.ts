import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { expect } from "vitest";
import type { BuildContext } from "../../../src/build/types.js";
import type { BuildHost, BuildRequest, Builder, BuilderNode } from "../../../src/builder/types.js";
import { interrupted } from "../../../src/core/errors.js";
import { type BundlerEvent, type EventSink, noEvents } from "../../../src/core/events.js";
import { parsePlatform } from "../../../src/core/platform.js";
import type { Build, Component, Source } from "../../../src/definition/types.js";
import { parseReference } from "../../../src/image/reference.js";
import { type Registry, createRegistry } from "../../../src/registry/client.js";
import { writeSampleArchive } from "../../../src/sample/archives.js";
import type { SampleImage } from "../../../src/sample/images.js";
import { makeTar } from "../../../src/sample/layer.js";
import { type SampleRegistry, startSampleRegistry } from "../../../src/sample/registry.js";
import { openStore } from "../../../src/store/store.js";
import { readTarIndex, type TarEntry } from "../../../src/tar/scan.js";
import { readWindow, windowOf } from "../../../src/tar/window.js";
import { withWindow } from "../tar/archive.js";
import { testNetwork } from "../../support/network.js";

export const ARM64 = parsePlatform("linux/arm64");
const AT = { file: "components.yaml", line: 1, column: 1 };

/** Base images that a registry of the test serves under Docker Hub's name. */
export const BASES: readonly SampleImage[] = [
  base("golang", "1.20.14", ["linux/amd64", "linux/arm64"]),
  base("alpine", "3.19", ["linux/amd64", "linux/arm64", "linux/arm/v7"]),
  base("onlyx86", "1.0", ["linux/amd64"]),
];

function base(name: string, tag: string, platforms: readonly string[]): SampleImage {
  return {
    registry: "docker.io",
    repository: `library/${name}`,
    tag,
    name,
    platforms: platforms.map(parsePlatform),
    format: "oci",
    index: true,
    payloadBytes: 20_000,
  };
}

export const GO_DOCKERFILE = `FROM --platform=$BUILDPLATFORM golang:1.20.14 AS build
ARG TARGETARCH
WORKDIR /src
COPY . .
RUN GOARCH=$TARGETARCH go build -o /hello .
FROM alpine:3.19
COPY --from=build /hello /hello
CMD ["/hello"]
`;

export const RUNS_DOCKERFILE = `FROM alpine:3.19
RUN apk add --no-cache tzdata
COPY hello.txt /
`;

export const JAVA_DOCKERFILE = `FROM alpine:3.19
COPY . /
RUN java -jar tool.jar
`;

export interface Lab {
  readonly dir: string;
  /** The definition's folder. */
  readonly definition: string;
  readonly recipes: string;
  readonly registry: SampleRegistry;
  readonly events: BundlerEvent[];
  readonly notices: () => string[];
  /** Makes files below the definition. */
  write(files: Readonly<Record<string, string | Buffer>>): Promise<void>;
  context(options?: Partial<BuildContext> & { readonly sources?: readonly Source[] }): BuildContext;
  close(): Promise<void>;
}

export async function openLab(host: BuildHost = new SampleHost()): Promise<Lab> {
  const dir = await mkdtemp(join(tmpdir(), "build-"));
  const definition = join(dir, "definition");
  const recipes = join(dir, "recipes");
  await mkdir(definition);
  await mkdir(recipes);
  const events: BundlerEvent[] = [];
  const onEvent = (event: BundlerEvent): void => void events.push(event);
  const registry = await startSampleRegistry({ images: BASES });
  const client = registryClient(registry, dir, onEvent);
  const store = await openStore(join(dir, "store"));
  return {
    dir,
    definition,
    recipes,
    registry,
    events,
    notices: () => events.flatMap((event) => (event.type === "notice" ? [event.message] : [])),
    write: (files) => writeFiles(definition, files),
    context: ({ sources = [], ...options } = {}) => ({
      definition: { dir: definition, sources },
      recipesDir: recipes,
      registry: client,
      host,
      strategies: new Map(),
      forceEmulation: new Set(),
      store,
      given: new Map(),
      network: testNetwork(),
      env: {},
      signal: new AbortController().signal,
      onEvent,
      ...options,
    }),
    close: async () => {
      await client.close();
      await registry.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** A client for which that registry is Docker Hub. */
export function registryClient(
  registry: SampleRegistry,
  home: string,
  onEvent: EventSink = noEvents,
): Registry {
  return createRegistry({
    mirrors: new Map([["docker.io", [registry.url]]]),
    mirrorsOnly: true,
    network: testNetwork({
      insecure: new Set([registry.host]),
      env: { HOME: home },
    }),
    onEvent,
  });
}

export async function writeFiles(
  root: string,
  files: Readonly<Record<string, string | Buffer>>,
): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), content, { mode: path.endsWith(".sh") ? 0o700 : 0o600 });
  }
}

export function component(build: Partial<Build>, name = "hello"): Component {
  return {
    name,
    required: true,
    title: { en: name, zh: name },
    image: `example/${name}:1.0`,
    platforms: [],
    ports: [],
    alternatives: [],
    omit: [],
    requires: [],
    smoke: [],
    at: AT,
    build: {
      platforms: [ARM64],
      always: false,
      dockerfile: "Dockerfile",
      sources: [],
      args: {},
      secrets: [],
      at: AT,
      ...build,
    },
  };
}

export function source(name: string, options: Partial<Source> = {}): Source {
  return { name, urls: [], format: "tar.gz", strip: 1, optional: false, at: AT, ...options };
}

/** A tar.gz as a project's archive is: everything in one folder. */
export async function writeSource(
  path: string,
  files: Readonly<Record<string, string>>,
): Promise<string> {
  const entries = Object.entries(files).map(([inside, content]) => ({
    path: `project-1.0/${inside}`,
    content,
  }));
  await writeFile(path, gzipSync(makeTar(entries)));
  return path;
}

export function node(
  name: string,
  options: Partial<Record<"native" | "platforms" | "claimed", string>>,
): BuilderNode {
  const list = (text = "") => text.split(" ").filter(Boolean).map(parsePlatform);
  const { native } = options;
  return {
    name,
    endpoint: "unix:///var/run/docker.sock",
    status: "running",
    platforms: list(options.platforms ?? native),
    claimed: list(options.claimed),
    ...(native === undefined ? {} : { native: parsePlatform(native) }),
  };
}

export function builderOf(...nodes: readonly BuilderNode[]): Builder {
  return { name: "lab", driver: "docker-container", nodes, takesLayouts: false };
}

export const X86_ALONE = builderOf(node("lab0", { native: "linux/amd64" }));
export const X86_EMULATING = builderOf(
  node("lab0", {
    native: "linux/amd64",
    platforms: "linux/amd64 linux/386 linux/arm64 linux/arm/v7",
  }),
);

export interface SampleHostOptions {
  readonly builder?: Builder;
  /** What the made image is, beside its name. */
  readonly image?: Partial<SampleImage>;
  /** Instead of making an image. */
  readonly instead?: (request: BuildRequest, signal: AbortSignal) => Promise<void>;
}

/**
 * A build host that reads the whole context and then writes a sample image as buildx writes a built
 * one, so that everything around an engine runs without one.
 */
export class SampleHost implements BuildHost {
  readonly requests: (BuildRequest & { readonly tar: Buffer })[] = [];
  /** The most builds that ran at one moment. */
  busiest = 0;
  #busy = 0;
  readonly #options: SampleHostOptions;

  constructor(options: SampleHostOptions = {}) {
    this.#options = options;
  }

  builder(): Promise<Builder> {
    return Promise.resolve(this.#options.builder ?? X86_ALONE);
  }

  async build(request: BuildRequest, { signal }: { readonly signal: AbortSignal }): Promise<void> {
    this.#busy += 1;
    this.busiest = Math.max(this.busiest, this.#busy);
    try {
      const chunks: Uint8Array[] = [];
      for await (const chunk of request.context) chunks.push(chunk);
      this.requests.push({ ...request, tar: Buffer.concat(chunks) });
      await writeFile(request.logFile, "#1 [internal] load build definition\n");
      const { instead, image } = this.#options;
      if (signal.aborted) throw interrupted();
      if (instead === undefined) await writeBuilt(request, image);
      else await instead(request, signal);
    } finally {
      this.#busy -= 1;
    }
  }
}

export async function writeBuilt(
  request: BuildRequest,
  image: Partial<SampleImage> = {},
): Promise<void> {
  const { registry, repository, tag = "latest" } = parseReference(request.reference);
  await writeSampleArchive(
    request.output,
    {
      registry,
      repository,
      tag,
      name: request.component,
      platforms: [request.platform],
      format: "oci",
      index: true,
      payloadBytes: 20_000,
      ...image,
    },
    { platform: request.platform, reference: request.reference },
  );
}

/** Waits until the signal fires, as a build does that takes long. */
export async function untilAborted(signal: AbortSignal): Promise<never> {
  if (!signal.aborted) await once(signal, "abort");
  throw interrupted();
}

/** A context as whoever unpacks it sees it. */
export async function unpack(
  tar: Buffer,
): Promise<readonly (TarEntry & { readonly text: string })[]> {
  return withWindow(tar, async (window) => {
    const entries = [];
    for (const entry of await readTarIndex(window, "foreign")) {
      const bytes = await readWindow(windowOf(window, entry), 10 * 1024 * 1024);
      entries.push({ ...entry, text: bytes.toString() });
    }
    return entries;
  });
}

export async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all);
}

/** vitest's matchers, without their `any`. */
export const containing = (text: string): string => expect.stringContaining(text) as string;
export const matching = (form: RegExp): string => expect.stringMatching(form) as string;
