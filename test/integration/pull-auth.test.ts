import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { type IncomingMessage, createServer } from "node:http";
import { type AddressInfo, type Socket, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { BundlerEvent } from "../../src/core/events.js";
import { type Registry, type RegistryOptions, createRegistry } from "../../src/registry/client.js";
import { type Reference, parseReference } from "../../src/image/reference.js";
import { openStore } from "../../src/store/store.js";
import {
  type FlakyOptions,
  type FlakyRegistry,
  startFlakyRegistry,
} from "../support/flaky-registry.js";
import type { NetworkOptions } from "../../src/http/network.js";
import { testNetwork } from "../support/network.js";

const signal = new AbortController().signal;
const closers: (() => Promise<unknown>)[] = [];
let dir: string;
let events: BundlerEvent[];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "openim-bundler-auth-"));
  events = [];
});
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
  await rm(dir, { recursive: true, force: true });
});

async function flaky(options: FlakyOptions = {}): Promise<FlakyRegistry> {
  const registry = await startFlakyRegistry(options);
  closers.push(() => registry.close());
  registry.addManifest("team/app", "1", { schemaVersion: 2 });
  registry.addManifest("team/other", "1", { schemaVersion: 2 });
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

async function logIn(host: string, entry: object): Promise<void> {
  await mkdir(join(dir, ".docker"), { recursive: true });
  await writeFile(
    join(dir, ".docker", "config.json"),
    JSON.stringify({ auths: { [host]: entry } }),
  );
}

const base64 = (text: string): string => Buffer.from(text).toString("base64");
const image = ({ host }: FlakyRegistry, name = "team/app"): Reference =>
  parseReference(`${host}/${name}:1`);

interface TokenServer {
  readonly realm: string;
  readonly asked: {
    readonly method: string;
    readonly query: URLSearchParams;
    readonly authorization: string | undefined;
  }[];
  /** Only tokens given out since the last call are good. */
  revoke(): void;
  readonly accepts: (header: string) => boolean;
}

async function body(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request.setEncoding("utf8")) text += String(chunk);
  return text;
}

