import { createHash, randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Checksum } from "../../src/core/checksum.js";
import { digestOf } from "../../src/core/digest.js";
import type { BundlerEvent } from "../../src/core/events.js";
import type { Source } from "../../src/definition/types.js";
import { fetchSource } from "../../src/source/fetch.js";
import { SOURCE_LIMIT } from "../../src/source/fill.js";
import type { FetchedSource, SourceContext } from "../../src/source/types.js";
import { type Store, openStore } from "../../src/store/store.js";
import { canMount, withSmallDisk } from "../unit/store/small-disk.js";
import { type Fault, type FileServer, type Seen, startFileServer } from "./source-server.js";
import type { NetworkOptions } from "../../src/http/network.js";
import { testNetwork } from "../support/network.js";

const bytes = Buffer.concat([Buffer.from([0x1f, 0x8b]), randomBytes(2_000_000)]);
const wrongBytes = randomBytes(bytes.length);
const checksumOf = (algorithm: "sha256" | "sha512", data: Uint8Array): Checksum =>
  `${algorithm}:${createHash(algorithm).update(data).digest("hex")}`;
const sha256 = checksumOf("sha256", bytes);
const sha512 = checksumOf("sha512", bytes);

let dir: string;
let store: Store;
let server: FileServer;
let events: BundlerEvent[];
const closers: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "openim-bundler-fetch-"));
  store = await openStore(join(dir, "store"));
  server = await startFileServer();
  events = [];
});
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
  await server.close();
  await rm(dir, { recursive: true, force: true });
});

async function another(): Promise<FileServer> {
  const other = await startFileServer();
  closers.push(() => other.close());
  return other;
}

type Options = Partial<SourceContext & NetworkOptions>;

function context(options: Options = {}): SourceContext {
  return {
    store,
    given: new Map(),
    signal: new AbortController().signal,
    onEvent: (event) => events.push(event),
    ...options,
    network: testNetwork(options),
  };
}

function source(...urls: string[]): Source {
  const at = { file: "components.yaml", line: 3, column: 5 };
  return { name: "zookeeper", urls, format: "tar.gz", strip: 1, optional: false, at };
}

const fetch = (
  urls: readonly string[],
  options: Options = {},
  checksum: Checksum = sha256,
): Promise<FetchedSource> =>
  fetchSource(source(...urls), { name: "zookeeper", checksum }, context(options));

const warnings = (): string[] =>
  events.flatMap((event) =>
    event.type === "notice" && event.level === "warn" ? [event.message] : [],
  );

/** The source is there, whole, and nothing else is. */
async function expectWhole(fetched: FetchedSource, checksum: Checksum = sha256): Promise<void> {
  const digest = digestOf(bytes);
  expect(fetched).toEqual({
    name: "zookeeper",
    path: store.path(digest),
    format: "tar.gz",
    checksum,
    digest,
    size: bytes.length,
  });
  expect((await readFile(fetched.path)).equals(bytes)).toBe(true);
  await expectNothingElse([digest.slice("sha256:".length)]);
}

async function expectNothingElse(blobs: readonly string[] = []): Promise<void> {
  expect(await readdir(join(store.dir, "blobs", "sha256"))).toEqual(blobs);
  expect(await readdir(join(store.dir, "partial"))).toEqual([]);
}

const first =
  (count: number, fault: Fault) =>
  ({ nth }: Seen): Fault | undefined =>
    nth < count ? fault : undefined;

