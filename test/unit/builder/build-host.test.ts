import { mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { openBuildHost } from "../../../src/builder/build-host.js";
import type { BuildRequest } from "../../../src/builder/types.js";
import { digestOf } from "../../../src/core/digest.js";
import type { BundlerEvent } from "../../../src/core/events.js";
import {
  type Answer,
  type FakeDocker,
  NO_BUILDER,
  fakeDocker,
  inspectText,
  versionText,
} from "../../support/fake-docker.js";

const never = new AbortController().signal;
let dir: string;
let fake: FakeDocker | undefined;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "openim-bundler-build-host-"));
});
afterEach(async () => {
  await fake?.remove();
  fake = undefined;
  await rm(dir, { recursive: true, force: true });
});

type Answers = readonly (readonly [string, Answer])[];

interface Setting {
  readonly env?: Readonly<Record<string, string>>;
  readonly builder?: string;
  readonly caFiles?: readonly string[];
}

/** A host whose client answers so; buildx is 0.13.1 and has the builder `openim-bundler` otherwise. */
async function hostOf(answers: Answers, { env = {}, caFiles = [], builder }: Setting = {}) {
  fake = await fakeDocker([
    ...answers,
    ["buildx version", versionText("v0.13.1")],
    ["buildx inspect openim-bundler", { stdout: inspectText("openim-bundler") }],
  ]);
  return openBuildHost({
    env: { PATH: process.env["PATH"], OPENIM_BUNDLER_DOCKER: fake.program, ...env },
    caFiles,
    ...(builder === undefined ? {} : { builder }),
  });
}

const calls = async () => (await fake!.calls()).map(({ args }) => args.join(" "));

const INFO = (store: string): Answer => ({
  stdout: JSON.stringify({
    ServerVersion: "26.1.5",
    Driver: "overlayfs",
    DriverStatus: [["driver-type", store]],
    DockerRootDir: "/var/lib/docker",
    MemTotal: 8_000_000_000,
    KernelVersion: "6.1.0",
  }),
});