/** A real token server: counts up, and says when each token ends. */
async function tokenServer(
  answer: (n: number) => object = (n) => ({ token: `token-${n}` }),
  status = 200,
): Promise<TokenServer> {
  const asked: TokenServer["asked"] = [];
  let good = new Set<string>();
  const server = createServer((request, response) => {
    void body(request).then((text) => {
      const url = new URL(request.url ?? "", "http://x");
      const query = request.method === "POST" ? new URLSearchParams(text) : url.searchParams;
      asked.push({
        method: request.method ?? "",
        query,
        authorization: request.headers.authorization,
      });
      const given = answer(asked.length) as { token?: string; access_token?: string };
      good.add(`Bearer ${given.token ?? given.access_token ?? ""}`);
      setImmediate(() => response.writeHead(status).end(JSON.stringify(given)));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closers.push(
    () =>
      new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      }),
  );
  return {
    realm: `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`,
    asked,
    revoke: () => (good = new Set()),
    accepts: (header) => good.has(header),
  };
}

const bearer = (tokens: TokenServer): FlakyOptions => ({
  bearer: { realm: () => tokens.realm, accepts: tokens.accepts },
});

describe("a bearer token", () => {
  it("is fetched for the repository, anonymously, and used again", async () => {
    const tokens = await tokenServer();
    const server = await flaky(bearer(tokens));
    const registry = client();
    await registry.manifest(image(server), signal);
    await registry.manifest(image(server), signal);
    expect(tokens.asked).toHaveLength(1);
    expect(Object.fromEntries(tokens.asked[0]?.query ?? [])).toEqual({
      service: "flaky",
      scope: "repository:team/app:pull",
    });
    expect(tokens.asked[0]?.authorization).toBeUndefined();
    await registry.manifest(image(server, "team/other"), signal);
    expect(tokens.asked[1]?.query.get("scope")).toBe("repository:team/other:pull");
  });

  it("is fetched once however many requests need it", async () => {
    const tokens = await tokenServer();
    const server = await flaky(bearer(tokens));
    const registry = client();
    await Promise.all(Array.from({ length: 8 }, () => registry.manifest(image(server), signal)));
    expect(tokens.asked).toHaveLength(1);
  });

  it.each([
    [undefined, 60],
    [300, 300],
  ])("that lives %s s is renewed shortly before that", async (expires_in, seconds) => {
    const tokens = await tokenServer((n) => ({ access_token: `t${n}`, expires_in }));
    const server = await flaky(bearer(tokens));
    let now = 1_000_000;
    const registry = client({ now: () => now });
    await registry.manifest(image(server), signal);
    now += seconds * 1000 - 20_000;
    await registry.manifest(image(server), signal);
    expect(tokens.asked).toHaveLength(1);
    now += 10_000;
    await registry.manifest(image(server), signal);
    expect(tokens.asked).toHaveLength(2);
    // Known beforehand: the first request had no token, none was refused later.
    expect(
      server.requests.filter(({ headers, path }) => path !== "/v2/" && !headers.authorization),
    ).toHaveLength(1);
  });

  it("that ends in the middle of a download is renewed, and the download goes on", async () => {
    const tokens = await tokenServer();
    const bytes = randomBytes(2_000_000);
    const server = await flaky({
      ...bearer(tokens),
      fault: ({ path, headers }) => {
        const fits =
          path.includes("/blobs/") &&
          headers.range === undefined &&
          tokens.accepts(headers.authorization ?? "");
        if (!fits) return undefined;
        // This answer is under way by then; the token is worth nothing for the next.
        setImmediate(() => tokens.revoke());
        return { kind: "cut", after: 1_000_000 };
      },
    });
    const blob = server.addBlob(bytes);
    const store = await openStore(join(dir, "store"));
    await client().download(image(server), blob, store, { signal, onBytes: () => undefined });
    expect((await store.read(blob.digest, bytes.length)).equals(bytes)).toBe(true);
    expect(tokens.asked).toHaveLength(2);
    expect(server.requests.at(-1)?.headers.range).toBe("bytes=1000000-");
  });

  it("is fetched with the user's password", async () => {
    const tokens = await tokenServer();
    const server = await flaky(bearer(tokens));
    await logIn(server.host, { auth: base64("ann:secret") });
    await client().manifest(image(server), signal);
    expect(tokens.asked[0]?.authorization).toBe(`Basic ${base64("ann:secret")}`);
    expect(server.requests.some(({ headers }) => headers.authorization?.startsWith("Basic"))).toBe(
      false,
    );
  });

  it("is fetched by POST with an identity token", async () => {
    const tokens = await tokenServer((n) => ({ access_token: `t${n}` }));
    const server = await flaky(bearer(tokens));
    await logIn(server.host, { auth: base64("x:"), identitytoken: "refresh-me" });
    await client().manifest(image(server), signal);
    expect(tokens.asked[0]?.method).toBe("POST");
    expect(Object.fromEntries(tokens.asked[0]?.query ?? [])).toEqual({
      grant_type: "refresh_token",
      refresh_token: "refresh-me",
      client_id: "openim-bundler",
      service: "flaky",
      scope: "repository:team/app:pull",
    });
  });

  it("that is refused is AUTH, with the image's name, the way to log in and no secret", async () => {
    const tokens = await tokenServer(() => ({ details: "wrong password" }), 401);
    const server = await flaky(bearer(tokens));
    await logIn(server.host, { auth: base64("ann:hunter2") });
    const failing = client().manifest(image(server), signal);
    await expect(failing).rejects.toMatchObject({
      code: "AUTH",
      hint: expect.stringContaining(`docker login ${server.host}`) as string,
    });
    await expect(failing).rejects.toThrow(`${server.host}/team/app:1: token for`);
    await expect(failing).rejects.not.toThrow(/hunter2/);
    expect(tokens.asked).toHaveLength(1);
  });

  it("that is refused says whether a login was refused, missing, or could not be read", async () => {
    const tokens = await tokenServer(() => ({ details: "no" }), 401);
    const server = await flaky(bearer(tokens));
    const refusal = (): Promise<unknown> =>
      client()
        .manifest(image(server), signal)
        .catch((error: unknown) => String(error));
    expect(await refusal()).toMatch(/answered 401: we are not logged in there\.$/);
    await logIn(server.host, { auth: base64("ann:hunter2") });
    expect(await refusal()).toMatch(
      /the login for .* in Docker's configuration is not accepted\.$/,
    );
    await writeFile(join(dir, ".docker", "config.json"), '{"auths": {"hunter2"');
    expect(await refusal()).toMatch(
      /asked without a login\. The credentials in .*config\.json are not used: the file is not in the form expected\.$/,
    );
  });

  it("that the registry does not take either is AUTH after one more try", async () => {
    const tokens = await tokenServer();
    const server = await flaky({ bearer: { realm: () => tokens.realm, accepts: () => false } });
    await expect(client().manifest(image(server), signal)).rejects.toMatchObject({ code: "AUTH" });
    expect(tokens.asked).toHaveLength(1);
  });

  it.each([
    ["file:///etc/passwd", /no web address/],
    ["", /no web address/],
  ])("is not asked for at %j", async (realm, words) => {
    const server = await flaky({ bearer: { realm: () => realm, accepts: () => false } });
    await expect(client().manifest(image(server), signal)).rejects.toThrow(words);
  });

  it.each([
    [{ token: "a\r\nb" }, "its token has characters that no token has"],
    [{ token: "" }, "neither token nor access_token"],
    [{}, "neither token nor access_token"],
    [{ token: 7 }, "token: "],
    [{ token: "t", expires_in: "300" }, "expires_in: "],
  ])("is not taken from %j, and the field is named", async (answer, words) => {
    const tokens = await tokenServer(() => answer);
    const server = await flaky(bearer(tokens));
    const failing = client().manifest(image(server), signal);
    await expect(failing).rejects.toMatchObject({ code: "AUTH" });
    await expect(failing).rejects.toThrow(words);
  });

  it("is taken from access_token beside an empty token", async () => {
    const tokens = await tokenServer((n) => ({ token: "", access_token: `t${n}` }));
    const server = await flaky({
      bearer: { realm: () => tokens.realm, accepts: (header) => header === "Bearer t1" },
    });
    await client().manifest(image(server), signal);
  });

  it.each([
    ["an empty scope", "", ["repository:team/app:pull"]],
    [
      "another repository's",
      "repository:other:pull",
      ["repository:team/app:pull", "repository:other:pull"],
    ],
  ])("is asked for the own repository where the challenge has %s", async (_, scope, asked) => {
    const tokens = await tokenServer();
    const server = await flaky({
      bearer: { realm: () => tokens.realm, accepts: tokens.accepts, scope: () => scope },
    });
    await client().manifest(image(server), signal);
    expect(tokens.asked[0]?.query.getAll("scope")).toEqual(asked);
  });
});

describe("Basic", () => {
  it("is answered with the user's password, and later sent without being asked", async () => {
    const server = await flaky({ basic: "ann:secret" });
    await logIn(`https://${server.host}/v2/`, { auth: base64("ann:secret") });
    const registry = client();
    await registry.manifest(image(server), signal);
    await registry.manifest(image(server), signal);
    expect(server.requests.filter(({ path }) => path.includes("manifests"))).toHaveLength(3);
  });

  it("without a password, or with a wrong one, is AUTH", async () => {
    const server = await flaky({ basic: "ann:secret" });
    await expect(client().manifest(image(server), signal)).rejects.toMatchObject({ code: "AUTH" });
    await logIn(server.host, { auth: base64("ann:wrong") });
    const failing = client().manifest(image(server), signal);
    await expect(failing).rejects.toMatchObject({ code: "AUTH" });
    await expect(failing).rejects.not.toThrow(/wrong|secret/);
  });
});

describe("a server that offers several ways in several headers", () => {
  it("is answered in the way that we know", async () => {
    const expected = `Basic ${base64("ann:secret")}`;
    const real = createServer((request, response) => {
      if (request.headers.authorization === expected) {
        response.end('{"schemaVersion":2}');
        return;
      }
      response.setHeader("www-authenticate", ["Negotiate", 'Basic realm="r"']);
      response.writeHead(401).end();
    });
    await new Promise<void>((resolve) => real.listen(0, "127.0.0.1", resolve));
    closers.push(
      () =>
        new Promise((resolve) => {
          real.close(resolve);
          real.closeAllConnections();
        }),
    );
    const host = `127.0.0.1:${(real.address() as AddressInfo).port}`;
    await logIn(host, { auth: base64("ann:secret") });
    const answer = await client().manifest(parseReference(`${host}/team/app:1`), signal);
    expect(Buffer.from(answer.bytes).toString()).toBe('{"schemaVersion":2}');
  });
});

describe("a credential helper that waits for somebody", () => {
  it("does not keep us from giving up", async () => {
    const server = await flaky({ basic: "ann:secret" });
    await mkdir(join(dir, ".docker"));
    await writeFile(join(dir, ".docker", "config.json"), '{"credsStore":"locked"}');
    const asked = join(dir, "asked");
    const helper = `#!/bin/sh\n: >'${asked}'\nexec sleep 300\n`;
    await writeFile(join(dir, "docker-credential-locked"), helper, { mode: 0o755 });
    const env = { HOME: dir, PATH: `${dir}:${process.env["PATH"] ?? ""}` };
    const stop = new AbortController();
    const failing = client({ env }).manifest(image(server), stop.signal);
    const outcome = expect(failing).rejects.toMatchObject({ code: "INTERRUPTED" });
    await expect.poll(() => existsSync(asked)).toBe(true);
    stop.abort();
    await outcome;
  });
});

const openssl = ((): boolean => {
  try {
    execFileSync("openssl", ["version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
})();

describe.skipIf(!openssl)("a registry with a private certificate", () => {
  async function tlsRegistry(
    options: FlakyOptions = {},
  ): Promise<{ readonly server: FlakyRegistry; readonly ca: string }> {
    const [key, cert] = [join(dir, "key.pem"), join(dir, "cert.pem")];
    const subject = ["-subj", "/CN=registry", "-addext", "subjectAltName=IP:127.0.0.1"];
    const kind = [
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:prime256v1",
      "-nodes",
      "-days",
      "2",
    ];
    execFileSync("openssl", ["req", "-x509", ...kind, ...subject, "-keyout", key, "-out", cert], {
      stdio: "ignore",
    });
    const tls = { key: await readFile(key, "utf8"), cert: await readFile(cert, "utf8") };
    return { server: await flaky({ ...options, tls }), ca: cert };
  }

  it("is refused at once, with the way out, even on this machine", async () => {
    const { server } = await tlsRegistry();
    await expect(client().manifest(image(server), signal)).rejects.toMatchObject({
      code: "NETWORK",
      message: expect.stringContaining("certificate is not trusted") as string,
      hint: expect.stringContaining("--ca FILE") as string,
    });
    expect(server.requests).toHaveLength(0);
  });

  it("is trusted with its authority, or when it is called insecure", async () => {
    const { server, ca } = await tlsRegistry();
    await client({ caFiles: [ca] }).manifest(image(server), signal);
    await client({ insecure: new Set([server.host]) }).manifest(image(server), signal);
    await client({ insecure: new Set(["127.0.0.1"]) }).manifest(image(server), signal);
  });

  it("does not lead from https to plain http", async () => {
    const { server, ca } = await tlsRegistry();
    const plain = await flaky();
    const blob = plain.addBlob(Buffer.from("x"));
    server.setFault(({ path }) =>
      path.includes("/blobs/") ? { kind: "redirect", to: `${plain.origin}${path}` } : undefined,
    );
    await expect(client({ caFiles: [ca] }).blob(image(server), blob, signal)).rejects.toThrow(
      /from https to plain http/,
    );
    expect(plain.requests).toHaveLength(0);
    const allowed = client({ caFiles: [ca], insecure: new Set([plain.host]) });
    await allowed.blob(image(server), blob, signal);
  });

  it("does not send us for a token to where there is no encryption", async () => {
    const tokens = await tokenServer();
    const { server, ca } = await tlsRegistry(bearer(tokens));
    await expect(client({ caFiles: [ca] }).manifest(image(server), signal)).rejects.toThrow(
      /without encryption/,
    );
    expect(tokens.asked).toHaveLength(0);
    const insecure = new Set([new URL(tokens.realm).host]);
    await client({ caFiles: [ca], insecure }).manifest(image(server), signal);
  });

  it("needs a file that holds certificates", async () => {
    expect(() => client({ caFiles: [join(dir, "missing.pem")] })).toThrow(
      /missing.pem cannot be read/,
    );
    await writeFile(join(dir, "empty.pem"), "nothing");
    expect(() => client({ caFiles: [join(dir, "empty.pem")] })).toThrow(/holds no certificate/);
    const broken = "-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----\n";
    await writeFile(join(dir, "broken.pem"), broken);
    expect(() => client({ caFiles: [join(dir, "broken.pem")] })).toThrow(/cannot be read/);
  });
});

describe("a proxy", () => {
  /** A real forward proxy that knows where `registry.test` is, which nobody else does. */
  async function startProxy(target: () => string, refuse?: number) {
    const asked: string[] = [];
    const sockets = new Set<Socket>();
    const proxy = createServer((request, response) => {
      asked.push(`${request.method ?? ""} ${request.url ?? ""}`);
      if (refuse !== undefined) return void response.writeHead(refuse).end();
      const url = new URL(request.url ?? "");
      const [host, port] = target().split(":");
      const socket = connect(Number(port), host, () => {
        const headers = Object.entries(request.headers).map(
          ([name, value]) => `${name}: ${String(value)}\r\n`,
        );
        socket.write(`${request.method ?? ""} ${url.pathname} HTTP/1.0\r\n${headers.join("")}\r\n`);
        socket.pipe(request.socket);
      });
      sockets.add(socket);
    });
    proxy.on("connect", (request, client: Socket) => {
      asked.push(`CONNECT ${request.url ?? ""}`);
      if (refuse !== undefined) return void client.end(`HTTP/1.1 ${refuse} No\r\n\r\n`);
      const [host, port] = target().split(":");
      const socket = connect(Number(port), host, () => {
        client.write("HTTP/1.1 200 OK\r\n\r\n");
        socket.pipe(client).pipe(socket);
      });
      sockets.add(socket);
      for (const end of [socket, client]) end.on("error", () => socket.destroy());
    });
    proxy.on("connection", (socket) => sockets.add(socket));
    await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
    closers.push(
      () =>
        new Promise((resolve) => {
          for (const socket of sockets) socket.destroy();
          proxy.close(resolve);
        }),
    );
    return { asked, url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}` };
  }
  const reference = parseReference("registry.test:5000/team/app:1");
  const insecure = new Set(["registry.test:5000"]);

  it("is asked for a plain registry the plain way, after https through a tunnel has failed", async () => {
    const server = await flaky();
    const proxy = await startProxy(() => server.host);
    const env = { HOME: dir, HTTP_PROXY: proxy.url, https_proxy: proxy.url.replace("http://", "") };
    await client({ env, insecure }).manifest(reference, signal);
    expect(proxy.asked[0]).toBe("CONNECT registry.test:5000");
    expect(proxy.asked.at(-1)).toBe("GET http://registry.test:5000/v2/team/app/manifests/1");
  });

  it("is not asked for this machine, nor for what NO_PROXY names", async () => {
    const server = await flaky();
    const proxy = await startProxy(() => server.host);
    await client({ env: { HOME: dir, HTTP_PROXY: proxy.url, HTTPS_PROXY: proxy.url } }).manifest(
      image(server),
      signal,
    );
    // Nobody listens there; it is not the address that is always spared.
    const spared = parseReference("127.0.0.2:1/team/app:1");
    const env = { HOME: dir, HTTPS_PROXY: proxy.url, NO_PROXY: "a.example,127.0.0.2:1" };
    const failing = client({ env, retry: { baseMs: 1, attempts: 1 } }).manifest(spared, signal);
    await expect(failing).rejects.toThrow(/the connection was refused/);
    expect(proxy.asked).toEqual([]);
  });

  it.each([407, 403])(
    "that answers %d is named as the culprit, and not asked again",
    async (status) => {
      const proxy = await startProxy(() => "", status);
      const env = { HOME: dir, HTTPS_PROXY: proxy.url };
      const failing = client({ env }).manifest(reference, signal);
      await expect(failing).rejects.toMatchObject({ code: "NETWORK" });
      await expect(failing).rejects.toThrow(new RegExp(`proxy refused.*${status}`));
      expect(proxy.asked).toHaveLength(1);
    },
  );
});
