import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { type Server, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type Socket, createServer as createTcpServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { BundlerError } from "../../src/core/errors.js";
import {
  type Reach,
  type ReachOptions,
  type Reached,
  createReach,
} from "../../src/registry/reach.js";
import { type SampleRegistryOptions, startSampleRegistry } from "../../src/sample/registry.js";
import type { NetworkOptions } from "../../src/http/network.js";
import { testNetwork } from "../support/network.js";

let dir: string;
let closers: (() => Promise<unknown>)[] = [];
const never = new AbortController().signal;

beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), "openim-bundler-reach-"));
});
afterEach(async () => {
  for (const close of closers.toReversed()) await close();
  closers = [];
  await rm(dir, { recursive: true, force: true });
});

function open(options: Partial<ReachOptions & NetworkOptions> = {}): Reach {
  const reach = createReach({
    ...{ mirrors: new Map(), limitMs: 5000, onEvent: () => undefined },
    ...options,
    network: testNetwork({
      env: { HOME: dir, DOCKER_CONFIG: dir, PATH: process.env["PATH"] },
      ...options,
    }),
  });
  closers.push(() => reach.close());
  return reach;
}

async function serve(options: SampleRegistryOptions = {}) {
  const registry = await startSampleRegistry(options);
  closers.push(() => registry.close());
  return registry;
}

/** A server of any behaviour; `host` is where it listens. */
async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closers.push(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const ask = async (reach: Reach, name: string) => {
  const [place] = await reach.registry(name, ["team/app"], never);
  return place!;
};
const answered = (answer: Reached | BundlerError): Reached => {
  if (answer instanceof BundlerError) throw answer;
  return answer;
};

describe("asking a registry whether it is there", () => {
  it("takes its consent and its wish for a login for an answer, and sends no login", async () => {
    const auths = { auths: {} as Record<string, object> };
    const open1 = await serve();
    const bearer = await serve({ auth: { scheme: "bearer", username: "u", password: "p" } });
    const basic = await serve({ auth: { scheme: "basic", username: "u", password: "p" } });
    auths.auths[bearer.host] = { auth: Buffer.from("u:p").toString("base64") };
    await writeFile(path.join(dir, "config.json"), JSON.stringify(auths));
    const reach = open();
    expect(await ask(reach, open1.host)).toMatchObject({
      host: open1.host,
      mirror: false,
      credentials: false,
      answer: { status: 200, registry: true, origin: open1.url, elsewhere: false, limit: {} },
    });
    const place = await ask(reach, bearer.host);
    expect(place).toMatchObject({ credentials: true, answer: { status: 401, registry: true } });
    expect(JSON.stringify(place)).not.toMatch(/auth|u:p/);
    expect(await ask(reach, basic.host)).toMatchObject({ answer: { status: 401, registry: true } });
    for (const { requests } of [open1, bearer, basic]) {
      expect(requests.map(({ kind, authorization }) => [kind, authorization])).toEqual([
        ["ping", undefined],
      ]);
    }
  });

  it("asks every mirror and the registry itself, and one that is dead keeps none from answering", async () => {
    const mirror = await serve();
    const reach = open({
      mirrors: new Map([["127.0.0.1:1", [`${mirror.url}/prefix`, "http://127.0.0.1:2"]]]),
    });
    const places = await reach.registry("127.0.0.1:1", ["team/app"], never);
    expect(places.map(({ host, mirror: is }) => [host, is])).toEqual([
      [mirror.host, true],
      ["127.0.0.1:2", true],
      ["127.0.0.1:1", false],
    ]);
    expect(places[0]?.answer).toMatchObject({ status: 200 });
    for (const { answer } of places.slice(1)) {
      expect(answer).toMatchObject({
        code: "NETWORK",
        message: expect.stringContaining("refused") as string,
      });
    }
  });

  it("waits no longer than its limit for one that is silent", async () => {
    const sockets: Socket[] = [];
    const silent = createTcpServer((socket) => sockets.push(socket));
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    closers.push(() => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => silent.close(resolve));
    });
    const host = `127.0.0.1:${(silent.address() as AddressInfo).port}`;
    const { answer } = await ask(open({ limitMs: 300 }), host);
    expect(answer).toMatchObject({ code: "NETWORK" });
  });

  it("ends as INTERRUPTED when it is stopped", async () => {
    const host = await listen(createServer(() => undefined));
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 50);
    await expect(open().registry(host, ["x"], stop.signal)).rejects.toMatchObject({
      code: "INTERRUPTED",
    });
  });

  it("reads what the answer says of limits and of the time", async () => {
    const host = await listen(
      createServer((_, response) => {
        const date = new Date(Date.now() + 3_600_000).toUTCString();
        const headers = { date, "ratelimit-remaining": "17;w=21600", "retry-after": "30" };
        response.writeHead(429, headers).end("{}");
      }),
    );
    const answer = answered((await ask(open(), host)).answer);
    expect(answer).toMatchObject({ status: 429, limit: { remaining: 17, retryAfterMs: 30_000 } });
    expect(Math.abs((answer.skewMs ?? 0) - 3_600_000)).toBeLessThan(120_000);
  });

  it("tells a registry from a portal's page", async () => {
    const page = createServer((_, response) =>
      response.writeHead(200, { "content-type": "text/html" }).end("<html>Log in to this network"),
    );
    const portal = await listen(page);
    const caught = await listen(
      createServer((_, response) =>
        response.writeHead(302, { location: `http://${portal}/login` }).end(),
      ),
    );
    expect(await ask(open(), portal)).toMatchObject({ answer: { status: 200, registry: false } });
    expect(await ask(open(), caught)).toMatchObject({
      answer: { status: 200, registry: false, elsewhere: true, origin: `http://${portal}` },
    });
  });

  it("does not wait for a credential helper that hangs", async () => {
    const registry = await serve();
    const bin = path.join(dir, "bin");
    await mkdir(bin);
    await writeFile(path.join(bin, "docker-credential-slow"), "#!/bin/sh\nsleep 600\n");
    await chmod(path.join(bin, "docker-credential-slow"), 0o755);
    await writeFile(path.join(dir, "config.json"), JSON.stringify({ credsStore: "slow" }));
    const env = { HOME: dir, DOCKER_CONFIG: dir, PATH: `${bin}:${process.env["PATH"] ?? ""}` };
    const place = await ask(open({ env, limitMs: 5000 }), registry.host);
    expect(place).toMatchObject({ credentials: undefined, answer: { status: 200 } });
  });
});

describe("asking for a file", () => {
  it("fetches nothing of it", async () => {
    const methods: string[] = [];
    const host = await listen(
      createServer((request, response) => {
        methods.push(`${request.method ?? ""} ${request.url ?? ""}`);
        response.writeHead(request.url === "/there" ? 200 : 404).end();
      }),
    );
    const reach = open();
    expect(await reach.file(`http://${host}/there`, never)).toMatchObject({ status: 200 });
    expect(await reach.file(`http://${host}/gone?token=secret`, never)).toMatchObject({
      status: 404,
    });
    expect(methods).toEqual(["HEAD /there", "HEAD /gone?token=secret"]);
  });

  it("says why it cannot, and shows no secrets of its address", async () => {
    const reach = open({ limitMs: 1000 });
    const refused = await reach.file("http://127.0.0.1:1/x?token=secret", never);
    expect(refused).toMatchObject({ code: "NETWORK" });
    expect((refused as BundlerError).message).not.toContain("secret");
    expect(await reach.file("ftp://x/y", never)).toMatchObject({ code: "USAGE" });
  });
});