describe("the builder", () => {
  it("is openim-bundler when there is one, and is asked for once", async () => {
    const host = await hostOf([]);
    const [one, two] = await Promise.all([host.builder(never), host.builder(never)]);
    expect(one).toBe(two);
    expect(one).toMatchObject({ name: "openim-bundler", takesLayouts: true });
    expect(one).not.toHaveProperty("cannotExport");
    expect(await calls()).toEqual(["buildx version", "buildx inspect openim-bundler"]);
  });

  it("is the current one when there is none of that name", async () => {
    const host = await hostOf([
      ["buildx inspect openim-bundler", NO_BUILDER],
      ["buildx inspect", { stdout: inspectText("team") }],
    ]);
    expect(await host.builder(never)).toMatchObject({ name: "team" });
  });

  it("is the one that BUILDX_BUILDER names, and before that the one that was asked for", async () => {
    const answers: Answers = [
      ["buildx inspect ci", { stdout: inspectText("ci") }],
      ["buildx inspect mine", { stdout: inspectText("mine") }],
    ];
    const env = { BUILDX_BUILDER: "ci" };
    expect(await (await hostOf(answers, { env })).builder(never)).toMatchObject({ name: "ci" });
    await fake?.remove();
    const host = await hostOf(answers, { env, builder: "mine" });
    expect(await host.builder(never)).toMatchObject({ name: "mine" });
  });

  it("is started when it sleeps", async () => {
    const asleep = inspectText("openim-bundler", "docker-container", [{ status: "inactive" }]);
    const host = await hostOf([
      ["buildx inspect --bootstrap openim-bundler", { stdout: inspectText("openim-bundler") }],
      ["buildx inspect openim-bundler", { stdout: asleep }],
    ]);
    expect((await host.builder(never)).nodes[0]?.status).toBe("running");
  });

  it("goes on with the nodes that answer", async () => {
    const host = await hostOf([
      [
        "buildx inspect openim-bundler",
        { stdout: inspectText("openim-bundler", "docker-container", [{}, { error: "gone" }]) },
      ],
    ]);
    expect(await host.builder(never)).toMatchObject({
      nodes: [{ status: "running" }, { status: "error", error: "gone" }],
      takesLayouts: true,
    });
  });

  it.each([
    ["io.containerd.snapshotter.v1", undefined, true],
    ["overlay2", expect.stringContaining("containerd image store"), false],
  ])("that is the engine with the store %s", async (store, cannotExport, takesLayouts) => {
    const host = await hostOf([
      ["buildx inspect openim-bundler", NO_BUILDER],
      [
        "buildx inspect",
        { stdout: inspectText("default", "docker", [{ name: "default", endpoint: "default" }]) },
      ],
      ["info *", INFO(store)],
    ]);
    const builder = await host.builder(never);
    expect(builder.cannotExport).toEqual(cannotExport);
    expect(builder.takesLayouts).toBe(takesLayouts);
  });

  it("of another docker context is asked for its own engine", async () => {
    const host = await hostOf(
      [
        [
          "buildx inspect far",
          { stdout: inspectText("far", "docker", [{ name: "far", endpoint: "far" }]) },
        ],
        ["--context=far info *", INFO("io.containerd.snapshotter.v1")],
      ],
      { builder: "far" },
    );
    expect(await host.builder(never)).not.toHaveProperty("cannotExport");
  });

  it.each([
    ["v0.9.1", "v0.13.2", false],
    ["v0.13.1", "v0.10.6", false],
    ["v0.10.0", "v0.11.0", true],
    ["v0.13.1", "37657a1", true],
  ])("with buildx %s and BuildKit %s takes layouts: %s", async (buildx, buildkit, takes) => {
    const host = await hostOf([
      ["buildx version", versionText(buildx)],
      [
        "buildx inspect openim-bundler",
        { stdout: inspectText("openim-bundler", "docker-container", [{ buildkit }]) },
      ],
    ]);
    expect((await host.builder(never)).takesLayouts).toBe(takes);
  });
});