describe("a source that is fetched", () => {
  it.each([sha256, sha512])("comes once, and lies in the store then: %s", async (checksum) => {
    const url = server.add("/zookeeper.tar.gz", bytes);
    await expectWhole(await fetch([url], {}, checksum), checksum);
    await expectWhole(await fetch([url], {}, checksum), checksum);
    expect(server.requests).toHaveLength(1);
    expect(server.requests[0]?.headers["user-agent"]).toBe("openim-bundler/test");
    expect(events.at(0)).toMatchObject({ type: "item", phase: "build", state: "step" });
  });

  it("is found without its note when its name is its sha256", async () => {
    const url = server.add("/zookeeper.tar.gz", bytes);
    await fetch([url]);
    await rm(join(store.dir, "notes"), { recursive: true });
    await mkdir(join(store.dir, "notes"));
    await expectWhole(await fetch([url]));
    expect(server.requests).toHaveLength(1);
  });

  it("is fetched again when the disk let it rot", async () => {
    const url = server.add("/zookeeper.tar.gz", bytes);
    const { path } = await fetch([url], {}, sha512);
    await writeFile(path, wrongBytes);
    await expectWhole(await fetch([url], {}, sha512), sha512);
    expect(server.requests).toHaveLength(2);
  });

  it("is not taken for another one by a note that lies", async () => {
    const url = server.add("/zookeeper.tar.gz", bytes);
    await fetch([url], {}, sha512);
    const other = await store.put(wrongBytes);
    const [note = ""] = await readdir(join(store.dir, "notes"));
    await writeFile(
      join(store.dir, "notes", note),
      JSON.stringify({ digest: other, size: wrongBytes.length }),
    );
    expect((await fetch([url], {}, sha512)).digest).toBe(digestOf(bytes));
    expect(server.requests).toHaveLength(2);
  });

  it("is empty when it is empty", async () => {
    const empty = checksumOf("sha512", Buffer.alloc(0));
    const url = server.add("/empty", "");
    expect(await fetch([url], {}, empty)).toMatchObject({ size: 0, checksum: empty });
  });

  it("is fetched once when two of one process want it", async () => {
    const url = server.add("/zookeeper.tar.gz", bytes);
    const both = await Promise.all([fetch([url]), fetch([url])]);
    for (const fetched of both) await expectWhole(fetched);
    expect(server.requests).toHaveLength(1);
    expect(events.filter(({ type }) => type === "notice")).toEqual([]);
  });
});

