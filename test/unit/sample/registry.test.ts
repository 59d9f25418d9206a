import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Dispatcher, Agent, request } from "undici";
import { afterEach, describe, expect, it } from "vitest";
import { digestOf } from "../../../src/core/digest.js";
import { parsePlatform } from "../../../src/core/platform.js";
import { MEDIA_TYPES } from "../../../src/image/media-types.js";
import { type SampleImage, buildImage } from "../../../src/sample/images.js";
import {
  type SampleRegistry,
  type SampleRegistryOptions,
  startSampleRegistry,
} from "../../../src/sample/registry.js";
import { startSampleRegistries } from "../../../src/sample/registry.js";

const REDIS: SampleImage = {
  registry: "docker.io",
  repository: "library/redis",
  tag: "7.0.15",
  name: "redis",
  platforms: [parsePlatform("linux/amd64"), parsePlatform("linux/arm64")],
  format: "oci",
  index: true,
  payloadBytes: 200_000,
};
const CONTENT = buildImage(REDIS);
const [BLOB, BYTES] = [...CONTENT.blobs].find(
  ([, bytes]) => Buffer.isBuffer(bytes) && bytes.length > 200_000,
) as [string, Buffer];
const BLOB_PATH = `/v2/library/redis/blobs/${BLOB}`;

const running: { close(): Promise<void> }[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((one) => one.close()));
});

async function start(options: SampleRegistryOptions = {}): Promise<SampleRegistry> {
  const registry = await startSampleRegistry({ images: [REDIS], ...options });
  running.push(registry);
  return registry;
}

interface Answer {
  readonly status: number;
  readonly headers: Dispatcher.ResponseData["headers"];
  readonly body: Buffer;
}

async function get(
  url: string,
  headers: Record<string, string> = {},
  method: "GET" | "HEAD" = "GET",
): Promise<Answer> {
  const { statusCode, headers: found, body } = await request(url, { method, headers });
  return { status: statusCode, headers: found, body: Buffer.from(await body.arrayBuffer()) };
}