describe("what is missing is told", () => {
  const DAEMON = "Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?";

  it.each<[string, Answers, Setting, RegExp, RegExp]>([
    [
      "the engine does not run",
      [
        [
          "buildx inspect openim-bundler",
          { stdout: `Name:   default\nDriver: \nError:  ${DAEMON}\n` },
        ],
      ],
      {},
      /engine does not answer: Cannot connect/,
      /systemctl start docker.*DOCKER_HOST/,
    ],
    [
      "the socket is not this user's",
      [
        [
          "buildx inspect openim-bundler",
          {
            code: 1,
            stderr:
              'ERROR: permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock: Get "http://%2Fvar%2Frun%2Fdocker.sock/v1.45/version": dial unix /var/run/docker.sock: connect: permission denied\n',
          },
        ],
      ],
      {},
      /may not talk to the Docker engine: permission denied/,
      /usermod -aG docker/,
    ],
    [
      "docker has no buildx",
      [
        [
          "buildx version",
          { code: 1, stderr: "docker: unknown command: docker buildx\n\nRun 'docker --help'\n" },
        ],
      ],
      {},
      /has no buildx/,
      /docker-buildx-plugin/,
    ],
    [
      "an old docker has no buildx",
      [
        [
          "buildx version",
          { code: 1, stderr: "docker: 'buildx' is not a docker command.\nSee 'docker --help'\n" },
        ],
      ],
      {},
      /has no buildx/,
      /docker-buildx-plugin/,
    ],
    [
      "podman stands in for docker",
      [["buildx version", { stdout: "buildah 1.28.2\n" }]],
      {},
      /not Docker's: it calls itself "buildah 1\.28\.2"/,
      /OPENIM_BUNDLER_DOCKER/,
    ],
    [
      "buildx is too old",
      [["buildx version", versionText("v0.7.1")]],
      {},
      /too old: v0\.7\.1, and 0\.8\.0 is the oldest/,
      /releases/,
    ],
    [
      "the builder that was asked for is not there",
      [["buildx inspect gone", NO_BUILDER]],
      { builder: "gone" },
      /no builder gone\.$/,
      /builder setup --name gone/,
    ],
    [
      "the builder of BUILDX_BUILDER is not there",
      [["buildx inspect gone", NO_BUILDER]],
      { env: { BUILDX_BUILDER: "gone" } },
      /no builder gone, which BUILDX_BUILDER names/,
      /builder setup --name gone/,
    ],
    [
      "no node can be reached",
      [
        [
          "buildx inspect openim-bundler",
          {
            stdout: inspectText("openim-bundler", "docker-container", [
              { name: "arm", endpoint: "tcp://arm:1", error: "i/o timeout" },
            ]),
          },
        ],
      ],
      {},
      /No node of the builder openim-bundler can be reached\.\n {2}arm \(tcp:\/\/arm:1\): i\/o timeout/,
      /builder setup/,
    ],
    [
      "the builder does not start",
      [
        [
          "buildx inspect --bootstrap openim-bundler",
          {
            code: 1,
            stderr:
              'ERROR: Error response from daemon: Head "https://registry-1.docker.io/v2/moby/buildkit/manifests/buildx-stable-1": dial tcp: i/o timeout\n',
          },
        ],
        [
          "buildx inspect openim-bundler",
          { stdout: inspectText("openim-bundler", "docker-container", [{ status: "inactive" }]) },
        ],
      ],
      {},
      /cannot be started: Error response from daemon: Head/,
      /--buildkit-image/,
    ],
  ])("%s", async (_, answers, setting, message, hint) => {
    const host = await hostOf(answers, setting);
    await expect(host.builder(never)).rejects.toMatchObject({
      code: "BUILDER",
      message: expect.stringMatching(message) as string,
      hint: expect.stringMatching(hint) as string,
    });
  });

  it("there is no docker at all", async () => {
    const host = openBuildHost({ env: { PATH: dir }, caFiles: [] });
    await expect(host.builder(never)).rejects.toMatchObject({
      code: "BUILDER",
      message: "There is no docker program on PATH.",
      hint: expect.stringContaining("Install Docker") as string,
    });
  });

  it("a name could be taken for an option", async () => {
    const host = await hostOf([], { builder: "--help" });
    await expect(host.builder(never)).rejects.toMatchObject({ code: "USAGE" });
    expect(await calls()).toEqual(["buildx version"]);
  });

  it("and asked again when it has been mended", async () => {
    const host = await hostOf([
      [
        "buildx inspect openim-bundler",
        {
          script:
            'if [ -e "$FAKE/mended" ]; then echo "Name: openim-bundler"; printf "Driver: remote\\n\\nNodes:\\nName: a\\nStatus: running\\n"; exit 0; fi',
          stderr: 'ERROR: no builder "x" found\n',
          code: 1,
        },
      ],
      ["buildx inspect", NO_BUILDER],
    ]);
    await expect(host.builder(never)).rejects.toMatchObject({ code: "BUILDER" });
    await writeFile(join(fake!.dir, "mended"), "");
    expect(await host.builder(never)).toMatchObject({ driver: "remote" });
  });
});

/** What the fake client does with a build: keeps its input, and writes the image where it was told to. */
const BUILDS: Answer = {
  script: `cat >"$FAKE/context"
  for one in "$@"; do
    case $one in
    --output=*dest=*) rest=\${one#*dest=}; printf image >"\${rest%%,*}" ;;
    --secret=id=ca,src=*) cp "\${one#*src=}" "$FAKE/ca" ;;
    esac
  done`,
  stderr: `${JSON.stringify({ vertexes: [{ digest: "a", name: "[1/2] RUN make", started: "2026-01-01T00:00:00Z" }] })}\n`,
};

async function* context(...parts: string[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) {
    await Promise.resolve();
    yield Buffer.from(part);
  }
}

