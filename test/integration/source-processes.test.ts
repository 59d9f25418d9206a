import { type ChildProcess, spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { EventEmitter, once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { digestOf } from "../../src/core/digest.js";
import { type Store, openStore } from "../../src/store/store.js";
import { type CompiledSources, compileSources } from "../unit/store/compiled-sources.js";
import { type FileServer, startFileServer } from "./source-server.js";

const bytes = randomBytes(4_000_000);
const checksum = `sha512:${createHash("sha512").update(bytes).digest("hex")}`;
let sources: CompiledSources;
let dir: string;
let store: Store;
let server: FileServer;
const children = new Set<ChildProcess>();

beforeAll(async () => {
  sources = await compileSources(["source/fetch", "store/store"]);
});
afterAll(() => sources.remove());
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "openim-bundler-source-processes-"));
  store = await openStore(join(dir, "store"));
  server = await startFileServer();
  server.add("/app.tar.gz", bytes);
});
afterEach(async () => {
  for (const child of children) child.kill("SIGKILL");
  children.clear();
  await server.close();
  await rm(dir, { recursive: true, force: true });
});

/** Fetches the source in a process of its own, which prints its news, notices, and the path. */
function fetchElsewhere(): { readonly child: ChildProcess; readonly lines: AsyncIterable<string> } {
  const program = `
    import { fetchSource } from ${JSON.stringify(sources.url("source/fetch"))};
    import { openStore } from ${JSON.stringify(sources.url("store/store"))};
    const say = (text) => process.stdout.write(text + "\\n");
    const store = await openStore(${JSON.stringify(store.dir)});
    const signal = new AbortController().signal;
    const lease = await store.lease(signal);
    const source = { name: "app", urls: [${JSON.stringify(`${server.origin}/app.tar.gz`)}], strip: 0 };
    const fetched = await fetchSource(source, { name: "app", checksum: ${JSON.stringify(checksum)} }, {
      store, signal, given: new Map(),
      network: { insecure: new Set(), caFiles: [], env: {}, userAgent: "test" },
      onEvent: (event) => say(event.type + " " + (event.message ?? event.detail)),
    });
    say("done " + fetched.path);
    await lease.release();`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.add(child);
  return { child, lines: createInterface({ input: child.stdout }) };
}

async function allOf(
  lines: AsyncIterable<string>,
  onLine: (line: string) => void = () => undefined,
): Promise<string[]> {
  const all: string[] = [];
  for await (const line of lines) {
    all.push(line);
    onLine(line);
  }
  return all;
}

const done = (): string => `done ${store.path(digestOf(bytes))}`;

describe("a source's download in a process that is killed", () => {
  it("is gone on with by the next process, from the bytes that reached the disk", async () => {
    server.setFault(({ nth }) => (nth === 0 ? { kind: "stall", after: 3_500_000 } : undefined));
    const killed = fetchElsewhere();
    const lines = allOf(killed.lines);
    const kept = async (): Promise<number> => (await store.info()).partialBytes;
    await expect.poll(kept).toBeGreaterThanOrEqual(2_000_000);
    killed.child.kill("SIGKILL");
    await lines;
    const partialBytes = await kept();
    expect(partialBytes).toBeGreaterThanOrEqual(2_000_000);

    expect((await allOf(fetchElsewhere().lines)).at(-1)).toBe(done());
    expect(server.ranges()).toEqual([undefined, `bytes=${partialBytes}-`]);
    expect((await readFile(store.path(digestOf(bytes)))).equals(bytes)).toBe(true);
    expect(await store.info()).toMatchObject({ partials: 0, leases: 0, blobs: 1 });
  });
});

describe("two processes that want the same source", () => {
  it("fetch it once", async () => {
    const news = new EventEmitter();
    const until = once(news, "notice");
    server.setFault(() => ({ kind: "hold", until }));
    const fetchAndTell = (): Promise<string[]> =>
      allOf(fetchElsewhere().lines, (line) => news.emit(line.split(" ")[0] ?? ""));
    const outputs = await Promise.all([fetchAndTell(), fetchAndTell()]);
    expect(server.requests).toHaveLength(1);
    for (const lines of outputs) expect(lines.at(-1)).toBe(done());
    expect(outputs.flat().filter((line) => line.startsWith("notice"))).toEqual([
      expect.stringMatching(/^notice Source app: another run \(process \d+\) is fetching it/),
    ]);
  });
});
