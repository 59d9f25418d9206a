import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { digestOf } from "../../src/core/digest.js";
import { loadDefinition } from "../../src/definition/definition.js";
import { type CreateOptions, createJob } from "../../src/jobs/create.js";
import { planJob } from "../../src/jobs/plan.js";
import { formatLock, parseLock } from "../../src/plan/lock.js";
import { verifyBundle } from "../../src/verify/verify.js";
import { ARM64, type Lab, SampleHost, openLab } from "../unit/build/lab.js";
import { testNetwork } from "../support/network.js";

const COMPONENTS = `name: page
version: "1.0"
title: { en: Page, zh: 页 }
components:
  page:
    title: { en: Page, zh: 页 }
    image: example.org/page:1.0
    platforms: [linux/arm64]
    build: { context: build, always: true, platforms: [linux/arm64] }
`;

let host: SampleHost;
let lab: Lab;

beforeEach(async () => {
  host = new SampleHost();
  lab = await openLab(host);
  await lab.write({
    "components.yaml": COMPONENTS,
    "compose.yaml":
      'services:\n  page:\n    image: example.org/page:1.0\n    healthcheck: { test: ["CMD", "/page"] }\n',
    "site.yaml": "settings: {}\n",
    "build/Dockerfile": "FROM alpine:3.19\nCOPY page /page\n",
    "build/page": "hello\n",
  });
});
afterEach(() => lab.close());

function options(store = "store"): CreateOptions {
  return {
    storeDir: join(lab.dir, store),
    recipesDir: lab.recipes,
    mirrors: new Map([["docker.io", [lab.registry.url]]]),
    mirrorsOnly: true,
    requestsPerHost: 2,
    network: testNetwork({ insecure: new Set([lab.registry.host]), env: { HOME: lab.dir } }),
    buildHost: host,
    output: join(lab.dir, "page.tar"),
    force: true,
    templatesDir: resolve("templates/site"),
    tool: { name: "openim-bundler", version: "0.0.0" },
    signal: new AbortController().signal,
    onEvent: () => undefined,
  };
}

const selection = { platforms: [ARM64], without: [], archives: new Map<string, string>() };

async function create(more: Partial<CreateOptions> = {}): Promise<string> {
  const definition = await loadDefinition(lab.definition);
  const { archives } = await createJob(definition, selection, { ...options(), ...more });
  expect(archives).toHaveLength(1);
  return digestOf(await readFile(join(lab.dir, "page.tar")));
}

describe("create, for a component that is built", () => {
  it("gives the same archive from the store as from the build, and builds what has changed", async () => {
    const first = await create();
    expect(host.requests).toHaveLength(1);
    const verified = await verifyBundle(join(lab.dir, "page.tar"), {
      signal: new AbortController().signal,
    });
    expect(verified.ok).toBe(true);
    expect(await create()).toBe(first);
    expect(host.requests).toHaveLength(1);
    await lab.write({ "build/page": "goodbye\n" });
    await create();
    expect(host.requests).toHaveLength(2);
  });

  it("makes what a lock says, elsewhere too, and refuses it when what goes in has changed", async () => {
    const definition = await loadDefinition(lab.definition);
    const planned = await planJob(definition, selection, options());
    expect(planned.result).toMatchObject({
      ok: true,
      platforms: [{ toBuild: 1, components: [{ name: "page", method: "build" }] }],
    });
    const lock = parseLock("page.lock.json", formatLock(planned.lock));
    const first = await create({ lock });
    expect(await create({ lock, storeDir: join(lab.dir, "other") })).toBe(first);
    await lab.write({ "build/page": "goodbye\n" });
    await expect(create({ lock, storeDir: join(lab.dir, "third") })).rejects.toMatchObject({
      code: "LOCK",
      message: expect.stringContaining("page") as string,
    });
  });
});