describe("a sample registry", () => {
  it("serves an image by tag and by digest, with what a client may check", async () => {
    const { url } = await start();
    expect((await get(`${url}/v2/`)).status).toBe(200);
    const index = await get(`${url}/v2/library/redis/manifests/7.0.15`);
    expect(index.headers).toMatchObject({
      "content-type": MEDIA_TYPES.ociIndex,
      "docker-content-digest": digestOf(index.body),
      etag: `"${digestOf(index.body)}"`,
    });
    const head = await get(`${url}/v2/library/redis/manifests/7.0.15`, {}, "HEAD");
    expect(head.headers["content-length"]).toBe(String(index.body.length));
    expect(head.body).toHaveLength(0);
    const { manifests } = JSON.parse(index.body.toString()) as { manifests: { digest: string }[] };
    for (const { digest } of manifests) {
      expect(digestOf((await get(`${url}/v2/library/redis/manifests/${digest}`)).body)).toBe(
        digest,
      );
    }
    expect(digestOf((await get(url + BLOB_PATH)).body)).toBe(BLOB);
    expect(JSON.parse((await get(`${url}/v2/library/redis/tags/list`)).body.toString())).toEqual({
      name: "library/redis",
      tags: ["7.0.15"],
    });
  });

  it.each([
    ["/v2/library/absent/manifests/1", "NAME_UNKNOWN"],
    ["/v2/library/redis/manifests/8", "MANIFEST_UNKNOWN"],
    [`/v2/library/redis/blobs/sha256:${"0".repeat(64)}`, "BLOB_UNKNOWN"],
    ["/v2/library/redis/blobs/nonsense", "BLOB_UNKNOWN"],
    ["/other", "NAME_UNKNOWN"],
  ])("answers %s with 404 %s", async (path, code) => {
    const { url } = await start();
    const { status, body } = await get(url + path);
    expect(status).toBe(404);
    expect(JSON.parse(body.toString())).toMatchObject({ errors: [{ code }] });
  });

  it("does not give an index to a client that does not take one", async () => {
    const { url } = await start();
    const { status } = await get(`${url}/v2/library/redis/manifests/7.0.15`, {
      accept: MEDIA_TYPES.dockerManifest,
    });
    expect(status).toBe(404);
  });

  it.each([
    ["bytes=100-", 206, 100, BYTES.length],
    ["bytes=0-99", 206, 0, 100],
    ["bytes=-10", 206, BYTES.length - 10, BYTES.length],
    [`bytes=5-${BYTES.length + 100}`, 206, 5, BYTES.length],
    ["bytes=0-1,5-6", 200, 0, BYTES.length],
  ])("answers the range %s with %i", async (range, status, start_, end) => {
    const { url } = await start();
    const answer = await get(url + BLOB_PATH, { range });
    expect(answer.status).toBe(status);
    expect(answer.body.equals(BYTES.subarray(start_, end))).toBe(true);
    if (status === 206)
      expect(answer.headers["content-range"]).toBe(`bytes ${start_}-${end - 1}/${BYTES.length}`);
  });

  it("refuses a range behind the end", async () => {
    const { url } = await start();
    const answer = await get(url + BLOB_PATH, { range: `bytes=${BYTES.length}-` });
    expect([answer.status, answer.headers["content-range"]]).toEqual([
      416,
      `bytes */${BYTES.length}`,
    ]);
  });

  it("serves blobs from files too", async () => {
    const dir = mkdtempSync(join(tmpdir(), "sample-registry-"));
    try {
      writeFileSync(join(dir, "blob"), BYTES);
      const file = { file: join(dir, "blob"), size: BYTES.length };
      const repositories = new Map([
        ["big", { ...CONTENT, blobs: new Map([[digestOf(BYTES), file]]) }],
      ]);
      const { url } = await start({ repositories });
      const answer = await get(`${url}/v2/big/blobs/${BLOB}`, { range: "bytes=7-" });
      expect(answer.body.equals(BYTES.subarray(7))).toBe(true);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });

  it("writes down what was asked", async () => {
    const { url, requests } = await start();
    await get(url + BLOB_PATH, { range: "bytes=100-", authorization: "Basic c2VjcmV0" });
    await expect.poll(() => requests.length).toBe(1);
    expect(requests[0]).toMatchObject({
      method: "GET",
      path: BLOB_PATH,
      kind: "blob",
      repository: "library/redis",
      reference: BLOB,
      range: "bytes=100-",
      count: 1,
      status: 206,
      bytes: BYTES.length - 100,
      authorization: "basic",
    });
  });

  it("is one for each upstream, so that names of one are not found in the other", async () => {
    const minio: SampleImage = {
      ...REDIS,
      registry: "quay.io",
      repository: "minio/minio",
      tag: "1",
    };
    const world = await startSampleRegistries([REDIS, minio]);
    running.push(world);
    expect([...world.mirrors.keys()]).toEqual(["docker.io", "quay.io"]);
    const ask = async (upstream: string): Promise<number> =>
      (await get(`${world.mirrors.get(upstream)!}/v2/minio/minio/manifests/1`)).status;
    expect([await ask("docker.io"), await ask("quay.io")]).toEqual([404, 200]);
  });

  it("speaks TLS", async () => {
    const dir = mkdtempSync(join(tmpdir(), "sample-tls-"));
    try {
      const [key, cert] = [join(dir, "key.pem"), join(dir, "cert.pem")];
      execFileSync(
        "openssl",
        [
          "req",
          "-x509",
          "-newkey",
          "ec",
          "-pkeyopt",
          "ec_paramgen_curve:P-256",
          "-nodes",
          "-days",
          "1",
        ].concat([
          "-subj",
          "/CN=sample",
          "-addext",
          "subjectAltName=IP:127.0.0.1",
          "-keyout",
          key,
          "-out",
          cert,
        ]),
        { stdio: "ignore" },
      );
      const tls = { key: readFileSync(key, "utf8"), cert: readFileSync(cert, "utf8") };
      const { url } = await start({ tls });
      const dispatcher = new Agent({ connect: { ca: tls.cert } });
      const { statusCode, body } = await request(`${url}/v2/`, { dispatcher });
      await body.dump();
      await dispatcher.close();
      expect([url.slice(0, 8), statusCode]).toEqual(["https://", 200]);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});

describe("a sample registry with authentication", () => {
  const manifest = "/v2/library/redis/manifests/7.0.15";

  async function token(
    registry: SampleRegistry,
    headers: Record<string, string> = {},
  ): Promise<string> {
    const { headers: found } = await get(registry.url + manifest);
    const [, realm = "", scope = ""] =
      /realm="([^"]*)".*scope="([^"]*)"/.exec(String(found["www-authenticate"])) ?? [];
    const answer = await get(`${realm}?service=sample&scope=${scope}`, headers);
    return (JSON.parse(answer.body.toString()) as { token: string }).token;
  }

  it("gives a token for one repository, and that opens no other", async () => {
    const registry = await start({
      images: [REDIS, { ...REDIS, repository: "library/mongo" }],
      auth: { scheme: "bearer" },
    });
    const authorization = `Bearer ${await token(registry)}`;
    expect((await get(registry.url + manifest, { authorization })).status).toBe(200);
    const other = await get(registry.url + manifest.replace("redis", "mongo"), { authorization });
    expect(other.status).toBe(401);
    expect(other.headers["www-authenticate"]).toContain(
      'scope="repository:library/mongo:pull",error="insufficient_scope"',
    );
  });

  it("lets tokens expire, by use and on demand", async () => {
    const registry = await start({
      auth: { scheme: "bearer", tokenUses: 2 },
      faults: ({ kind, count }) =>
        kind === "tags" && count === 1 ? { kind: "expire-tokens" } : undefined,
    });
    const first = { authorization: `Bearer ${await token(registry)}` };
    const statuses = [];
    for (let use = 0; use < 3; use += 1)
      statuses.push((await get(registry.url + manifest, first)).status);
    expect(statuses).toEqual([200, 200, 401]);
    const second = { authorization: `Bearer ${await token(registry)}` };
    expect((await get(`${registry.url}/v2/library/redis/tags/list`, second)).status).toBe(401);
  });

  it("wants name and password, or an identity token", async () => {
    const auth = { scheme: "bearer", username: "u", password: "p", identityToken: "id" } as const;
    const registry = await start({ auth });
    expect((await get(`${registry.url}/token`)).status).toBe(401);
    const basic = `Basic ${Buffer.from("u:p").toString("base64")}`;
    expect((await get(`${registry.url}/token`, { authorization: basic })).status).toBe(200);
    const post = async (refresh: string): Promise<number> => {
      const body = new URLSearchParams({
        grant_type: "refresh_token",
        refresh_token: refresh,
        service: "sample",
      });
      const answer = await request(`${registry.url}/token`, {
        method: "POST",
        body: body.toString(),
      });
      await answer.body.dump();
      return answer.statusCode;
    };
    expect([await post("id"), await post("wrong")]).toEqual([200, 401]);
  });

  it("takes Basic where it is told so", async () => {
    const { url } = await start({ auth: { scheme: "basic", username: "u", password: "p" } });
    expect((await get(`${url}/v2/`)).headers["www-authenticate"]).toBe('Basic realm="sample"');
    const authorization = `Basic ${Buffer.from("u:p").toString("base64")}`;
    expect((await get(`${url}/v2/`, { authorization })).status).toBe(200);
  });
});

describe("blobs in another place", () => {
  it("are reached by a signed URL on another origin that expires", async () => {
    const { url } = await start({ storage: { uses: 1 } });
    const redirect = await get(url + BLOB_PATH);
    expect(redirect.status).toBe(307);
    const location = String(redirect.headers["location"]);
    expect(new URL(location).host).not.toBe(new URL(url).host);
    expect((await get(location)).body.equals(BYTES)).toBe(true);
    expect((await get(location)).status).toBe(403);
  });

  it("are refused to whoever sends the registry's credentials along", async () => {
    const { url } = await start({ storage: {} });
    const location = String((await get(url + BLOB_PATH)).headers["location"]);
    expect((await get(location, { authorization: "Bearer x" })).status).toBe(400);
  });
});

describe("faults", () => {
  it("happen once or always, as the hook says", async () => {
    const { url } = await start({
      faults: ({ count }) =>
        count === 1
          ? { kind: "status", status: 429, retryAfter: "1", code: "TOOMANYREQUESTS" }
          : undefined,
    });
    const first = await get(`${url}/v2/`);
    expect([first.status, first.headers["retry-after"]]).toEqual([429, "1"]);
    expect((await get(`${url}/v2/`)).status).toBe(200);
  });

  it("break the connection after some bytes", async () => {
    const { url, requests } = await start({ faults: () => ({ kind: "reset", after: 1000 }) });
    await expect(get(url + BLOB_PATH)).rejects.toThrow();
    await expect.poll(() => requests.map(({ bytes }) => bytes)).toEqual([1000]);
  });

  it("leave a body hanging", async () => {
    const { url } = await start({ faults: () => ({ kind: "stall", after: 1000 }) });
    const stop = new AbortController();
    const { body } = await request(url + BLOB_PATH, { signal: stop.signal });
    let bytes = 0;
    const reading = expect(
      (async () => {
        for await (const chunk of body) bytes += (chunk as Buffer).length;
      })(),
    ).rejects.toThrow();
    await expect.poll(() => bytes).toBe(1000);
    stop.abort();
    await reading;
    expect(bytes).toBe(1000);
  });

  it("shorten or spoil the content", async () => {
    const short = await start({ faults: () => ({ kind: "truncate", after: 1000 }) });
    expect((await get(short.url + BLOB_PATH)).body.equals(BYTES.subarray(0, 1000))).toBe(true);
    const spoilt = await start({ faults: () => ({ kind: "corrupt" }) });
    const { body } = await get(spoilt.url + BLOB_PATH);
    expect([body.length, body.equals(BYTES)]).toEqual([BYTES.length, false]);
    expect(digestOf(BYTES)).toBe(BLOB);
  });

  it("answer ranges wrongly", async () => {
    const ignored = await start({ faults: () => ({ kind: "wrong-range", how: "ignored" }) });
    expect((await get(ignored.url + BLOB_PATH, { range: "bytes=100-" })).status).toBe(200);
    const shifted = await start({ faults: () => ({ kind: "wrong-range", how: "shifted" }) });
    const answer = await get(shifted.url + BLOB_PATH, { range: "bytes=100-" });
    expect([answer.status, answer.headers["content-range"]]).toEqual([
      206,
      `bytes 0-${BYTES.length - 1}/${BYTES.length}`,
    ]);
  });

  it("slow down, redirect elsewhere, or replace a document", async () => {
    const { url } = await start({
      faults: ({ kind }) =>
        kind === "manifest"
          ? { kind: "replace", mediaType: MEDIA_TYPES.dockerManifest, bytes: Buffer.from("{}") }
          : kind === "tags"
            ? { kind: "redirect", location: "http://127.0.0.1:1/" }
            : { kind: "slow", bytesPerSecond: 1_000_000 },
    });
    const manifest = await get(`${url}/v2/library/redis/manifests/7.0.15`);
    expect([manifest.body.toString(), manifest.headers["docker-content-digest"]]).toEqual([
      "{}",
      digestOf("{}"),
    ]);
    expect((await get(`${url}/v2/library/redis/tags/list`)).headers["location"]).toBe(
      "http://127.0.0.1:1/",
    );
    const before = performance.now();
    await get(url + BLOB_PATH);
    expect(performance.now() - before).toBeGreaterThan(150);
  });

  it("make every answer wait", async () => {
    const { url } = await start({ latencyMs: 50 });
    const before = performance.now();
    await get(`${url}/v2/`);
    expect(performance.now() - before).toBeGreaterThan(45);
  });
});
