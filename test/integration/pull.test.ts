import { randomBytes } from "node:crypto";
import { EventEmitter, once } from "node:events";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { digestOf } from "../../src/core/digest.js";
import type { BundlerEvent } from "../../src/core/events.js";
import type { Descriptor } from "../../src/image/descriptor.js";
import { type Registry, type RegistryOptions, createRegistry } from "../../src/registry/client.js";
import { type Reference, parseReference } from "../../src/image/reference.js";
import { type Store, openStore } from "../../src/store/store.js";
import {
  type Fault,
  type FlakyOptions,
  type FlakyRegistry,
  type Seen,
  startFlakyRegistry,
} from "../support/flaky-registry.js";
import { canMount, withSmallDisk } from "../unit/store/small-disk.js";
import type { NetworkOptions } from "../../src/http/network.js";
import { testNetwork } from "../support/network.js";

const signal = new AbortController().signal;
const OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";
/** An image without layers, as registries give it. */
const MANIFEST = {
  schemaVersion: 2,
  mediaType: OCI_MANIFEST,
  config: {
    mediaType: "application/vnd.oci.image.config.v1+json",
    digest: digestOf("{}"),
    size: 2,
  },
  layers: [],
};
let dir: string;
let store: Store;
let events: BundlerEvent[];
const closers: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "openim-bundler-pull-"));
  store = await openStore(join(dir, "store"));
  events = [];
});
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
  await rm(dir, { recursive: true, force: true });
});

async function flaky(options: FlakyOptions = {}): Promise<FlakyRegistry> {
  const registry = await startFlakyRegistry(options);
  closers.push(() => registry.close());
  return registry;
}

function client(options: Partial<RegistryOptions & NetworkOptions> = {}): Registry {
  const registry = createRegistry({
    mirrors: new Map(),
    onEvent: (event) => events.push(event),
    ...options,
    network: testNetwork({ env: { HOME: dir }, ...options }),
  });
  closers.push(() => registry.close());
  return registry;
}

/** Takes connections and drops them without a word. */
async function deadServer() {
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closers.push(() => new Promise((resolve) => server.close(resolve)));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { host, origin: `http://${host}`, connections: () => connections };
}

const image = (registry: FlakyRegistry): Reference => parseReference(`${registry.host}/team/app:1`);
const isBlob = ({ path }: Seen): boolean => path.includes("/blobs/");
/** A fault for the first so many requests for a blob. */
const first =
  (count: number, fault: Fault) =>
  (seen: Seen): Fault | undefined =>
    isBlob(seen) && seen.nth < count ? fault : undefined;
const notices = (): string[] =>
  events.flatMap((event) => (event.type === "notice" ? [event.message] : []));

/** Downloads and checks that the blob is there, whole, and that the deltas add up. */
async function download(
  registry: Registry,
  reference: Reference,
  blob: Descriptor,
  bytes: Uint8Array,
): Promise<number[]> {
  const deltas: number[] = [];
  await registry.download(reference, blob, store, {
    signal,
    onBytes: (delta) => deltas.push(delta),
  });
  expect((await store.read(blob.digest, bytes.length)).equals(bytes)).toBe(true);
  expect(deltas.reduce((sum, delta) => sum + delta, 0)).toBe(bytes.length);
  expect(await readdir(join(store.dir, "partial"))).toEqual([]);
  return deltas;
}

const layer = randomBytes(3 * 1024 * 1024 + 17);

