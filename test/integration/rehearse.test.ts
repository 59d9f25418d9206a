import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { BundleManifest } from "../../src/bundle/types.js";
import { openBundle } from "../../src/bundle/reader.js";
import { loadDefinition } from "../../src/definition/definition.js";
import { rehearseBundle } from "../../src/rehearse/rehearse.js";
import { takenAwaySentence } from "../../src/rehearse/taken-away.js";
import type { Rehearsal } from "../../src/rehearse/types.js";
import { sampleCatalogue } from "../../src/sample/catalogue.js";
import { startSampleRegistry } from "../../src/sample/registry.js";
import { type CliOutcome, cli, jsonOf, startCli } from "../support/cli.js";
import { writeSmallDefinition } from "../support/small-definition.js";
import { type Answer, type FakeDocker, fakeDocker } from "../support/fake-docker.js";

let home: string;
let archive: string;
let manifest: BundleManifest;
let fake: FakeDocker | undefined;
let tmp: string;

beforeAll(async () => {
  home = await mkdtemp(path.join(tmpdir(), "openim-bundler-rehearse-"));
  const definition = await writeSmallDefinition(path.join(home, "definition"));
  const table = path.join(definition, "components.yaml");
  const smoke =
    '    smoke: [{ run: [redis-cli, ping], expect: PONG }, { http: "http://127.0.0.1:16379/" }]\n';
  const text = await readFile(table, "utf8");
  await writeFile(
    table,
    text.replace('ports: ["16379:6379"]\n', (line) => line + smoke),
  );
  const registry = await startSampleRegistry({
    images: sampleCatalogue(await loadDefinition(definition)),
  });
  try {
    archive = path.join(home, "small.tar");
    const sources = [
      "--mirror",
      `docker.io=${registry.url}`,
      "--mirror",
      `quay.io=${registry.url}`,
    ];
    const made = await cli(
      [
        "create",
        definition,
        "-p",
        "linux/arm64",
        ...sources,
        "--store",
        path.join(home, "store"),
        "-o",
        archive,
      ],
      { cwd: home },
    );
    expect(made).toMatchObject({ code: 0 });
  } finally {
    await registry.close();
  }
  const bundle = await openBundle(archive);
  ({ manifest } = bundle);
  await bundle.close();
});
afterAll(() => rm(home, { recursive: true, force: true }));
beforeEach(async () => {
  tmp = path.join(home, "tmp");
  await mkdir(tmp);
});
afterEach(async () => {
  await rm(tmp, { recursive: true, force: true });
  await fake?.remove();
  fake = undefined;
});

const MODEL = {
  name: "x",
  services: {
    cache: {
      image: "docker.io/library/redis:7.0.15",
      networks: { default: null },
      ports: [{ mode: "ingress", target: 6379, published: "16379", protocol: "tcp" }],
    },
    database: {
      image: "docker.io/library/mysql:5.7.44",
      depends_on: { cache: { condition: "service_started", required: true } },
      environment: { MYSQL_ROOT_PASSWORD: "@PASSWORD@" },
      volumes: [{ type: "bind", source: "/srv/data", target: "/var/lib/mysql" }],
    },
  },
};
const container = (service: string, health: string): object => ({
  Id: `id-of-${service}`,
  RestartCount: 0,
  Config: { Labels: { "com.docker.compose.service": service } },
  HostConfig: { RestartPolicy: { Name: "no" } },
  State: {
    Status: health === "exited" ? "exited" : "running",
    ExitCode: health === "exited" ? 7 : 0,
    ...(health === "exited" ? {} : { Health: { Status: health } }),
  },
  NetworkSettings: { Networks: {} },
});
/** The same in the format that the installer asks for. */
const facts = (service: string, health: string): string =>
  `${service}|${health === "exited" ? "exited||7" : `running|${health}|0`}|0|no|<no value>\n`;
const ANOTHER = `sha256:${"1".repeat(64)}`;

/**
 * What an engine answers, as recorded from Docker 26; what it has is kept as files: `has-NAME` for an
 * image of the bundle, `other-NAME` for another one under its name, `running` for containers.
 */