describe("a download that breaks off", () => {
  it("goes on where it was, for the same file only", async () => {
    const url = server.add("/zookeeper.tar.gz", bytes, '"one"');
    server.setFault(first(2, { kind: "cut", after: 700_000 }));
    await expectWhole(await fetch([url]));
    expect(server.ranges()).toEqual([undefined, "bytes=700000-", "bytes=1400000-"]);
    expect(server.requests.map(({ headers }) => headers["if-range"])).toEqual([
      undefined,
      '"one"',
      '"one"',
    ]);
  });

  it("starts over when the file was replaced meanwhile", async () => {
    const url = server.add("/zookeeper.tar.gz", wrongBytes, '"old"');
    server.setFault((seen) => {
      if (seen.nth === 0) return { kind: "cut", after: 500_000 };
      server.add("/zookeeper.tar.gz", bytes, '"new"');
      return undefined;
    });
    await expectWhole(await fetch([url]));
    expect(server.requests).toHaveLength(2);
  });

  it("starts over when the pieces do not make the file, and nobody could have known", async () => {
    const url = server.add("/zookeeper.tar.gz", wrongBytes);
    server.setFault((seen) => {
      if (seen.nth === 0) return { kind: "cut", after: 500_000 };
      server.add("/zookeeper.tar.gz", bytes);
      return undefined;
    });
    await expectWhole(await fetch([url]));
    expect(server.ranges()).toEqual([undefined, "bytes=500000-", undefined]);
  });

  it("goes on after a stall", async () => {
    const url = server.add("/zookeeper.tar.gz", bytes);
    // Until it goes on: on a busy machine the first byte may take as long as a stall.
    server.setFault(({ headers }) =>
      headers.range === undefined ? { kind: "stall", after: 1_500_000 } : undefined,
    );
    await expectWhole(await fetch([url], { timeouts: { idleMs: 500 } }));
    expect(server.ranges().at(-1)).toMatch(/^bytes=[1-9]\d+-$/);
  });

  it("is asked for again when it was cut off in good order", async () => {
    const url = server.add("/zookeeper.tar.gz", bytes);
    server.setFault(first(1, { kind: "short", bytes: 1000 }));
    await expectWhole(await fetch([url]));
    expect(server.ranges()).toEqual([undefined, undefined]);
  });

  it.each([
    ["ranges are passed over", "ignore-range"],
    ["a part comes that was not asked for", "wrong-range"],
  ] as const)("starts over when %s", async (_when, kind) => {
    const url = server.add("/zookeeper.tar.gz", bytes);
    server.setFault(({ nth }) => (nth === 0 ? { kind: "cut", after: 600_000 } : { kind }));
    await expectWhole(await fetch([url]));
  });

  it("is gone on with by the next run, from the next address", async () => {
    const url = server.add("/zookeeper.tar.gz", bytes);
    server.setFault(() => ({ kind: "cut", after: 900_000 }));
    await expect(fetch([url], { retry: { attempts: 1 } })).rejects.toMatchObject({
      code: "NETWORK",
      message: expect.stringMatching(/^Source zookeeper: .*connection/) as string,
      details: { source: "zookeeper" },
    });
    expect((await store.info()).partialBytes).toBe(900_000);
    const mirror = await another();
    await expectWhole(await fetch([mirror.add("/mirror/zookeeper.tar.gz", bytes)]));
    expect(mirror.ranges()).toEqual(["bytes=900000-"]);
  });

  it("needs no request when nothing is missing but its end", async () => {
    const url = server.add("/zookeeper.tar.gz", bytes);
    server.setFault(() => ({ kind: "cut", after: 900_000 }));
    await expect(fetch([url], { retry: { attempts: 1 } })).rejects.toThrow();
    const [name = ""] = await readdir(join(store.dir, "partial"));
    await writeFile(join(store.dir, "partial", name), bytes);
    const before = server.requests.length;
    await expectWhole(await fetch([url]));
    expect(server.requests).toHaveLength(before);
  });

  it("throws away what an earlier run left when it is longer than the file, or wrong", async () => {
    const url = server.add("/zookeeper.tar.gz", bytes);
    for (const left of [
      Buffer.concat([bytes, bytes]),
      wrongBytes,
      wrongBytes.subarray(0, 1_000_000),
    ]) {
      await rm(join(dir, "store"), { recursive: true });
      store = await openStore(join(dir, "store"));
      server.setFault(() => ({ kind: "cut", after: 900_000 }));
      await expect(fetch([url], { retry: { attempts: 1 } })).rejects.toThrow();
      const [name = ""] = await readdir(join(store.dir, "partial"));
      await writeFile(join(store.dir, "partial", name), left);
      server.setFault(() => undefined);
      await expectWhole(await fetch([url]));
    }
  });

  it("keeps what came when it is stopped", async () => {
    const url = server.add("/zookeeper.tar.gz", bytes);
    server.setFault(() => ({ kind: "stall", after: 1_500_000 }));
    const stop = new AbortController();
    const work = expect(fetch([url], { signal: stop.signal })).rejects.toMatchObject({
      code: "INTERRUPTED",
    });
    const kept = async (): Promise<number> => (await store.info()).partialBytes;
    await expect.poll(kept).toBeGreaterThan(0);
    const before = await kept();
    stop.abort();
    await work;
    expect(await kept()).toBeGreaterThanOrEqual(before);
  });
});

describe("a server in trouble", () => {
  it.each([500, 503, 408])("is asked again after %d", async (status) => {
    const url = server.add("/zookeeper.tar.gz", bytes);
    server.setFault(first(2, { kind: "answer", status }));
    await expectWhole(await fetch([url]));
    expect(server.requests).toHaveLength(3);
  });

  it("is left in peace for as long as it asks", async () => {
    const url = server.add("/zookeeper.tar.gz", bytes);
    server.setFault(first(1, { kind: "answer", status: 429, headers: { "retry-after": "1" } }));
    const begun = performance.now();
    await expectWhole(await fetch([url], { retry: { baseMs: 2, maxRetryAfterMs: 300 } }));
    expect(performance.now() - begun).toBeGreaterThan(290);
  });

  it.each([
    [404, "NOT_FOUND"],
    [403, "AUTH"],
    [400, "NETWORK"],
  ])("is not asked again after %d", async (status, code) => {
    const url = server.add("/zookeeper.tar.gz", bytes);
    server.setFault(() => ({ kind: "answer", status }));
    await expect(fetch([url])).rejects.toMatchObject({
      code,
      message: expect.stringContaining("Source zookeeper: ") as string,
      hint: expect.stringContaining("--source zookeeper=FILE") as string,
    });
    expect(server.requests).toHaveLength(1);
    await expectNothingElse();
  });

  it("is given up when each try brings next to nothing", async () => {
    const url = server.add("/zookeeper.tar.gz", bytes);
    server.setFault(() => ({ kind: "cut", after: 1000 }));
    await expect(fetch([url])).rejects.toMatchObject({ code: "NETWORK" });
    expect(server.requests).toHaveLength(5);
  });

  it("may not send more than the largest source", async () => {
    const url = server.add("/zookeeper.tar.gz", bytes);
    server.setFault(() => ({
      kind: "answer",
      status: 200,
      headers: { "content-length": String(SOURCE_LIMIT + 1) },
    }));
    await expect(fetch([url])).rejects.toMatchObject({
      code: "INTEGRITY",
      message: expect.stringContaining("more than the 4.0 GiB allowed") as string,
    });
  });
});

