import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { BundlerEvent } from "../../../src/core/events.js";
import type { Credential } from "../../../src/registry/credential-helper.js";
import { createCredentials } from "../../../src/registry/credentials.js";

const signal = new AbortController().signal;
let dir: string;
let events: BundlerEvent[];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "openim-bundler-credentials-"));
  await mkdir(join(dir, "bin"));
  events = [];
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const base64 = (text: string): string => Buffer.from(text).toString("base64");
const notices = (): string[] =>
  events.flatMap((event) => (event.type === "notice" ? [event.message] : []));

async function configure(config: unknown): Promise<void> {
  const text = typeof config === "string" ? config : JSON.stringify(config);
  await mkdir(join(dir, ".docker"), { recursive: true });
  await writeFile(join(dir, ".docker", "config.json"), text);
}

function find(host: string, repository = "team/app"): Promise<Credential | undefined> {
  const env = { HOME: dir, PATH: `${join(dir, "bin")}:${process.env["PATH"] ?? ""}` };
  return createCredentials({ env, onEvent: (event) => events.push(event), signal }).find(
    host,
    repository,
  );
}

/** A real credential helper, in shell; what it was asked is left in `asked`. */
async function helper(name: string, script: string): Promise<void> {
  const path = join(dir, "bin", `docker-credential-${name}`);
  await writeFile(path, `#!/bin/sh\necho "$1 $(cat)" >> "${join(dir, "asked")}"\n${script}\n`);
  await chmod(path, 0o755);
}
const asked = (): Promise<string> => readFile(join(dir, "asked"), "utf8");

const ANN: Credential = { kind: "basic", username: "ann", password: "s:e:c" };

describe("credentials", () => {
  it.each([
    ["registry.example", "registry.example"],
    ["registry.example:5000", "registry.example:5000"],
    ["https://registry.example", "registry.example"],
    ["http://registry.example:5000/", "registry.example:5000"],
    ["https://registry.example/v1/", "registry.example"],
    ["registry.example/v2/", "registry.example"],
    ["https://index.docker.io/v1/", "docker.io"],
    ["docker.io", "docker.io"],
    ["REGISTRY.example", "registry.example"],
  ])("under %s are those of %s", async (key, host) => {
    await configure({ auths: { [key]: { auth: base64("ann:s:e:c") } } });
    expect(await find(host)).toEqual(ANN);
  });

  it.each([
    ["registry.example", "registry.example:5000"],
    ["registry.example", "other.example"],
    ["registry.example/team", "registry.example.evil"],
    ["https://index.docker.io/v1/", "index.docker.io.evil.example"],
  ])("under %s are not those of %s", async (key, host) => {
    await configure({ auths: { [key]: { auth: base64("ann:s:e:c") } } });
    expect(await find(host)).toBeUndefined();
  });

  it("may be spelled out, or be an identity token", async () => {
    await configure({
      auths: {
        a: { username: "ann", password: "s:e:c" },
        b: { auth: base64("00000000-0000:"), identitytoken: "refresh" },
        c: {},
      },
    });
    expect(await find("a")).toEqual(ANN);
    expect(await find("b")).toEqual({ kind: "identity", token: "refresh" });
    expect(await find("c")).toBeUndefined();
  });

  it("of a namespace come before those of its host, as Podman keeps them", async () => {
    await mkdir(join(dir, ".config", "containers"), { recursive: true });
    await writeFile(
      join(dir, ".config", "containers", "auth.json"),
      JSON.stringify({
        auths: {
          "quay.io": { auth: base64("all:1") },
          "quay.io/team": { auth: base64("ann:s:e:c") },
        },
      }),
    );
    expect(await find("quay.io", "team/app")).toEqual(ANN);
    expect(await find("quay.io", "teams/app")).toMatchObject({ username: "all" });
  });

  it("come from DOCKER_CONFIG when it is set", async () => {
    await writeFile(
      join(dir, "config.json"),
      JSON.stringify({ auths: { a: { auth: base64("x:y") } } }),
    );
    const env = { HOME: "/nonexistent", DOCKER_CONFIG: dir };
    const credentials = createCredentials({ env, onEvent: () => undefined, signal });
    expect(await credentials.find("a", "r")).toMatchObject({ username: "x" });
  });

  it("are none, silently, without any configuration", async () => {
    expect(await find("docker.io")).toBeUndefined();
    expect(notices()).toEqual([]);
  });

  it("are none, with a notice that quotes nothing, when the file is broken", async () => {
    await configure('{"auths": {"a": {"auth": "c2VjcmV0"');
    expect(await find("a")).toBeUndefined();
    expect(notices()).toHaveLength(1);
    expect(notices()[0]).toContain("config.json");
    expect(notices()[0]).not.toContain("c2VjcmV0");
  });
});

describe("a credential helper", () => {
  it("is asked for the host", async () => {
    await helper("safe", `echo '{"ServerURL":"x","Username":"ann","Secret":"s:e:c"}'`);
    await configure({ credsStore: "safe" });
    expect(await find("registry.example:5000")).toEqual(ANN);
    expect(await asked()).toBe("get registry.example:5000\n");
  });

  it("is asked for Docker Hub by its old name", async () => {
    await helper("safe", `echo '{"Username":"ann","Secret":"s:e:c"}'`);
    await configure({ credsStore: "safe" });
    expect(await find("docker.io")).toEqual(ANN);
    expect(await asked()).toBe("get https://index.docker.io/v1/\n");
  });

  it("of a host comes before the one for all, and says <token> for an identity token", async () => {
    await helper("special", `echo '{"Username":"<token>","Secret":"refresh"}'`);
    await helper("safe", "exit 1");
    await configure({ credsStore: "safe", credHelpers: { "registry.example": "special" } });
    expect(await find("registry.example")).toEqual({ kind: "identity", token: "refresh" });
  });

  it("that knows nothing leads to what the file lists, without a word", async () => {
    await helper("safe", `echo "credentials not found in native keychain"; exit 1`);
    await configure({ credsStore: "safe", auths: { a: { auth: base64("ann:s:e:c") } } });
    expect(await find("a")).toEqual(ANN);
    expect(await find("b")).toBeUndefined();
    expect(notices()).toEqual([]);
  });

  it.each([
    ["is not installed", "desktop-gone", undefined],
    ["ended with code 3", "bad", "echo secret >&2; exit 3"],
    ["not what helpers answer", "bad", "echo secret"],
    ["not that of a program", "../../evil", undefined],
  ])("that %s leads to a notice and to asking anonymously", async (words, name, script) => {
    if (script !== undefined) await helper(name, script);
    await configure({ credsStore: name });
    expect(await find("registry.example")).toBeUndefined();
    expect(notices()).toHaveLength(1);
    expect(notices()[0]).toContain(words);
    expect(notices()[0]).not.toContain("secret");
  });
});