describe("a manifest", () => {
  it("comes as its bytes with digest, media type and source", async () => {
    const server = await flaky();
    const { digest, size } = server.addManifest("team/app", "1", MANIFEST);
    const answer = await client().manifest(image(server), signal);
    expect(answer).toMatchObject({ digest, mediaType: OCI_MANIFEST, source: server.host });
    expect(answer.bytes.length).toBe(size);
    expect(server.requests.at(-1)?.headers.accept).toContain("image.index.v1+json");
    expect(server.requests.at(-1)?.headers["user-agent"]).toBe("openim-bundler/test");
  });

  it("is asked for by digest when the reference has one, and checked", async () => {
    const server = await flaky();
    const { digest } = server.addManifest("team/app", "1", MANIFEST);
    const pinned = parseReference(`${server.host}/team/app:1@${digest}`);
    expect((await client().manifest(pinned, signal)).digest).toBe(digest);
    server.setFault(() => ({ kind: "answer", status: 200, body: '{"schemaVersion":2,"evil":1}' }));
    await expect(client().manifest(pinned, signal)).rejects.toMatchObject({
      code: "INTEGRITY",
      details: { expected: digest },
    });
  });

  it("is refused when its bytes are not those of the digest in the header", async () => {
    const server = await flaky({
      fault: ({ path }) =>
        path.includes("/manifests/")
          ? {
              kind: "answer",
              status: 200,
              headers: { "docker-content-digest": digestOf("x") },
              body: JSON.stringify(MANIFEST),
            }
          : undefined,
    });
    await expect(client().manifest(image(server), signal)).rejects.toMatchObject({
      code: "INTEGRITY",
    });
  });

  it("is refused when it is larger than any manifest", async () => {
    const server = await flaky();
    server.addManifest("team/app", "1", { filler: "x".repeat(5 * 1024 * 1024) });
    await expect(client().manifest(image(server), signal)).rejects.toMatchObject({
      code: "INTEGRITY",
    });
  });

  it.each([200, 403])("is told as a page when the registry answers %i with one", async (status) => {
    const fault: Fault = { kind: "answer", status, body: "<html>Log in to the network</html>" };
    const registry = await flaky({ fault: () => fault });
    for (const name of ["app:1", `app@sha256:${"0".repeat(64)}`]) {
      const asked = client().manifest(parseReference(`${registry.host}/team/${name}`), signal);
      await expect(asked).rejects.toMatchObject({
        code: "NETWORK",
        message: expect.stringMatching(/: 127\.0\.0\.1:\d+ answered .*with a web page/) as string,
        hint: expect.stringContaining("portal") as string,
      });
    }
  });

  it("that does not exist is NOT_FOUND, named, and not asked for again", async () => {
    const server = await flaky();
    const failing = client().manifest(image(server), signal);
    await expect(failing).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(failing).rejects.toThrow(`${server.host}/team/app:1`);
    expect(server.requests.filter(({ path }) => path.includes("manifests"))).toHaveLength(1);
  });

  it("survives 503 and 429, waiting as long as Retry-After says and no longer than allowed", async () => {
    const server = await flaky({
      fault: ({ path, nth }) => {
        if (!path.includes("/manifests/")) return undefined;
        if (nth === 0) return { kind: "answer", status: 503, headers: { "retry-after": "1" } };
        if (nth === 1) {
          const date = new Date(Date.now() + 3_600_000).toUTCString();
          return { kind: "answer", status: 429, headers: { "retry-after": date } };
        }
        return undefined;
      },
    });
    server.addManifest("team/app", "1", MANIFEST);
    const start = Date.now();
    await client().manifest(image(server), signal);
    const took = Date.now() - start;
    // The date is an hour away, which this test would not see the end of.
    expect(took).toBeGreaterThanOrEqual(195);
  });

  it("gives up after the allowed tries, saying what the server said", async () => {
    const server = await flaky({
      fault: ({ path }) =>
        path === "/v2/"
          ? undefined
          : {
              kind: "answer",
              status: 500,
              body: '{"errors":[{"code":"UNKNOWN","message":"disk\\u001b[31m broken"}]}',
            },
    });
    const failing = client().manifest(image(server), signal);
    await expect(failing).rejects.toMatchObject({ code: "NETWORK", details: { status: 500 } });
    await expect(failing).rejects.toThrow(/500 \(UNKNOWN: disk \[31m broken\)/);
    expect(server.requests.filter(({ path }) => path !== "/v2/")).toHaveLength(5);
  });

  it("explains Docker Hub's pull limit and does not try again", async () => {
    const server = await flaky();
    server.setFault(({ path }) =>
      path === "/v2/"
        ? undefined
        : {
            kind: "answer",
            status: 429,
            headers: { "ratelimit-limit": "100;w=21600" },
            body: '{"errors":[{"code":"TOOMANYREQUESTS","message":"You have reached your unauthenticated pull rate limit."}]}',
          },
    );
    const failing = client().manifest(parseReference(`${server.host}/library/redis:7`), signal);
    await expect(failing).rejects.toMatchObject({
      code: "NETWORK",
      hint: expect.stringMatching(/docker login.*--mirror.*wait 6 hours/) as string,
    });
    expect(server.requests.filter(({ path }) => path.includes("manifests"))).toHaveLength(1);
  });
});

describe("a small blob", () => {
  it("comes verified", async () => {
    const server = await flaky();
    const config = server.addBlob(Buffer.from("{}"));
    expect(Buffer.from(await client().blob(image(server), config, signal)).toString()).toBe("{}");
  });

  it("is refused when its bytes are wrong, too many, or too many to be a config", async () => {
    const server = await flaky({ fault: first(1, { kind: "corrupt" }) });
    const config = server.addBlob(Buffer.from("{}"));
    await expect(client().blob(image(server), config, signal)).rejects.toMatchObject({
      code: "INTEGRITY",
    });
    server.setFault(first(9, { kind: "long", extra: 10 }));
    await expect(client().blob(image(server), config, signal)).rejects.toMatchObject({
      code: "INTEGRITY",
    });
    const huge = { ...config, size: 9 * 1024 * 1024 };
    await expect(client().blob(image(server), huge, signal)).rejects.toMatchObject({
      code: "INTEGRITY",
    });
  });
});

describe("a download", () => {
  it("brings the blob into the store", async () => {
    const server = await flaky();
    const blob = server.addBlob(layer);
    await download(client(), image(server), blob, layer);
    expect(server.requests.filter(isBlob)).toHaveLength(1);
  });

  it("of nothing at all works", async () => {
    const server = await flaky();
    await download(client(), image(server), server.addBlob(Buffer.alloc(0)), Buffer.alloc(0));
  });

  it("of a blob that is there asks nobody", async () => {
    const server = await flaky();
    const blob = server.addBlob(layer);
    await store.put(layer);
    expect(await download(client(), image(server), blob, layer)).toEqual([layer.length]);
    expect(server.requests).toHaveLength(0);
  });

  it("goes on by Range where a connection was reset", async () => {
    const came = new EventEmitter();
    const server = await flaky({
      fault: (seen) =>
        isBlob(seen) && seen.nth < 3
          ? { kind: "reset", after: 900_000, had: once(came, String(900_000 * (seen.nth + 1))) }
          : undefined,
    });
    const blob = server.addBlob(layer);
    let total = 0;
    await client().download(image(server), blob, store, {
      signal,
      onBytes: (delta) => came.emit(String((total += delta))),
    });
    expect((await store.read(blob.digest, layer.length)).equals(layer)).toBe(true);
    const ranges = server.requests.filter(isBlob).map(({ headers }) => headers.range);
    expect(ranges).toEqual([undefined, "bytes=900000-", "bytes=1800000-", "bytes=2700000-"]);
  });

  it("goes on when a server stalls", async () => {
    // Until it goes on: on a busy machine the first byte may take as long as a stall.
    const server = await flaky({
      fault: (seen) =>
        isBlob(seen) && seen.headers.range === undefined
          ? { kind: "stall", after: 1_000_000 }
          : undefined,
    });
    const impatient = client({ timeouts: { idleMs: 500 } });
    await download(impatient, image(server), server.addBlob(layer), layer);
    expect(server.requests.at(-1)?.headers.range).toMatch(/^bytes=[1-9]\d+-$/);
  });

  it("goes on when an answer ends early in good order", async () => {
    const server = await flaky({ fault: first(2, { kind: "short", bytes: 1_000_000 }) });
    await download(client(), image(server), server.addBlob(layer), layer);
    expect(server.requests.filter(isBlob)).toHaveLength(3);
  });

  it.each([
    { kind: "ignore-range" },
    { kind: "wrong-range" },
    { kind: "answer", status: 416 },
  ] as const)("starts over when a range is answered with $kind", async (fault) => {
    const server = await flaky({
      fault: (seen) => {
        if (!isBlob(seen)) return undefined;
        if (seen.nth === 0) return { kind: "cut", after: 900_000 };
        return seen.headers.range === undefined ? undefined : fault;
      },
    });
    const deltas = await download(client(), image(server), server.addBlob(layer), layer);
    expect(deltas.some((delta) => delta < 0)).toBe(true);
  });

  it("does not follow for ever a server that ignores ranges and breaks each time", async () => {
    const server = await flaky({
      fault: (seen) =>
        isBlob(seen)
          ? seen.headers.range === undefined
            ? { kind: "cut", after: 100_000 }
            : { kind: "answer", status: 416 }
          : undefined,
    });
    const blob = server.addBlob(layer);
    await expect(
      client().download(image(server), blob, store, { signal, onBytes: () => undefined }),
    ).rejects.toMatchObject({ code: "NETWORK" });
    expect(server.requests.length).toBeLessThan(20);
  });

  it("goes on where an earlier run left off, hashing what is there", async () => {
    const server = await flaky();
    const blob = server.addBlob(layer);
    const partial = await store.partial(blob.digest, blob.size, { signal });
    await partial?.write([layer.subarray(0, 2_000_000)], 0);
    await partial?.release();
    const deltas = await download(client(), image(server), blob, layer);
    expect(deltas[0]).toBe(2_000_000);
    expect(server.requests.filter(isBlob).map(({ headers }) => headers.range)).toEqual([
      "bytes=2000000-",
    ]);
  });

  it("throws away what an earlier run left when it was wrong", async () => {
    const server = await flaky();
    const blob = server.addBlob(layer);
    const partial = await store.partial(blob.digest, blob.size, { signal });
    await partial?.write([Buffer.alloc(2_000_000)], 0);
    await partial?.release();
    const deltas = await download(client(), image(server), blob, layer);
    expect(deltas).toContain(-layer.length);
  });

  it("asks nobody when an earlier run had all bytes", async () => {
    const server = await flaky();
    const blob = server.addBlob(layer);
    const partial = await store.partial(blob.digest, blob.size, { signal });
    await partial?.write([layer], 0);
    await partial?.release();
    await download(client(), image(server), blob, layer);
    expect(server.requests).toHaveLength(0);
  });

  it("takes wrong bytes twice and then says INTEGRITY with image and both digests", async () => {
    const server = await flaky({ fault: first(99, { kind: "corrupt" }) });
    const blob = server.addBlob(layer);
    const deltas: number[] = [];
    const failing = client().download(image(server), blob, store, {
      signal,
      onBytes: (delta) => deltas.push(delta),
    });
    await expect(failing).rejects.toMatchObject({
      code: "INTEGRITY",
      details: { expected: blob.digest, found: digestOf(Buffer.alloc(layer.length, 0x5a)) },
    });
    await expect(failing).rejects.toThrow(
      `${server.host}/team/app:1: blob ${blob.digest.slice(0, 19)}`,
    );
    expect(server.requests.filter(isBlob)).toHaveLength(2);
    expect(deltas.reduce((sum, delta) => sum + delta, 0)).toBe(0);
    expect(await store.info()).toMatchObject({ blobs: 0, partials: 0 });
  });

  it("is content when the second try brings the right bytes", async () => {
    const server = await flaky({ fault: first(1, { kind: "corrupt" }) });
    await download(client(), image(server), server.addBlob(layer), layer);
  });

  it("stops at once when more comes than was declared", async () => {
    const server = await flaky({ fault: first(99, { kind: "long", extra: 50_000_000 }) });
    const blob = server.addBlob(layer);
    const failing = client().download(image(server), blob, store, {
      signal,
      onBytes: () => undefined,
    });
    await expect(failing).rejects.toMatchObject({ code: "INTEGRITY" });
    await expect(failing).rejects.toThrow(/more than the 3145745 bytes/);
    server.setFault(undefined);
    const lie = { ...blob, size: blob.size - 5 };
    await expect(
      client().download(image(server), lie, store, { signal, onBytes: () => undefined }),
    ).rejects.toThrow(/3145745 bytes, the image's manifest says 3145740/);
  });

  it("fetches a digest once however many ask for it at the same time", async () => {
    const server = await flaky();
    const blob = server.addBlob(layer);
    const registry = client();
    await Promise.all([1, 2, 3].map(() => download(registry, image(server), blob, layer)));
    expect(server.requests.filter(isBlob)).toHaveLength(1);
  });

  it("goes on for the others when one of those who asked gives up", async () => {
    const stop = new AbortController();
    const gone = once(stop.signal, "abort");
    const server = await flaky({ fault: first(1, { kind: "hold", until: gone }) });
    const blob = server.addBlob(layer);
    const registry = client();
    const leaving = expect(
      registry.download(image(server), blob, store, {
        signal: stop.signal,
        onBytes: () => undefined,
      }),
    ).rejects.toMatchObject({ code: "INTERRUPTED" });
    const staying = download(registry, image(server), blob, layer);
    await expect.poll(() => server.busy()).toBe(1);
    stop.abort();
    await leaving;
    await staying;
    expect(server.requests.filter(isBlob)).toHaveLength(1);
  });

  it("keeps what it has when it is cancelled, and leaves nothing claimed", async () => {
    const server = await flaky({ fault: first(1, { kind: "stall", after: 2_000_000 }) });
    const blob = server.addBlob(layer);
    const controller = new AbortController();
    let got = 0;
    const failing = client().download(image(server), blob, store, {
      signal: controller.signal,
      onBytes: (delta) => {
        got += delta;
        if (got >= 2_000_000) controller.abort();
      },
    });
    await expect(failing).rejects.toMatchObject({ code: "INTERRUPTED" });
    expect(await store.info()).toMatchObject({ partials: 1, partialBytes: 2_000_000 });
    await download(client(), image(server), blob, layer);
    expect(server.requests.at(-1)?.headers.range).toBe("bytes=2000000-");
  });

  it("ends when the registry client is closed", async () => {
    const server = await flaky({ fault: first(9, { kind: "stall", after: 1000 }) });
    const registry = client();
    const failing = registry.download(image(server), server.addBlob(layer), store, {
      signal,
      onBytes: () => undefined,
    });
    const outcome = expect(failing).rejects.toMatchObject({ code: "INTERRUPTED" });
    await expect.poll(() => server.busy()).toBe(1);
    await registry.close();
    await outcome;
  });

  it.skipIf(!canMount)("that fills the disk says DISK and keeps what fitted", async () => {
    const server = await flaky();
    const blob = server.addBlob(layer);
    const small = join(dir, "small");
    await withSmallDisk(small, async () => {
      const full = await openStore(join(small, "store"));
      await expect(
        client().download(image(server), blob, full, { signal, onBytes: () => undefined }),
      ).rejects.toMatchObject({ code: "DISK" });
      expect(await full.info()).toMatchObject({ blobs: 0, partials: 1 });
    });
    expect(server.requests.filter(isBlob)).toHaveLength(1);
  });

  it("keeps to the bound per host, and lets small requests pass the blobs", async () => {
    const news = new EventEmitter();
    const until = once(news, "manifest");
    const server = await flaky({
      fault: (seen) => (isBlob(seen) ? { kind: "hold", until } : undefined),
    });
    server.addManifest("team/app", "1", MANIFEST);
    const registry = client({ requestsPerHost: 2 });
    const blobs = Array.from({ length: 6 }, (_, n) => Buffer.from(`blob ${n}`));
    const downloads = Promise.all(
      blobs.map((bytes) =>
        registry.download(image(server), server.addBlob(bytes), store, {
          signal,
          onBytes: () => undefined,
        }),
      ),
    );
    await expect.poll(() => server.busy()).toBe(2);
    await registry.manifest(image(server), signal);
    news.emit("manifest");
    await downloads;
    expect(server.busiest()).toBe(2);
  });
});

describe("redirects", () => {
  it("are followed to another host without the Authorization, by way of a fresh address each time", async () => {
    const cdn = await flaky();
    const blob = cdn.addBlob(layer);
    let signature = 0;
    cdn.setFault((seen) => {
      if (seen.query.get("sig") !== String(signature))
        return { kind: "answer", status: 403, body: "expired" };
      // The first address breaks in the middle and is worth nothing afterwards.
      return signature === 1 ? { kind: "cut", after: 1_000_000 } : undefined;
    });
    const server = await flaky({
      basic: "user:secret",
      fault: (seen) =>
        isBlob(seen) && seen.headers.authorization !== undefined
          ? {
              kind: "redirect",
              to: `${cdn.origin}/v2/x/blobs/${blob.digest}?sig=${(signature += 1)}`,
            }
          : undefined,
    });
    const auth = Buffer.from("user:secret").toString("base64");
    await mkdir(join(dir, ".docker"));
    await writeFile(
      join(dir, ".docker/config.json"),
      JSON.stringify({ auths: { [server.host]: { auth } } }),
    );
    await download(client(), image(server), blob, layer);
    expect(signature).toBe(2);
    expect(cdn.requests.map(({ headers }) => headers.authorization)).toEqual([
      undefined,
      undefined,
    ]);
    expect(cdn.requests[1]?.headers.range).toBe("bytes=1000000-");
    expect(server.requests.filter(({ headers }) => headers.authorization)).not.toHaveLength(0);
  });

  it("to an expired address lead back to the registry", async () => {
    const cdn = await flaky();
    const blob = cdn.addBlob(layer);
    cdn.setFault(({ nth }) =>
      nth === 0 ? { kind: "answer", status: 403, body: "expired" } : undefined,
    );
    const server = await flaky({
      fault: (seen) =>
        isBlob(seen) ? { kind: "redirect", to: `${cdn.origin}${seen.path}?sig=secret` } : undefined,
    });
    await download(client(), image(server), blob, layer);
  });

  it("without end are refused", async () => {
    const server = await flaky();
    server.setFault((seen) =>
      isBlob(seen) ? { kind: "redirect", to: `${seen.path}?again` } : undefined,
    );
    await expect(
      client().blob(image(server), server.addBlob(Buffer.from("x")), signal),
    ).rejects.toThrow(/redirects more than 5 times/);
  });

  it("to something that is no web address are refused", async () => {
    const server = await flaky({ fault: first(9, { kind: "redirect", to: "file:///etc/passwd" }) });
    await expect(
      client().blob(image(server), server.addBlob(Buffer.from("x")), signal),
    ).rejects.toMatchObject({
      code: "NETWORK",
    });
  });
});

describe("mirrors", () => {
  const hub = parseReference("redis:7");

  it("are asked for the full repository, before the registry", async () => {
    const mirror = await flaky();
    mirror.addManifest("library/redis", "7", MANIFEST);
    const answer = await client({ mirrors: new Map([["docker.io", [mirror.origin]]]) }).manifest(
      hub,
      signal,
    );
    expect(answer.source).toBe(mirror.host);
    expect(mirror.requests.map(({ path }) => path)).toEqual(["/v2/library/redis/manifests/7"]);
  });

  it("may put a project before the repository", async () => {
    const mirror = await flaky();
    mirror.addManifest("proxy/hub/library/redis", "7", MANIFEST);
    const mirrors = new Map([["docker.io", [`${mirror.origin}/proxy/hub/`]]]);
    await client({ mirrors }).manifest(hub, signal);
  });

  it("are passed over one by one: missing, broken, dead; the dead one is asked no more", async () => {
    const [empty, origin] = [await flaky(), await flaky()];
    const broken = await flaky({ fault: () => ({ kind: "answer", status: 500 }) });
    const dead = await deadServer();
    origin.addManifest("team/app", "1", MANIFEST);
    const blob = origin.addBlob(layer);
    const registry = client({
      mirrors: new Map([[origin.host, [empty.origin, broken.origin, dead.origin]]]),
    });
    expect((await registry.manifest(image(origin), signal)).source).toBe(origin.host);
    const tried = dead.connections();
    expect(tried).toBe(2);
    await download(registry, image(origin), blob, layer);
    expect(dead.connections()).toBe(tried);
    const warnings = notices();
    expect(warnings).toHaveLength(2);
    expect(warnings[0]).toContain(`Mirror ${broken.host} is no help, using ${dead.host}`);
    expect(warnings[1]).toContain(`Mirror ${dead.host} is no help, using ${origin.host}`);
  });

  it("with wrong bytes do not spoil the download", async () => {
    const mirror = await flaky({ fault: first(99, { kind: "corrupt" }) });
    const origin = await flaky();
    const blob = origin.addBlob(layer);
    mirror.addBlob(layer);
    const registry = client({ mirrors: new Map([[origin.host, [mirror.origin]]]) });
    await download(registry, image(origin), blob, layer);
    expect(notices()[0]).toContain("digest");
  });

  it("and the registry are all listed when none of them has it", async () => {
    const [mirror, origin] = [await flaky(), await flaky()];
    const failing = client({ mirrors: new Map([[origin.host, [mirror.origin]]]) }).manifest(
      image(origin),
      signal,
    );
    await expect(failing).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(failing).rejects.toThrow(
      new RegExp(`no server has it[^]*${mirror.host}[^]*${origin.host}`),
    );
  });

  it.each([
    ["a page", "text/html", "<!DOCTYPE html><title>for sale</title>", "with a web page"],
    ["a page called a manifest", OCI_MANIFEST, "\n <html></html>", "with a web page"],
    ["nothing", OCI_MANIFEST, "", "an empty answer"],
    ["a word", "text/plain", "OK", "something that is no manifest"],
    ["another document", "application/json", '{"status":"up"}', "something that is no manifest"],
    ["half a manifest", OCI_MANIFEST, '{"schemaVersion":2,"layers":[', "no manifest"],
    ["an empty manifest", OCI_MANIFEST, '{"schemaVersion":2}', "neither an image manifest nor"],
  ])(
    "that give %s for a manifest are passed over, with a notice",
    async (_what, type, body, why) => {
      const parked = await flaky({
        fault: () => ({ kind: "answer", status: 200, headers: { "content-type": type }, body }),
      });
      const origin = await flaky();
      const { digest } = origin.addManifest("team/app", "1", MANIFEST);
      const registry = client({ mirrors: new Map([[origin.host, [parked.origin]]]) });
      await expect(registry.manifest(image(origin), signal)).resolves.toMatchObject({
        digest,
        source: origin.host,
      });
      expect(notices()).toEqual([expect.stringContaining(why)]);
      expect(notices()[0]).toContain(parked.host);
    },
  );

  it("that give pages for configs and layers are passed over, and what was fetched stays", async () => {
    const body = "<html></html>";
    const headers = { "content-type": "text/html; charset=utf-8" };
    const parked = await flaky({
      fault: () => ({ kind: "answer", status: 200, headers, body }),
    });
    const origin = await flaky();
    const descriptor = origin.addBlob(randomBytes(1000));
    const registry = client({ mirrors: new Map([[origin.host, [parked.origin]]]) });
    await expect(registry.blob(image(origin), descriptor, signal)).resolves.toHaveLength(1000);
    await registry.download(image(origin), descriptor, store, { signal, onBytes: () => undefined });
    expect(await store.has(descriptor.digest, 1000)).toBe(true);
    expect(notices()).toEqual([expect.stringContaining("with a web page")]);
  });

  it("must be base URLs without credentials", () => {
    for (const base of ["ftp://x", "http://user:pw@x", "http://", "https://x/?q"]) {
      expect(() => client({ mirrors: new Map([["docker.io", [base]]]) })).toThrow(
        /base URL of a mirror/,
      );
    }
  });
});

describe("a host that does not answer", () => {
  it("is NETWORK, with the host and the reason", async () => {
    const server = await flaky();
    await server.close();
    await expect(client().manifest(image(server), signal)).rejects.toThrow(
      new RegExp(`${server.host}: the connection was refused`),
    );
  });

  it("can be given up at any moment", async () => {
    const never = new Promise(() => undefined);
    const server = await flaky({ fault: () => ({ kind: "hold", until: never }) });
    server.addManifest("team/app", "1", MANIFEST);
    const stop = new AbortController();
    const failing = client().manifest(image(server), stop.signal);
    const outcome = expect(failing).rejects.toMatchObject({ code: "INTERRUPTED" });
    await expect.poll(() => server.requests).not.toHaveLength(0);
    stop.abort();
    await outcome;
  });

  it("can be given up while waiting for the next try", async () => {
    const server = await flaky({
      fault: ({ path }) =>
        path === "/v2/"
          ? undefined
          : { kind: "answer", status: 503, headers: { "retry-after": "600" } },
    });
    const registry = client({ retry: { maxRetryAfterMs: 600_000 } });
    const stop = new AbortController();
    const failing = registry.manifest(image(server), stop.signal);
    const outcome = expect(failing).rejects.toMatchObject({ code: "INTERRUPTED" });
    await expect.poll(notices).not.toHaveLength(0);
    stop.abort();
    await outcome;
    // Nobody sits before a silent screen for a minute.
    expect(notices()[0]).toMatch(/answered 503.*Trying again in 600 s/);
  });
});