describe("several addresses", () => {
  it("are tried in order, and a wrong file is said", async () => {
    const mirror = await another();
    const wrong = mirror.add("/wrong.tar.gz", wrongBytes);
    const url = server.add("/zookeeper.tar.gz", bytes);
    await expectWhole(await fetch([`${mirror.origin}/missing`, wrong, url]));
    expect(warnings()).toEqual([
      `Source zookeeper: ${mirror.origin}/missing does not exist. Trying ${wrong}.`,
      `Source zookeeper: ${wrong}: its bytes have the checksum ${checksumOf("sha256", wrongBytes)}, expected ${sha256}. Trying ${url}.`,
    ]);
    expect(server.ranges()).toEqual([undefined]);
  });

  it("that all give something else are named, with what they gave", async () => {
    const page = "<html>log in</html>";
    const login = server.add("/login", page);
    server.setFault(({ path }) =>
      path === "/login"
        ? { kind: "answer", status: 200, headers: { "content-type": "text/html" }, body: page }
        : undefined,
    );
    const wrong = server.add("/wrong.tar.gz", wrongBytes);
    const gone = `${server.origin}/gone?token=secret`;
    const error: unknown = await fetch([wrong, login, gone]).catch((thrown: unknown) => thrown);
    const found = [wrongBytes, Buffer.from(page)].map((data) => checksumOf("sha256", data));
    expect(error).toMatchObject({
      code: "INTEGRITY",
      details: {
        source: "zookeeper",
        expected: sha256,
        addresses: [
          { url: wrong, code: "INTEGRITY", found: found[0] },
          { url: login, code: "INTEGRITY", found: found[1] },
          { url: `${server.origin}/gone`, code: "NOT_FOUND" },
        ],
      },
    });
    const { message } = error as Error;
    for (const part of [wrong, login, "/gone", ...found, sha256, "(a web page)"])
      expect(message).toContain(part);
    expect(message).not.toContain("secret");
    await expectNothingElse();
  });

  it("keep nothing of a wrong file when the next one cannot be reached", async () => {
    const wrong = server.add("/wrong.tar.gz", wrongBytes);
    const dead = await startFileServer();
    await dead.close();
    await expect(fetch([wrong, `${dead.origin}/x`])).rejects.toMatchObject({ code: "INTEGRITY" });
    await expectNothingElse();
  });

  it("that are no web addresses are refused", async () => {
    for (const url of ["file:///etc/passwd", "nonsense", "https://me:secret@host.example/x"]) {
      const error: unknown = await fetch([url]).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: "DEFINITION", details: { source: "zookeeper" } });
      expect((error as Error).message).not.toContain("secret");
    }
  });
});

