import { access, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { BuilderSettings } from "../../../src/builder/builder-settings.js";
import { readNode } from "../../../src/builder/builder-settings.js";
import { inspectBuilder } from "../../../src/builder/inspect-builder.js";
import { removeBuilder } from "../../../src/builder/remove-builder.js";
import { setupBuilder } from "../../../src/builder/setup-builder.js";
import {
  type Answer,
  type FakeDocker,
  fakeDocker,
  versionText,
} from "../../support/fake-docker.js";

/**
 * Builders as files of the fake client: `create` makes one, or a node of one, `rm` takes it away,
 * `inspect` shows it.
 */
const BUILDX: readonly (readonly [string, Answer])[] = [
  [
    "buildx create *",
    {
      script: `for one in "$@"; do case $one in --name=*) name=\${one#--name=} ;; --driver=*) driver=\${one#--driver=} ;; esac; last=$one; done
  case $last in -*) last=unix:///var/run/docker.sock ;; esac
  case "$last" in *refused*) echo "ERROR: could not create a builder instance" >&2; exit 1 ;; esac
  builder="$FAKE/builder.$name"
  [ -e "$builder" ] || printf 'Name:   %s\\nDriver: %s\\n\\nNodes:\\n' "$name" "$driver" >"$builder"
  state='Status:    running'
  case "$last" in *silent*) state='Error:     connection refused' ;; esac
  printf 'Name:      %s%s\\nEndpoint:  %s\\n%s\\nPlatforms: linux/amd64\\n\\n' "$name" "$(grep -c ^Endpoint "$builder")" "$last" "$state" >>"$builder"`,
    },
  ],
  [
    "buildx rm *",
    {
      script: `for one in "$@"; do last=$one; done
  rm "$FAKE/builder.$last"`,
    },
  ],
  [
    "buildx inspect *",
    {
      script: `for one in "$@"; do last=$one; done
  if [ ! -e "$FAKE/builder.$last" ]; then echo "ERROR: no builder \\"$last\\" found" >&2; exit 1; fi
  case "$*" in
  *--bootstrap*)
    if [ -e "$FAKE/broken" ]; then echo "ERROR: Error response from daemon: pull access denied" >&2; exit 1; fi
    echo "#1 [internal] booting buildkit" >&2
    ;;
  esac
  cat "$FAKE/builder.$last"`,
    },
  ],
];

const signal = new AbortController().signal;
let fake: FakeDocker;
let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "openim-bundler-builders-"));
  await use("v0.13.1");
});
afterEach(async () => {
  await fake.remove();
  await rm(root, { recursive: true, force: true });
});

async function use(version: string): Promise<void> {
  fake = await fakeDocker([["buildx version", versionText(version)], ...BUILDX]);
}

function tools(): { env: NodeJS.ProcessEnv; root: string; signal: AbortSignal } {
  const env = { PATH: process.env["PATH"], OPENIM_BUNDLER_DOCKER: fake.program };
  return { env, root, signal };
}

function settings(more: Partial<BuilderSettings> = {}): BuilderSettings {
  return {
    name: "openim-bundler",
    driver: "docker-container",
    platforms: [],
    nodes: [],
    mirrors: new Map(),
    insecure: [],
    caFiles: [],
    registries: [],
    driverOptions: [],
    ...more,
  };
}

const setup = (more: Partial<BuilderSettings> = {}) => setupBuilder(settings(more), tools());

async function commands(): Promise<string[]> {
  const calls = await fake.calls();
  return calls
    .map(({ args }) => args.slice(1).join(" "))
    .filter((one) => /^(?:create|rm)/.test(one));
}

const MIRROR = new Map([["docker.io", ["https://mirror.example"]]]);