async function engine({
  database = "healthy",
  up = "",
  answers = [],
}: {
  database?: string;
  up?: string;
  answers?: readonly (readonly [string, Answer])[];
} = {}): Promise<FakeDocker> {
  const images = manifest.components.map(
    ({ name, image }) =>
      [
        `image inspect --format * ${image.reference}`,
        {
          script: `if [ -e "$FAKE/has-${name}" ]; then id=${image.config.digest}
            elif [ -e "$FAKE/other-${name}" ]; then id=${ANOTHER}
            else echo 'Error: No such image' >&2; exit 1; fi
            case $4 in
              *Size*) echo "$id linux/arm64 1234" ;;
              *Architecture*) echo linux/arm64 ;;
              *) echo "$id" ;;
            esac`,
        },
      ] as const,
  );
  const removals = manifest.components.map(
    ({ name, image }) =>
      [`image rm ${image.reference}`, { script: `rm "$FAKE/has-${name}"` }] as const,
  );
  const load = manifest.components
    .map(
      ({ name, image }) =>
        `if grep -qF '${image.reference}' "$FAKE/names"; then : >"$FAKE/has-${name}"; fi`,
    )
    .join("\n");
  const inspected = Object.entries({ cache: "healthy", database }).map(
    ([name, health]) =>
      [`inspect --format *RestartPolicy* id-of-${name}`, { stdout: facts(name, health) }] as const,
  );
  fake = await fakeDocker([
    ...answers,
    ["--version", { stdout: "Docker version 26.1.5+dfsg1, build a72d7cd\n" }],
    ["version --format {{.Server.Version}}", { stdout: "26.1.5\n" }],
    ["version --format {{.Server.Arch}}", { stdout: "arm64\n" }],
    ["version *", { stdout: JSON.stringify({ Version: "26.1.5", Os: "linux", Arch: "arm64" }) }],
    ["info --format {{.DockerRootDir}}", { stdout: "/var/lib/docker\n" }],
    ["info --format {{.Driver}}", { stdout: "overlay2\n" }],
    ["info --format *", { stdout: "[]\n" }],
    ["compose version --short", { stdout: "2.26.1-4\n" }],
    ["context inspect *", { stdout: "tcp://10.0.0.1:2375\n" }],
    ...images,
    ["load -i *", { script: `tar -xOf "$3" manifest.json >"$FAKE/names"\n${load}` }],
    [
      "compose * config --format json",
      {
        script: `while [ "$1" != --env-file ]; do shift; done
          sed "s/@PASSWORD@/$(sed -n 's/^ROOT_PASSWORD=//p' "$2")/" "$FAKE/model"`,
      },
    ],
    ["compose * config --services", { stdout: "cache\ndatabase\n" }],
    ["compose * up --help", { stdout: "      --pull string    Pull image before running\n" }],
    [
      "compose * up -d --remove-orphans --pull never",
      {
        script: `cp compose.yaml "$FAKE/compose.json"
          sed -n 's/^ROOT_PASSWORD=//p' .env >"$FAKE/password"
          : >"$FAKE/running"\n${up}`,
      },
    ],
    ["ps *{{.Names}}", {}],
    [
      "ps -* --filter *",
      { script: '[ ! -e "$FAKE/running" ] || printf "id-of-cache\\nid-of-database\\n"' },
    ],
    ["ps -q --no-trunc", {}],
    ["rm -f -v *", { script: 'rm "$FAKE/running"' }],
    ["network ls *", { script: '[ -e "$FAKE/no-net" ] || echo net1' }],
    ["network rm *", { script: ': >"$FAKE/no-net"' }],
    ["volume ls *", {}],
    ...inspected,
    ...manifest.components.map(
      ({ name, image }) =>
        [
          `inspect --format {{.Image}} id-of-${name}`,
          { stdout: `${image.config.digest}\n` },
        ] as const,
    ),
    ["inspect --format *", {}],
    [
      "inspect id-of-*",
      { stdout: JSON.stringify([container("cache", "healthy"), container("database", database)]) },
    ],
    ["port *", {}],
    ["exec id-of-cache redis-cli ping", { stdout: "PONG\n" }],
    ["logs *", { script: 'echo "cannot log in with $(cat "$FAKE/password")"' }],
    ...removals,
  ]);
  await writeFile(path.join(fake.dir, "model"), JSON.stringify(MODEL));
  return fake;
}

const env = (docker: FakeDocker) => ({ OPENIM_BUNDLER_DOCKER: docker.program, TMPDIR: tmp });
const rehearse = (docker: FakeDocker, ...more: string[]): Promise<CliOutcome> =>
  cli(["rehearse", archive, ...more], { cwd: home, env: env(docker) });
/** In this process, with little patience. */
const directly = (docker: FakeDocker, more: { keep?: boolean } = {}): Promise<Rehearsal> =>
  rehearseBundle(archive, {
    throwAway: false,
    keep: more.keep === true,
    timeout: 20,
    settings: new Map(),
    env: { PATH: process.env["PATH"], ...env(docker) },
    tmpDir: tmp,
    signal: new AbortController().signal,
    onEvent: () => undefined,
    interval: 20,
  });