function requestFor(more: Partial<BuildRequest> = {}): BuildRequest {
  return {
    component: "hello",
    platform: { os: "linux", architecture: "arm", variant: "v7" },
    context: context("tar ", "archive"),
    dockerfile: "docker/Dockerfile",
    args: {},
    secrets: [],
    epoch: 1_700_000_000,
    reference: "docker.io/acme/hello:1.0",
    output: join(dir, "out", "hello.tar"),
    logFile: join(dir, "logs", "hello.log"),
    timeout: 60_000,
    ...more,
  };
}

async function build(
  answer: Answer,
  request: Partial<BuildRequest> = {},
  setting: Setting = {},
  signal = never,
): Promise<BundlerEvent[]> {
  const host = await hostOf([["buildx build *", answer]], setting);
  const events: BundlerEvent[] = [];
  await host.build(requestFor(request), { signal, onEvent: (event) => events.push(event) });
  return events;
}

async function buildCall() {
  const call = (await fake!.calls()).find(({ args }) => args[1] === "build");
  return { args: call?.args ?? [], env: call?.env ?? {} };
}

/** What an argument given as `--flag=value` says. */
const values = (args: readonly string[], flag: string) =>
  args.flatMap((one) => (one.startsWith(`--${flag}=`) ? [one.slice(flag.length + 3)] : []));

