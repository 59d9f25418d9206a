import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { digestOf } from "../../src/core/digest.js";
import { noEvents } from "../../src/core/events.js";
import type { Source } from "../../src/definition/types.js";
import { fetchSource } from "../../src/source/fetch.js";
import { lockSource } from "../../src/source/lock.js";
import { type Store, openStore } from "../../src/store/store.js";
import { zipOf } from "../unit/source/archives.js";
import { type FileServer, startFileServer } from "./source-server.js";
import { testNetwork } from "../support/network.js";

const COMMIT = "0123abcdef".repeat(4);
const zip = zipOf(
  [{ path: "app-1/main.go", bytes: Buffer.from("package main\n".repeat(50_000)) }],
  {
    comment: COMMIT,
    compress: false,
  },
);

let dir: string;
let store: Store;
let server: FileServer;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "openim-bundler-first-"));
  store = await openStore(join(dir, "store"));
  server = await startFileServer();
});
afterEach(async () => {
  await server.close();
  await rm(dir, { recursive: true, force: true });
});

function sourceAt(...urls: string[]): Source {
  const at = { file: "components.yaml", line: 3, column: 5 };
  return { name: "app", urls, format: "zip", commit: COMMIT, strip: 1, optional: false, at };
}

const context = () => ({
  store,
  given: new Map<string, string>(),
  network: testNetwork(),
  signal: new AbortController().signal,
  onEvent: noEvents,
});

const blobs = () => readdir(join(store.dir, "blobs", "sha256"));

describe("a source with a commit and without a checksum", () => {
  it("is fetched once and pinned by what it is", async () => {
    const source = sourceAt(server.add("/app.zip", zip));
    const one = await lockSource(source, context());
    const other = await lockSource(source, context());
    expect(one).toEqual({ name: "app", checksum: digestOf(zip) });
    expect(other).toEqual(one);
    const fetched = await fetchSource(source, one!, context());
    expect(fetched).toMatchObject({ digest: digestOf(zip), size: zip.length, format: "zip" });
    expect(server.requests).toHaveLength(1);
  });

  it("is the same for two that want it at once", async () => {
    const source = sourceAt(server.add("/app.zip", zip));
    const both = await Promise.all([lockSource(source, context()), lockSource(source, context())]);
    const locked = { name: "app", checksum: digestOf(zip) };
    expect(both).toEqual([locked, locked]);
  });

  it("survives a connection that breaks, and an address that is gone", async () => {
    const gone = `${server.origin}/gone.zip`;
    server.setFault(({ path, nth }) =>
      path === "/app.zip" && nth < 2 ? { kind: "cut", after: 100_000 } : undefined,
    );
    const source = sourceAt(gone, server.add("/app.zip", zip, '"one"'));
    expect(await lockSource(source, context())).toEqual({ name: "app", checksum: digestOf(zip) });
    expect(server.ranges().filter(Boolean)).not.toEqual([]);
  });

  it.each([
    ["another commit", zipOf([{ path: "a/b" }], { comment: "f".repeat(40) })],
    ["no commit", zipOf([{ path: "a/b" }])],
    ["no archive at all", Buffer.from("<html>sorry</html>")],
  ])("is refused when what comes has %s, and nothing of it is kept", async (_what, bytes) => {
    const source = sourceAt(server.add("/app.zip", bytes));
    await expect(lockSource(source, context())).rejects.toMatchObject({
      code: "INTEGRITY",
      message: expect.stringContaining("app") as string,
    });
    expect(await blobs()).toEqual([]);
    server.add("/app.zip", zip);
    expect(await lockSource(source, context())).toEqual({ name: "app", checksum: digestOf(zip) });
  });

  it("does not come over plain HTTP from elsewhere", async () => {
    await expect(
      lockSource(sourceAt("http://forge.example/app.zip"), context()),
    ).rejects.toMatchObject({
      code: "DEFINITION",
      hint: expect.stringContaining("--insecure forge.example") as string,
    });
  });
});