const lines = async (docker: FakeDocker): Promise<string[]> =>
  (await docker.calls()).map(({ args }) => args.join(" "));
const has = (docker: FakeDocker, file: string): boolean => existsSync(path.join(docker.dir, file));

describe("rehearse", () => {
  it("has the bundle's installer load, start and try, takes away, and tells each", async () => {
    const docker = await engine();
    const result = await directly(docker);
    expect(result).toMatchObject({
      bundle: { name: "small", version: "1.0", platform: "linux/arm64" },
      way: "engine",
      engine: { version: "26.1.5", platform: "linux/arm64", compose: "2.26.1-4" },
      emulated: false,
      verdict: "up",
      changes: ["database: an empty folder instead of /srv/data of the host"],
      takenAway: { containers: 2, networks: 1, images: 2, folders: 1, left: [] },
    });
    expect(result.steps.map(({ command, code }) => `${command} ${code}`)).toEqual(
      ["check", "load", "up", "verify"].map((command) => `${command} 0`),
    );
    const [cache, database] = result.components;
    expect(cache).toMatchObject({
      name: "cache",
      loaded: { ok: true, platform: "linux/arm64", before: false },
      health: { ready: true, state: "healthy" },
    });
    expect(cache!.smoke.map(({ outcome: how, said }) => [how, said])).toEqual([
      ["passed", undefined],
      ["skipped", "containers of this engine cannot be asked from here"],
    ]);
    expect(database).toMatchObject({ health: { ready: true }, smoke: [] });
    expect(result.receipt.every(({ ok }) => ok)).toBe(true);
    expect(await readdir(tmp)).toEqual([]);
    const compose = await readFile(path.join(docker.dir, "compose.json"), "utf8");
    expect(compose).not.toContain('/srv/data"');
    expect(JSON.parse(compose)).toMatchObject({
      name: result.project,
      networks: { default: { internal: true } },
      // The installer's own password is used, and does not lie in the file.
      services: { database: { environment: { MYSQL_ROOT_PASSWORD: "${ROOT_PASSWORD}" } } },
    });
    expect(compose).not.toContain("published");
  });

  it("says the same in words, without the secrets", async () => {
    const docker = await engine();
    const { code, stdout, stderr } = await rehearse(docker);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^PASS .*small\.tar: 2 of 2 services came up/m);
    expect(stdout).toMatch(
      /Taken away: 2 containers, 1 network, 2 images, 1 folder\. Nothing else is left\./,
    );
    expect(stderr).toMatch(/Load small\.tar/);
    const password = (await readFile(path.join(docker.dir, "password"), "utf8")).trim();
    expect(password).toHaveLength(24);
    expect(stdout + stderr).not.toContain(password);
  });

  it("leaves what the engine had, and with --keep what it loaded", async () => {
    const docker = await engine();
    await writeFile(path.join(docker.dir, "has-cache"), "");
    const result = await directly(docker);
    expect(result.components.map(({ loaded }) => loaded?.before)).toEqual([true, false]);
    expect(result.takenAway.images).toBe(1);
    expect(has(docker, "has-cache")).toBe(true);
    const kept = await directly(docker, { keep: true });
    expect(kept.takenAway).toMatchObject({
      images: 0,
      kept: ["docker.io/library/mariadb:10.11.11"],
      left: [],
    });
    expect(has(docker, "has-database")).toBe(true);
  });

  it("gives another image its name back, which the bundle's had meanwhile", async () => {
    const reference = "docker.io/library/redis:7.0.15";
    const docker = await engine({
      answers: [
        ["tag *", {}],
        ["image rm openim-bundler.local/*", {}],
      ],
    });
    await writeFile(path.join(docker.dir, "other-cache"), "");
    expect(await directly(docker)).toMatchObject({ verdict: "up" });
    const commands = (await lines(docker)).filter((line) => /^(?:tag|image rm|load)/.test(line));
    const [guard = ""] = /openim-bundler\.local\/\S+/.exec(commands[0] ?? "") ?? [];
    expect(commands[0]).toBe(`tag ${ANOTHER} ${guard}`);
    expect(commands.slice(-3)).toEqual([
      `image rm ${reference}`,
      `tag ${guard} ${reference}`,
      `image rm ${guard}`,
    ]);
  });

  it("asks through a port of loopback, and lowers limits that the engine cannot grant", async () => {
    const page = createServer((_request, response) => response.end("a page"));
    await new Promise<void>((resolve) => page.listen(0, "127.0.0.1", resolve));
    const { port: target } = page.address() as AddressInfo;
    const [cache, database] = ["cache", "database"].map((name) => ({
      ...container(name, "healthy"),
      NetworkSettings: { Networks: { inner: { IPAddress: "127.0.0.1" } } },
    }));
    const docker = await engine({
      answers: [
        ["context inspect *", { stdout: "unix:///var/run/docker.sock\n" }],
        ["inspect id-of-*", { stdout: JSON.stringify([cache, database]) }],
      ],
      up: `[ -e "$FAKE/tried" ] || { : >"$FAKE/tried"
        echo 'error setting rlimit type 7: operation not permitted' >&2; exit 1; }`,
    });
    const { services } = MODEL;
    const model = {
      services: {
        ...services,
        cache: {
          ...services.cache,
          ports: [{ target, published: "16379", protocol: "tcp" }],
          ulimits: { nofile: { soft: 2_000_000_000, hard: 2_000_000_000 } },
        },
      },
    };
    await writeFile(path.join(docker.dir, "model"), JSON.stringify(model));
    const result = await directly(docker);
    page.close();
    expect(result.steps.map(({ command, code }) => `${command} ${code}`)).toEqual([
      "check 0",
      "load 0",
      "up 9",
      "up 0",
      "verify 0",
    ]);
    expect(result).toMatchObject({ verdict: "up", reasons: [] });
    expect(result.changes.join("\n")).toMatch(/cache: \d+ descriptors instead of 2000000000/);
    expect(result.components[0]!.smoke.map(({ outcome }) => outcome)).toEqual(["passed", "passed"]);
    expect(await readdir(tmp)).toEqual([]);
  });

  it("ends with 16 when a service does not come up, quotes its log without secrets, and takes away", async () => {
    const docker = await engine({ database: "exited" });
    const { code, stdout } = await rehearse(docker);
    expect(code).toBe(16);
    expect(stdout).toContain("install.sh up ended with exit code 9: services did not become ready");
    expect(stdout).toContain("database did not become ready (exited (7))");
    expect(stdout).toContain("cannot log in with ***");
    expect(stdout).toMatch(/^FAIL /m);
    expect(has(docker, "running")).toBe(false);
    expect(has(docker, "has-database")).toBe(false);
    expect(await readdir(tmp)).toEqual([]);
  });

  it("takes everything away when it is interrupted, and says so", async () => {
    const docker = await engine({ database: "starting", up: "sleep 60" });
    const { child, ended } = startCli(["rehearse", archive], { cwd: home, env: env(docker) });
    while (!has(docker, "running")) await sleep(50);
    child.kill("SIGINT");
    const { code, stderr } = await ended;
    expect(code).toBe(130);
    expect(stderr).toMatch(/Taken away: 2 containers, .*1 folder\. Nothing else is left\./);
    expect(has(docker, "running")).toBe(false);
    expect(has(docker, "has-cache")).toBe(false);
    expect(await readdir(tmp)).toEqual([]);
  });

  it("names what it could not take away, with the command that does", async () => {
    const docker = await engine({
      answers: [["network rm *", { stderr: "Error: network has active endpoints\n", code: 1 }]],
    });
    const { takenAway } = await directly(docker);
    expect(takenAwaySentence(takenAway)).toContain(
      "STILL THERE: network net1 (network has active endpoints): docker network rm net1",
    );
  });

  it("ends with 15 where there is no engine, and no root for a private one", async () => {
    const stderr = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock.\n";
    const docker = await engine({ answers: [["version *", { stderr, code: 1 }]] });
    const outcome = await rehearse(docker);
    expect(outcome).toMatchObject({ code: 15 });
    expect(outcome.stderr).toContain("The Docker engine does not answer");
    const nothing = path.join(home, "empty");
    const alone = await cli(["rehearse", archive, "--throw-away"], {
      cwd: home,
      env: { PATH: nothing, TMPDIR: tmp },
    });
    expect(
      alone.code === 15 || alone.stderr.includes("There cannot be a private engine here"),
    ).toBe(true);
  });

  it("refuses settings that the bundle does not have", async () => {
    const docker = await engine();
    const outcome = await rehearse(docker, "--json", "--set", "NOTHING=1");
    expect(outcome).toMatchObject({ code: 2 });
    expect(jsonOf(outcome)).toMatchObject({
      error: { code: "USAGE", message: 'The bundle has no setting "NOTHING".' },
    });
    expect(await readdir(tmp)).toEqual([]);
  });
});
