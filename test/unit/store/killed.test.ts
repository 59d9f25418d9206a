import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { createInterface } from "node:readline";
import { mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { digestOf } from "../../../src/core/digest.js";
import { type Store, openStore } from "../../../src/store/store.js";
import { type CompiledSources, compileSources } from "./compiled-sources.js";
import { canMount, withSmallDisk } from "./small-disk.js";

const signal = new AbortController().signal;
let sources: CompiledSources;
let dir: string;
let store: Store;
const children = new Set<ChildProcess>();

beforeAll(async () => {
  sources = await compileSources(["store/store", "core/digest"]);
});
afterAll(() => sources.remove());
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "openim-bundler-killed-"));
  store = await openStore(join(dir, "store"));
});
afterEach(async () => {
  for (const child of children) child.kill("SIGKILL");
  children.clear();
  await rm(dir, { recursive: true, force: true });
});

/** Runs a script in a process of its own; `store`, `digestOf` and `say` are there for it. */
function run(script: string): {
  readonly child: ChildProcess;
  readonly lines: AsyncIterator<string>;
} {
  const program = `
    import { openStore } from ${JSON.stringify(sources.url("store/store"))};
    import { digestOf } from ${JSON.stringify(sources.url("core/digest"))};
    const store = await openStore(${JSON.stringify(store.dir)});
    const signal = new AbortController().signal;
    const say = (text) => process.stdout.write(text + "\\n");
    const alive = setInterval(() => {}, 1000);
    ${script}
    clearInterval(alive);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.add(child);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return { child, lines };
}

async function kill(child: ChildProcess): Promise<void> {
  const gone = new Promise((resolve) => child.on("exit", resolve));
  child.kill("SIGKILL");
  await gone;
}

async function everyBlobIsWhole(): Promise<void> {
  const blobs = join(store.dir, "blobs", "sha256");
  for (const name of await readdir(blobs)) {
    const bytes = await readFile(join(blobs, name));
    expect(createHash("sha256").update(bytes).digest("hex")).toBe(name);
  }
}

describe("after SIGKILL", () => {
  it.each([0, 3, 17])(
    "a download is taken over with its bytes (killed after %d ms)",
    async (ms) => {
      const whole = Buffer.alloc(24 * 1024 * 1024, "openim");
      const digest = digestOf(whole);
      const { child, lines } = run(`
      const whole = Buffer.alloc(24 * 1024 * 1024, "openim");
      const partial = await store.partial(digestOf(whole), whole.length, { signal });
      await partial.write([whole.subarray(0, 4096)], 0);
      say("started");
      for (let at = 4096; at < whole.length; at += 65536)
        await partial.write([whole.subarray(at, at + 65536)], at);
      await partial.commit();
      say("done");`);
      await lines.next();
      await new Promise((resolve) => setTimeout(resolve, ms));
      await kill(child);
      await everyBlobIsWhole();

      const partial = await store.partial(digest, whole.length, { signal });
      if (partial === undefined) return;
      expect(partial.length).toBeGreaterThanOrEqual(4096);
      const hash = await partial.hashPrefix(signal);
      await partial.write([whole.subarray(partial.length)], partial.length);
      expect(`sha256:${hash.update(whole.subarray(partial.length)).digest("hex")}`).toBe(digest);
      await partial.commit();
      await everyBlobIsWhole();
      expect(await readdir(join(store.dir, "partial"))).toEqual([]);
    },
  );

  it("blobs are whole or not there, wherever a writer was", async () => {
    for (const ms of [5, 20, 40]) {
      const { child, lines } = run(`
        say("go");
        for (let n = 0; ; n += 1) await store.put(Buffer.alloc(100_000 + n, String(n)));`);
      await lines.next();
      await new Promise((resolve) => setTimeout(resolve, ms));
      await kill(child);
      await everyBlobIsWhole();
    }
    await store.prune({ signal });
    expect(await store.info()).toMatchObject({ blobs: 0, partials: 0 });
  });

  it("a lease holds nobody up any more", async () => {
    await store.put(Buffer.from("x"));
    const { child, lines } = run(
      `await store.lease(signal); say("leased"); await new Promise(() => {});`,
    );
    await lines.next();
    await expect(store.prune({ signal })).rejects.toMatchObject({
      code: "FILE",
      details: { pids: [child.pid] },
    });
    await kill(child);
    expect((await store.prune({ signal })).removed).toBe(1);
  });
});

describe("several processes on one store", () => {
  it("share the work: each blob is written by one of them, killed or not", async () => {
    // Each process works on the same blobs; one of them is killed in the middle.
    const script = `
      for (let n = 0; n < 12; n += 1) {
        const whole = Buffer.alloc(200_000, "blob " + n);
        const digest = digestOf(whole);
        const partial = await store.partial(digest, whole.length, { signal });
        if (partial === undefined) continue;
        for (let at = partial.length; at < whole.length; at += 20_000) {
          await partial.write([whole.subarray(at, at + 20_000)], at);
          await new Promise((resolve) => setTimeout(resolve, 1));
        }
        await partial.commit();
        say("wrote " + n);
      }
      say("end");`;
    const runs = [run(script), run(script), run(script), run(script)];
    const victim = runs[0]?.child;
    const written: string[] = [];
    await Promise.all(
      runs.map(async ({ child, lines }) => {
        for (let line = await lines.next(); line.done !== true; line = await lines.next()) {
          if (line.value !== "end") written.push(line.value);
          if (child === victim && line.value === "wrote 2") child.kill("SIGKILL");
        }
      }),
    );
    await everyBlobIsWhole();
    expect((await store.info()).blobs).toBe(12);
    expect(new Set(written).size).toBe(written.length);
    expect((await store.info()).partials).toBe(0);
  });
});

describe("on a full disk", () => {
  it.skipIf(!canMount)("says DISK and keeps what was written", async () => {
    const small = join(dir, "small");
    await withSmallDisk(small, async () => {
      const full = await openStore(join(small, "store"));
      const whole = Buffer.alloc(4 * 1024 * 1024, 1);
      const partial = await full.partial(digestOf(whole), whole.length, { signal });
      await expect(partial?.write([whole], 0)).rejects.toMatchObject({
        code: "DISK",
        hint: expect.stringContaining("cache prune") as string,
      });
      await partial?.release();
      expect((await full.info()).partialBytes).toBeGreaterThan(100_000);
      await expect(full.put(whole)).rejects.toMatchObject({ code: "DISK" });
      expect((await full.info()).partials).toBe(1);
    });
  });
});