describe("a build", () => {
  it("puts the image in its place, with the context on standard input and the steps told", async () => {
    const events = await build(BUILDS, { target: "final", args: { VERSION: "1 2" } });
    expect(await readFile(join(dir, "out", "hello.tar"), "utf8")).toBe("image");
    expect(await readFile(join(fake!.dir, "context"), "utf8")).toBe("tar archive");
    expect(await readdir(join(dir, "out"))).toEqual(["hello.tar"]);
    expect(events).toEqual([
      { type: "item", phase: "build", name: "hello", state: "step", detail: "[1/2] RUN make" },
    ]);
    expect(await readFile(join(dir, "logs", "hello.log"), "utf8")).toBe("#1 [1/2] RUN make\n");
    const { args, env } = await buildCall();
    expect(args.at(-1)).toBe("-");
    expect(args).toEqual(
      expect.arrayContaining([
        "--builder=openim-bundler",
        "--platform=linux/arm/v7",
        "--provenance=false",
        "--sbom=false",
        "--file=docker/Dockerfile",
        "--tag=docker.io/acme/hello:1.0",
        "--target=final",
        "--build-arg=SOURCE_DATE_EPOCH=1700000000",
        "--build-arg=VERSION=1 2",
        "--progress=rawjson",
      ]),
    );
    const [output = ""] = values(args, "output");
    expect(output).toMatch(
      /^type=docker,dest=.*\/out\/hello\.tar\.[0-9a-f]+\.tmp,rewrite-timestamp=true$/,
    );
    expect(env["SOURCE_DATE_EPOCH"]).toBe("1700000000");
  });

  it("asks old versions for nothing that they do not know", async () => {
    const host = await hostOf([
      ["buildx version", versionText("v0.9.1")],
      [
        "buildx inspect openim-bundler",
        { stdout: inspectText("openim-bundler", "remote", [{ buildkit: "v0.10.3" }]) },
      ],
      ["buildx build *", { ...BUILDS, stderr: "#1 [1/2] RUN make\n#1 DONE 0.1s\n" }],
    ]);
    const events: BundlerEvent[] = [];
    await host.build(requestFor(), { signal: never, onEvent: (event) => events.push(event) });
    const { args, env } = await buildCall();
    expect(args.filter((one) => /provenance|sbom|rewrite|rawjson/.test(one))).toEqual([]);
    expect(values(args, "progress")).toEqual(["plain"]);
    expect(env["BUILDX_NO_DEFAULT_ATTESTATIONS"]).toBe("1");
    expect(events).toMatchObject([{ detail: "[1/2] RUN make" }]);
  });

  it("passes proxies and Go settings by name, one spelling each, and the definition's over them", async () => {
    const env = {
      HTTP_PROXY: "http://user:hunter22@proxy:3128",
      http_proxy: "http://other:1",
      https_proxy: "http://proxy:3128",
      NO_PROXY: "",
      GOPROXY: "https://goproxy.cn,direct",
      GOPRIVATE: "git.corp",
      GONOPROXY: "git.corp/mine",
      GOINSECURE: "git.corp",
      GOSUMDB: "off",
    };
    await build(BUILDS, { args: { GOSUMDB: "sum.golang.org" } }, { env });
    const { args, env: seen } = await buildCall();
    expect(values(args, "build-arg")).toEqual([
      "Http_Proxy",
      "Https_Proxy",
      "GOPROXY",
      "GONOPROXY",
      "GOPRIVATE",
      "GOINSECURE",
      "SOURCE_DATE_EPOCH=1700000000",
      "GOSUMDB=sum.golang.org",
    ]);
    expect(args.join(" ")).not.toContain("hunter22");
    expect(seen).toMatchObject({ Http_Proxy: env.HTTP_PROXY, Https_Proxy: env.https_proxy });
  });

  it("passes no proxy under a name that a Dockerfile declares, since an ARG's value is in the history", async () => {
    const proxy = "http://user:hunter22@proxy:3128";
    const env = Object.fromEntries(
      ["HTTP_PROXY", "https_proxy", "ALL_PROXY", "no_proxy"].map((name) => [name, proxy]),
    );
    await build(BUILDS, {}, { env });
    const names = values((await buildCall()).args, "build-arg").map((arg) => arg.split("=")[0]);
    expect(names.filter((name) => /^[A-Z_]+_PROXY$|^[a-z_]+_proxy$/.test(name ?? ""))).toEqual([]);
    expect(names).toContain("No_Proxy");
  });

  it("leaves a proxy out that the definition gives as an argument of its own", async () => {
    const env = { HTTP_PROXY: "http://proxy:3128" };
    await build(BUILDS, { args: { http_proxy: "http://other:1" } }, { env });
    expect(values((await buildCall()).args, "build-arg")).toEqual([
      "SOURCE_DATE_EPOCH=1700000000",
      "http_proxy=http://other:1",
    ]);
  });

  it("gives a Go setting with a password as a secret, since an argument stays in the history", async () => {
    const events = await build(
      BUILDS,
      {},
      { env: { GOPROXY: "https://me:hunter22@proxy,direct" } },
    );
    const { args } = await buildCall();
    expect(values(args, "build-arg")).toEqual(["SOURCE_DATE_EPOCH=1700000000"]);
    expect(values(args, "secret")).toEqual(["id=GOPROXY,env=GOPROXY"]);
    expect(events).toContainEqual({
      type: "notice",
      level: "warn",
      message: expect.stringContaining("GOPROXY") as string,
    });
  });

  it("lets the definition's arguments and secrets go before those of the environment", async () => {
    const pem = join(dir, "ca.pem");
    await writeFile(pem, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    const events = await build(
      BUILDS,
      {
        args: { GOPROXY: "https://goproxy.cn" },
        secrets: [
          { id: "ca", env: "OWN_CA" },
          { id: "GOPRIVATE", env: "OWN" },
        ],
      },
      {
        caFiles: [pem],
        env: { GOPROXY: "https://me:hunter22@proxy", GOPRIVATE: "https://me:hunter22@git" },
      },
    );
    const { args } = await buildCall();
    expect(values(args, "secret")).toEqual(["id=ca,env=OWN_CA", "id=GOPRIVATE,env=OWN"]);
    expect(values(args, "build-arg")).toEqual([
      "SOURCE_DATE_EPOCH=1700000000",
      "GOPROXY=https://goproxy.cn",
    ]);
    expect(JSON.stringify(events)).not.toContain("GOPROXY holds");
  });

  it("hands over secrets and certificates without their content on the command line", async () => {
    const pem = (text: string) =>
      `-----BEGIN CERTIFICATE-----\n${text}\n-----END CERTIFICATE-----\n`;
    const files = [join(dir, "a.pem"), join(dir, "b.pem")];
    await writeFile(files[0]!, `# a comment\n${pem("AAAA")}`);
    await writeFile(files[1]!, pem("BBBB"));
    await build(
      BUILDS,
      {
        secrets: [
          { id: "token", env: "TOKEN" },
          { id: "npmrc", file: '/a,b "c"/.npmrc' },
        ],
      },
      { caFiles: files },
    );
    const { args } = await buildCall();
    const [token, npmrc, ca = ""] = values(args, "secret");
    expect(token).toBe("id=token,env=TOKEN");
    expect(npmrc).toBe('id=npmrc,"src=/a,b ""c""/.npmrc"');
    expect(await readFile(join(fake!.dir, "ca"), "utf8")).toBe(pem("AAAA") + pem("BBBB"));
    await expect(stat(ca.replace("id=ca,src=", ""))).rejects.toMatchObject({ code: "ENOENT" });
  });

  it("gives bases as layouts, through a plain path where buildx would misread the real one", async () => {
    const digest = digestOf("base");
    await build(BUILDS, {
      bases: [
        { reference: "docker.io/library/a:1", dir: "/layouts/a", digest },
        { reference: "docker.io/library/b:1", dir: join(dir, "x:y@z"), digest },
      ],
    });
    const [plain, odd = ""] = values((await buildCall()).args, "build-context");
    expect(plain).toBe(`docker.io/library/a:1=oci-layout:///layouts/a@${digest}`);
    expect(odd).toMatch(/^docker\.io\/library\/b:1=oci-layout:\/\/[^:@]+@sha256:[0-9a-f]{64}$/);
  });

  it("shows no credentials, in what it tells, in its log and in its error", async () => {
    const secretFile = join(dir, "secret");
    await writeFile(secretFile, "file-secret-1\nfile-secret-2\n");
    const env = { TOKEN: "env-secret", HTTPS_PROXY: "http://user:p%40ss/word@proxy:1" };
    const said = [
      "cloning https://me:hunter22@git.corp/x",
      "env-secret file-secret-2 p@ss/word p%40ss/word",
      "Authorization: Bearer abcdefghijklmnop",
    ].join("\n");
    const vertex = { digest: "a", name: "RUN curl -u env-secret", started: "2026-01-01T00:00:00Z" };
    const stderr = [
      { vertexes: [vertex] },
      { logs: [{ vertex: "a", data: Buffer.from(said).toString("base64") }] },
      { vertexes: [{ ...vertex, error: "exit code: 1 env-secret" }] },
    ].map((one) => JSON.stringify(one));
    const events: BundlerEvent[] = [];
    const host = await hostOf(
      [["buildx build *", { stderr: `${stderr.join("\n")}\nERROR: failed env-secret\n`, code: 1 }]],
      { env },
    );
    const failure: unknown = await host
      .build(
        requestFor({
          secrets: [
            { id: "a", env: "TOKEN" },
            { id: "b", file: secretFile },
          ],
        }),
        { signal: never, onEvent: (event) => events.push(event) },
      )
      .catch((error: unknown) => error);
    const { message, hint, details } = failure as {
      message: string;
      hint: string;
      details: object;
    };
    const log = await readFile(join(dir, "logs", "hello.log"), "utf8");
    const all = [message, hint, JSON.stringify(details), JSON.stringify(events), log].join("\n");
    expect(all).toContain("RUN curl -u ***");
    expect(all).not.toMatch(/env-secret|file-secret|hunter22|p@ss|p%40ss|abcdefghijklmnop/);
    expect((await stat(join(dir, "logs", "hello.log"))).mode & 0o077).toBe(0);
  });

  it("appends to its log, without colours", async () => {
    const one = {
      ...BUILDS,
      stderr: `${JSON.stringify({
        vertexes: [{ digest: "a", name: "x", started: "2026-01-01T00:00:00Z" }],
        logs: [
          {
            vertex: "a",
            data: Buffer.from("\u001b[31mred\u001b[0m\u0007\tok\n").toString("base64"),
          },
        ],
      })}\n`,
    };
    await build(one);
    await fake?.remove();
    await build(one);
    expect(await readFile(join(dir, "logs", "hello.log"), "utf8")).toBe(
      "#1 x\n#1 red\tok\n".repeat(2),
    );
  });

  it("is refused where the builder cannot write a file", async () => {
    const host = await hostOf([
      [
        "buildx inspect openim-bundler",
        { stdout: inspectText("openim-bundler", "docker", [{ endpoint: "default" }]) },
      ],
      ["info *", INFO("overlay2")],
    ]);
    await expect(
      host.build(requestFor(), { signal: never, onEvent: () => undefined }),
    ).rejects.toMatchObject({
      code: "BUILDER",
      hint: expect.stringContaining("openim-bundler builder setup") as string,
    });
  });
});

describe("a build that fails leaves nothing behind", () => {
  /** In the output's folder, and of the temporary ones. */
  const left = async (): Promise<string[]> => {
    const temporary = await readdir(tmpdir());
    return [
      ...(await readdir(join(dir, "out"))),
      ...temporary.filter((name) => name.startsWith("openim-bundler-build-")),
    ];
  };
  beforeEach(async () => {
    const own = join(dir, "tmp");
    await mkdir(own);
    vi.stubEnv("TMPDIR", own);
  });
  afterEach(() => vi.unstubAllEnvs());
  const HALF = `for one in "$@"; do case $one in --output=*dest=*) rest=\${one#*dest=}; printf ima >"\${rest%%,*}" ;; esac; done; `;

  it("whatever the reason", async () => {
    await expect(build({ script: HALF, code: 1, stderr: "ERROR: no\n" })).rejects.toMatchObject({
      code: "BUILD",
    });
    expect(await left()).toEqual([]);
  });

  it("when it wrote no image although it ended well", async () => {
    await expect(build({ script: "cat >/dev/null" })).rejects.toMatchObject({ code: "BUILD" });
    expect(await left()).toEqual([]);
  });

  it("when the context breaks", async () => {
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield Buffer.from(await Promise.resolve("x"));
      throw new Error("the source is corrupt");
    }
    await expect(build(BUILDS, { context: broken() })).rejects.toThrow("the source is corrupt");
    expect(await left()).toEqual([]);
  });

  it("when time is up, and says so", async () => {
    const stderr = JSON.stringify({
      vertexes: [{ digest: "a", name: "[3/4] RUN java -version", started: "2026-01-01T00:00:00Z" }],
    });
    await expect(
      build({ script: `${HALF} echo '${stderr}' >&2; sleep 600` }, { timeout: 3000 }),
    ).rejects.toMatchObject({
      code: "BUILD",
      message: expect.stringMatching(
        /^hello: the build for linux\/arm\/v7 was stopped after 3 seconds in \[3\/4\] RUN java -version\./,
      ) as string,
      hint: expect.stringContaining("emulation") as string,
    });
    expect(await left()).toEqual([]);
  });

  it("when it is interrupted, and the client is gone", async () => {
    const stop = new AbortController();
    const running = build(
      { script: `${HALF} echo $$ >"$FAKE/pid"; sleep 60` },
      {},
      {},
      stop.signal,
    );
    running.catch(() => undefined);
    let pid = "";
    while (pid === "") {
      await sleep(5);
      pid = fake === undefined ? "" : await readFile(join(fake.dir, "pid"), "utf8").catch(() => "");
    }
    stop.abort();
    await expect(running).rejects.toMatchObject({ code: "INTERRUPTED" });
    expect(() => process.kill(Number(pid), 0)).toThrow("ESRCH");
    expect(await left()).toEqual([]);
  });
});
