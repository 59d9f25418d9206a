import { createHash } from "node:crypto";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Checksum } from "../../src/core/checksum.js";
import { noEvents } from "../../src/core/events.js";
import type { Source } from "../../src/definition/types.js";
import { lockSource } from "../../src/source/lock.js";
import type { SourceContext } from "../../src/source/types.js";
import { type Store, openStore } from "../../src/store/store.js";
import { type FileServer, startFileServer } from "./source-server.js";
import type { NetworkOptions } from "../../src/http/network.js";
import { testNetwork } from "../support/network.js";

const bytes = Buffer.from("a source");
const hex = (algorithm: string): string => createHash(algorithm).update(bytes).digest("hex");
const sha256: Checksum = `sha256:${hex("sha256")}`;
const sha512: Checksum = `sha512:${hex("sha512")}`;
let dir: string;
let store: Store;
let server: FileServer;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "openim-bundler-lock-"));
  store = await openStore(join(dir, "store"));
  server = await startFileServer();
});
afterEach(async () => {
  await server.close();
  await rm(dir, { recursive: true, force: true });
});

function lock(source: Partial<Source>, options: Partial<SourceContext & NetworkOptions> = {}) {
  return lockSource(
    {
      name: "app",
      urls: [`${server.origin}/dist/app%201.0.zip?raw=1`],
      format: "zip",
      strip: 1,
      optional: false,
      at: { file: "components.yaml", line: 3, column: 5 },
      ...source,
    },
    {
      store,
      given: new Map(),
      signal: new AbortController().signal,
      onEvent: noEvents,
      ...options,
      network: testNetwork(options),
    },
  );
}

async function byHand(): Promise<Partial<SourceContext>> {
  const path = join(dir, "given.zip");
  await writeFile(path, bytes);
  return { given: new Map([["app", path]]) };
}

describe("the lock of a source", () => {
  it("is its declared checksum, and nothing is asked", async () => {
    expect(await lock({ checksum: sha512 })).toEqual({ name: "app", checksum: sha512 });
    expect(await lock({ checksum: sha256, urls: [] })).toEqual({ name: "app", checksum: sha256 });
    expect(server.requests).toEqual([]);
  });

  it("is the checksum of the file that was given by hand", async () => {
    expect(await lock({ urls: [] }, await byHand())).toEqual({ name: "app", checksum: sha256 });
    const checksumUrl = `${server.origin}/sums`;
    expect(await lock({ checksumUrl }, await byHand())).toEqual({ name: "app", checksum: sha256 });
    expect(await lock({ checksum: sha512 }, await byHand())).toEqual({
      name: "app",
      checksum: sha512,
    });
    expect(server.requests).toEqual([]);
  });

  it("is refused when the file given by hand is another one", async () => {
    const checksum: Checksum = `sha512:${"0".repeat(128)}`;
    await expect(lock({ checksum }, await byHand())).rejects.toMatchObject({
      code: "INTEGRITY",
      message: `Source app: ${join(dir, "given.zip")} has the checksum ${sha512}, the definition expects ${checksum}.`,
      details: { source: "app", expected: checksum, found: sha512 },
    });
  });

  it("is what is published, once", async () => {
    const checksumUrl = server.add(
      "/SHA512SUMS",
      `${"0".repeat(128)}  x.zip\n${hex("sha512")}  app 1.0.zip\n`,
    );
    server.setFault(({ nth }) => (nth === 0 ? { kind: "answer", status: 503 } : undefined));
    expect(await lock({ checksumUrl })).toEqual({ name: "app", checksum: sha512 });
    expect(server.requests.map(({ path }) => path)).toEqual(["/SHA512SUMS", "/SHA512SUMS"]);
    expect(await readdir(join(store.dir, "blobs", "sha256"))).toEqual([]);
  });

  it("is what is published under the name of its own list", async () => {
    const checksumUrl = server.add("/v1/app-1.zip.sha256", `${hex("sha256")} *app-1.zip\n`);
    expect(await lock({ checksumUrl, urls: ["https://host.example/get?id=1"] })).toEqual({
      name: "app",
      checksum: sha256,
    });
  });

  it.each([
    ["does not name the file", `${"0".repeat(64)}  x.zip`, /does not name app 1\.0\.zip/],
    ["is a web page", "<html></html>", /holds no checksum in a form that is known/],
    ["is too large", "x".repeat(1024 * 1024 + 1), /larger than the 1048576 bytes allowed/],
  ])("is not taken from what %s", async (_what, text, why) => {
    const checksumUrl = server.add("/sums", text);
    await expect(lock({ checksumUrl })).rejects.toMatchObject({
      code: "INTEGRITY",
      message: expect.stringMatching(why) as string,
    });
    await expect(lock({ checksumUrl })).rejects.toThrow(/^Source app: /);
  });

  it("is not taken over plain HTTP from elsewhere, unless the user vouches for the host", async () => {
    const checksumUrl = "http://sums.example/SHA256SUMS";
    await expect(lock({ checksumUrl })).rejects.toMatchObject({
      code: "DEFINITION",
      hint: expect.stringContaining("--insecure sums.example") as string,
    });
    server.add("/SHA256SUMS", hex("sha256"));
    const proxied = { env: { HTTP_PROXY: server.origin }, insecure: new Set(["sums.example"]) };
    expect(await lock({ checksumUrl }, proxied)).toEqual({ name: "app", checksum: sha256 });
  });

  it("fails as its server does", async () => {
    const checksumUrl = `${server.origin}/nothing`;
    await expect(lock({ checksumUrl })).rejects.toMatchObject({
      code: "NOT_FOUND",
      hint: expect.stringContaining("--source app=FILE") as string,
    });
    await expect(lock({ checksumUrl: "ftp://x/y" })).rejects.toMatchObject({ code: "DEFINITION" });
  });

  it("is missing for an optional source that there is no way to", async () => {
    expect(await lock({ urls: [], optional: true })).toBeUndefined();
    expect(await lock({ urls: [], optional: true, checksum: sha256 })).toBeUndefined();
    expect(await lock({ optional: true })).toBeUndefined();
    expect(await lock({ urls: [], optional: true }, await byHand())).toEqual({
      name: "app",
      checksum: sha256,
    });
  });

  it("is missing in words for any other", async () => {
    await expect(lock({ urls: [] })).rejects.toMatchObject({
      code: "USAGE",
      message: "Source app can only be given by hand, and was not.",
      hint: "Give the file by hand: --source app=FILE.",
    });
    await expect(lock({})).rejects.toMatchObject({
      code: "DEFINITION",
      message: expect.stringContaining(
        "(components.yaml:3:5) has an address and no checksum",
      ) as string,
      hint: expect.stringContaining("--source app=FILE") as string,
    });
  });
});