describe("setting up a builder", () => {
  it("creates, configures, adds nodes and starts it", async () => {
    const ca = join(root, "company.pem");
    await writeFile(ca, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    const lines: string[] = [];
    const result = await setupBuilder(
      settings({
        platforms: [{ os: "linux", architecture: "amd64" }],
        nodes: [readNode("ssh://me@arm=linux/arm64,linux/arm/v7"), readNode("tcp://10.0.0.3:2375")],
        mirrors: MIRROR,
        caFiles: [ca],
        buildkitImage: "mirror.example/moby/buildkit:v0.13.2",
        network: "host",
        driverOptions: ["env.A=b"],
      }),
      { ...tools(), onLine: (line) => lines.push(line) },
    );
    expect(result).toMatchObject({ outcome: "created", changes: [] });
    expect(result.builder.nodes.map(({ endpoint }) => endpoint)).toEqual([
      "unix:///var/run/docker.sock",
      "ssh://me@arm",
      "tcp://10.0.0.3:2375",
    ]);
    expect(lines).toEqual(["#1 [internal] booting buildkit"]);
    const folder = join(root, "openim-bundler");
    const shared = `--buildkitd-config=${folder}/buildkitd.toml --driver-opt=image=mirror.example/moby/buildkit:v0.13.2 --driver-opt=network=host --driver-opt=env.A=b`;
    expect(await commands()).toEqual([
      `create --name=openim-bundler --driver=docker-container ${shared} --platform=linux/amd64`,
      `create --name=openim-bundler --append ${shared} --platform=linux/arm64,linux/arm/v7 ssh://me@arm`,
      `create --name=openim-bundler --append ${shared} tcp://10.0.0.3:2375`,
    ]);
    const toml = await readFile(join(folder, "buildkitd.toml"), "utf8");
    expect(toml).toContain('mirrors = ["mirror.example"]');
    expect(toml).toContain(`ca = ["${folder}/ca.pem"]`);
    expect(await readFile(join(folder, "ca.pem"), "utf8")).toContain("AAAA");
  });

  it("changes nothing the second time", async () => {
    const options = { mirrors: MIRROR, driverOptions: ["env.TOKEN=hunter22"] };
    await setup(options);
    expect(await setup(options)).toMatchObject({ outcome: "unchanged", changes: [] });
    expect(await commands()).toHaveLength(1);
    const record = await readFile(join(root, "openim-bundler", "settings.json"), "utf8");
    expect(record).not.toContain("hunter22");
  });

  it("makes it anew with other settings, says what changed, and keeps the build cache", async () => {
    await setup({ mirrors: MIRROR });
    expect(await setup({ insecure: ["reg.lan"] })).toMatchObject({
      outcome: "recreated",
      changes: ["mirror: docker.io=https://mirror.example → none", "insecure: none → reg.lan"],
    });
    expect((await commands()).slice(1)).toEqual([
      "rm --keep-state openim-bundler",
      expect.stringMatching(/^create /),
    ]);
  });

  it("makes it anew when a certificate has changed, although its file is called the same", async () => {
    const ca = join(root, "ca.pem");
    const pem = (text: string) =>
      `-----BEGIN CERTIFICATE-----\n${text}\n-----END CERTIFICATE-----\n`;
    await writeFile(ca, pem("AAAA"));
    await setup({ caFiles: [ca] });
    await writeFile(ca, pem("BBBB"));
    expect((await setup({ caFiles: [ca] })).changes).toEqual([
      expect.stringMatching(/^ca: sha256:\w+ → sha256:\w+$/),
    ]);
  });

  it("deletes a configuration that is not wanted any more", async () => {
    await setup({ mirrors: MIRROR });
    await setup();
    expect(await readdir(join(root, "openim-bundler"))).toEqual(["settings.json"]);
    expect((await commands()).at(-1)).toBe(
      "create --name=openim-bundler --driver=docker-container",
    );
  });

  it("uses the flag that older versions know for the configuration", async () => {
    await fake.remove();
    await use("v0.12.1");
    await setup({ mirrors: MIRROR });
    expect((await commands())[0]).toContain(` --config=${root}`);
  });

  it("takes a running buildkitd for the remote driver", async () => {
    await setup({
      name: "team",
      driver: "remote",
      nodes: [readNode("tcp://h:1=linux/arm64"), readNode("unix:///b.sock")],
    });
    expect(await commands()).toEqual([
      "create --name=team --driver=remote --platform=linux/arm64 tcp://h:1",
      "create --name=team --append unix:///b.sock",
    ]);
  });

  it("leaves alone a builder that it has not made", async () => {
    await writeFile(join(fake.dir, "builder.mine"), "Name: mine\nDriver: remote\n\nNodes:\n");
    await expect(setup({ name: "mine" })).rejects.toMatchObject({
      code: "USAGE",
      hint: expect.stringContaining("builder remove mine") as string,
    });
    expect(await commands()).toEqual([]);
  });
});

describe("a setup that fails", () => {
  it("in starting the nodes leaves no builder, and works when it is mended", async () => {
    await writeFile(join(fake.dir, "broken"), "");
    await expect(setup({ mirrors: MIRROR })).rejects.toMatchObject({
      code: "BUILDER",
      message: expect.stringContaining("pull access denied") as string,
      hint: expect.stringContaining("--buildkit-image") as string,
    });
    expect((await readdir(fake.dir)).filter((name) => name.startsWith("builder."))).toEqual([]);
    expect(await readdir(root)).toEqual([]);
    await rm(join(fake.dir, "broken"));
    expect(await setup({ mirrors: MIRROR })).toMatchObject({ outcome: "created" });
  });

  it("in adding a node leaves no half of it", async () => {
    await expect(setup({ nodes: [readNode("ssh://refused=linux/arm64")] })).rejects.toMatchObject({
      code: "BUILDER",
      message: "The builder openim-bundler cannot be created: could not create a builder instance",
    });
    expect((await readdir(fake.dir)).filter((name) => name.startsWith("builder."))).toEqual([]);
  });

  it("because of a node says what has to listen there, which depends on the driver", async () => {
    const nodes = [readNode("tcp://silent:1")];
    await expect(setup({ nodes })).rejects.toMatchObject({
      message: expect.stringContaining("tcp://silent:1): connection refused") as string,
      hint: expect.stringContaining("A tcp node needs a Docker engine") as string,
    });
    await expect(setup({ nodes, driver: "remote" })).rejects.toMatchObject({
      hint: expect.stringContaining("A tcp node needs a buildkitd") as string,
    });
  });

  it("says that the builder from before is gone with it", async () => {
    await setup();
    await expect(setup({ nodes: [readNode("ssh://refused")] })).rejects.toMatchObject({
      hint: expect.stringContaining("its earlier flags bring it back") as string,
    });
  });

  it("by a crash is mended by the next run", async () => {
    await setup();
    const file = join(root, "openim-bundler", "settings.json");
    await writeFile(file, (await readFile(file, "utf8")).replace('"ready"', '"making"'));
    expect(await setup()).toMatchObject({
      outcome: "recreated",
      changes: ["it was left half made"],
    });
    expect(await setup()).toMatchObject({ outcome: "unchanged" });
  });

  it("for a certificate file that holds none has touched nothing", async () => {
    const file = join(root, "x.pem");
    await writeFile(file, "no");
    await expect(setup({ caFiles: [file] })).rejects.toMatchObject({ code: "FILE" });
    expect(await fake.calls()).toEqual([]);
  });
});

describe("a builder", () => {
  it("is shown with what it was made with", async () => {
    await setup({ mirrors: MIRROR, network: "host" });
    expect(await inspectBuilder("openim-bundler", tools())).toMatchObject({
      buildx: "0.13.1",
      builder: { name: "openim-bundler", driver: "docker-container" },
      settings: { mirror: "docker.io=https://mirror.example", network: "host" },
    });
  });

  it("is removed with its settings, and once more without complaint", async () => {
    await setup({ mirrors: MIRROR });
    expect(await removeBuilder("openim-bundler", tools())).toEqual({
      name: "openim-bundler",
      removed: true,
    });
    expect((await commands()).at(-1)).toBe("rm openim-bundler");
    await expect(access(join(root, "openim-bundler"))).rejects.toMatchObject({ code: "ENOENT" });
    expect(await removeBuilder("openim-bundler", tools())).toMatchObject({ removed: false });
  });

  it("that is an engine is not removed", async () => {
    await writeFile(join(fake.dir, "builder.far"), "Name: far\nDriver: docker\n\nNodes:\n");
    for (const name of ["far", "default"]) {
      await expect(removeBuilder(name, tools())).rejects.toMatchObject({ code: "USAGE" });
    }
    await expect(removeBuilder("--all-inactive", tools())).rejects.toMatchObject({ code: "USAGE" });
    expect(await commands()).toEqual([]);
  });
});
