import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { EventEmitter, once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Descriptor } from "../../src/image/descriptor.js";
import { type Store, openStore } from "../../src/store/store.js";
import { type FlakyRegistry, startFlakyRegistry } from "../support/flaky-registry.js";
import { type CompiledSources, compileSources } from "../unit/store/compiled-sources.js";

const bytes = randomBytes(4_000_000);
let sources: CompiledSources;
let dir: string;
let store: Store;
let server: FlakyRegistry;
let blob: Descriptor;
const children = new Set<ChildProcess>();

beforeAll(async () => {
  sources = await compileSources(["registry/client", "image/reference", "store/store"]);
});
afterAll(() => sources.remove());
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "openim-bundler-processes-"));
  store = await openStore(join(dir, "store"));
  server = await startFlakyRegistry();
  blob = server.addBlob(bytes);
});
afterEach(async () => {
  for (const child of children) child.kill("SIGKILL");
  children.clear();
  await server.close();
  await rm(dir, { recursive: true, force: true });
});

/** Downloads the blob in a process of its own, which prints each delta, notices, and `done`. */
function download(): { readonly child: ChildProcess; readonly lines: AsyncIterable<string> } {
  const program = `
    import { createRegistry } from ${JSON.stringify(sources.url("registry/client"))};
    import { parseReference } from ${JSON.stringify(sources.url("image/reference"))};
    import { openStore } from ${JSON.stringify(sources.url("store/store"))};
    const say = (text) => process.stdout.write(text + "\\n");
    const registry = createRegistry({
      mirrors: new Map(),
      network: { insecure: new Set(), caFiles: [], env: { HOME: ${JSON.stringify(dir)} }, userAgent: "test" },
      onEvent: (event) => say("notice " + event.message),
    });
    const store = await openStore(${JSON.stringify(store.dir)});
    const lease = await store.lease(new AbortController().signal);
    await registry.download(
      parseReference(${JSON.stringify(`${server.host}/team/app:1`)}), ${JSON.stringify(blob)}, store,
      { signal: new AbortController().signal, onBytes: (delta) => say("bytes " + delta) },
    );
    say("done");
    await registry.close();
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

const ranges = (): (string | undefined)[] =>
  server.requests
    .filter(({ path }) => path.includes("/blobs/"))
    .map(({ headers }) => headers.range);

describe("a download in a process that is killed", () => {
  it("is gone on with by the next process, from the bytes that reached the disk", async () => {
    server.setFault(({ path, nth }) =>
      path.includes("/blobs/") && nth === 0 ? { kind: "stall", after: 3_500_000 } : undefined,
    );
    const killed = download();
    let got = 0;
    for await (const line of killed.lines) {
      got += Number(/^bytes (\d+)/.exec(line)?.[1] ?? 0);
      if (got === 3_500_000) killed.child.kill("SIGKILL");
    }
    expect(await store.has(blob.digest, blob.size)).toBe(false);
    const { partialBytes } = await store.info();
    // All but what is gathered before it is written.
    expect(partialBytes).toBeGreaterThan(2_000_000);

    const lines = await allOf(download().lines);
    expect(lines.at(-1)).toBe("done");
    expect(lines[0]).toBe(`bytes ${partialBytes}`);
    expect(ranges()).toEqual([undefined, `bytes=${partialBytes}-`]);
    expect((await store.read(blob.digest, bytes.length)).equals(bytes)).toBe(true);
    expect(await store.info()).toMatchObject({ partials: 0, leases: 0 });
  });
});

describe("two processes that want the same blob", () => {
  it("fetch it once", async () => {
    const news = new EventEmitter();
    const until = once(news, "notice");
    server.setFault(({ path }) => (path.includes("/blobs/") ? { kind: "hold", until } : undefined));
    const downloadAndTell = (): Promise<string[]> =>
      allOf(download().lines, (line) => news.emit(line.split(" ")[0] ?? ""));
    const outputs = await Promise.all([downloadAndTell(), downloadAndTell()]);
    expect(ranges()).toHaveLength(1);
    for (const lines of outputs) {
      expect(lines.at(-1)).toBe("done");
      const sum = lines.reduce(
        (total, line) => total + Number(/^bytes (-?\d+)/.exec(line)?.[1] ?? 0),
        0,
      );
      expect(sum).toBe(bytes.length);
    }
    expect(outputs.flat().filter((line) => line.startsWith("notice"))).toHaveLength(1);
  });
});