describe("a redirect", () => {
  it("is followed, and asked for anew when where it led to has expired", async () => {
    const cdn = await another();
    cdn.add("/signed", bytes);
    const url = `${server.origin}/download`;
    server.setFault(({ nth }) => ({ kind: "redirect", to: `${cdn.origin}/signed?ticket=${nth}` }));
    cdn.setFault(({ query, nth }) => {
      if (query === "?ticket=0" && nth === 0) return { kind: "cut", after: 600_000 };
      return query === "?ticket=1" ? { kind: "answer", status: 403 } : undefined;
    });
    await expectWhole(await fetch([url]));
    expect(cdn.requests.map(({ query }) => query)).toEqual(["?ticket=0", "?ticket=1", "?ticket=2"]);
    expect(cdn.ranges()).toEqual([undefined, "bytes=600000-", "bytes=600000-"]);
  });

  it("is not followed in circles, or to something that is no web address", async () => {
    server.setFault(() => ({ kind: "redirect", to: "/again" }));
    await expect(fetch([`${server.origin}/again`])).rejects.toMatchObject({
      code: "NETWORK",
      message: expect.stringContaining("more than 5 times") as string,
    });
    server.setFault(() => ({ kind: "redirect", to: "file:///etc/passwd" }));
    await expect(fetch([`${server.origin}/x`])).rejects.toMatchObject({ code: "NETWORK" });
  });

  it("from outside to this machine is refused, unless the user allows it", async () => {
    server.add("/inside", bytes);
    const proxy = await another();
    proxy.setFault(({ path }) =>
      path === "/download" ? { kind: "redirect", to: `${server.origin}/inside` } : undefined,
    );
    const env = { http_proxy: proxy.origin };
    const url = "http://mirror.example/download";
    await expect(fetch([url], { env })).rejects.toMatchObject({
      code: "NETWORK",
      message: expect.stringContaining(`redirects to ${server.host}`) as string,
      hint: expect.stringContaining(`--insecure ${server.host}`) as string,
    });
    expect(server.requests).toEqual([]);
    await expectWhole(await fetch([url], { env, insecure: new Set([server.host]) }));
    expect(proxy.requests[0]?.headers.host).toBe("mirror.example");
  });
});

describe("a source that is given by hand", () => {
  const given = (path: string): Partial<SourceContext> => ({
    given: new Map([["zookeeper", path]]),
  });

  it("is used where it lies, and nothing is asked", async () => {
    const path = join(dir, "by-hand.tar.gz");
    await writeFile(path, bytes);
    const url = server.add("/zookeeper.tar.gz", bytes);
    expect(await fetch([url], given(path), sha512)).toEqual({
      name: "zookeeper",
      path,
      format: "tar.gz",
      checksum: sha512,
      digest: digestOf(bytes),
      size: bytes.length,
    });
    expect(server.requests).toEqual([]);
    await expectNothingElse();
  });

  it("must be what the lock says", async () => {
    const path = join(dir, "by-hand.tar.gz");
    await writeFile(path, wrongBytes);
    await expect(fetch([], given(path))).rejects.toMatchObject({
      code: "INTEGRITY",
      message: `Source zookeeper: ${path} has the checksum ${checksumOf("sha256", wrongBytes)}, the lock expects ${sha256}.`,
    });
  });

  it("must be a file", async () => {
    for (const path of [dir, join(dir, "missing"), "/dev/null"]) {
      await expect(fetch([], given(path))).rejects.toMatchObject({
        code: "FILE",
        details: { source: "zookeeper", file: path },
      });
    }
  });

  it("is asked for in words when there is no other way", async () => {
    await expect(fetch([])).rejects.toMatchObject({
      code: "USAGE",
      hint: "Give the file: --source zookeeper=FILE.",
    });
  });

  it("tells by its bytes what it is", async () => {
    const path = join(dir, "by-hand");
    const zip = Buffer.from("PK\u0003\u0004rest");
    await writeFile(path, zip);
    const fetched = await fetch([], given(path), checksumOf("sha256", zip));
    expect(fetched.format).toBe("zip");
  });
});

describe.runIf(canMount)("a full disk", () => {
  it("is a DISK error that names the source, and what came is kept", async () => {
    await withSmallDisk(join(dir, "small"), async () => {
      store = await openStore(join(dir, "small", "store"));
      const url = server.add("/zookeeper.tar.gz", bytes);
      await expect(fetch([url])).rejects.toMatchObject({
        code: "DISK",
        message: expect.stringContaining("source zookeeper") as string,
      });
      expect(await readdir(join(store.dir, "blobs", "sha256"))).toEqual([]);
      expect(server.requests).toHaveLength(1);
    });
  });
});
