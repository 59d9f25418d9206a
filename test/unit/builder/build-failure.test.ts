import { describe, expect, it } from "vitest";
import { buildFailure } from "../../../src/builder/build-failure.js";
import type { FailedStep } from "../../../src/builder/build-steps.js";
import type { BuildRequest, Builder } from "../../../src/builder/types.js";
import { redact } from "../../../src/core/errors.js";
import { parsePlatform } from "../../../src/core/platform.js";

const builder: Builder = {
  name: "team",
  driver: "docker-container",
  nodes: [
    {
      name: "team0",
      endpoint: "unix:///var/run/docker.sock",
      status: "running",
      platforms: [parsePlatform("linux/amd64"), parsePlatform("linux/arm64")],
      claimed: [],
    },
  ],
  takesLayouts: true,
};

function failure(
  step: Partial<FailedStep> | undefined,
  text: readonly string[] = [],
  platform = "linux/arm64",
) {
  const request: BuildRequest = {
    component: "hello",
    platform: parsePlatform(platform),
    context: (async function* () {
      yield await Promise.resolve(Buffer.alloc(0));
    })(),
    dockerfile: "build/Dockerfile",
    args: {},
    secrets: [],
    epoch: 0,
    reference: "docker.io/acme/hello:1",
    output: "/out/hello.tar",
    logFile: "/logs/hello.log",
    timeout: 1000,
  };
  const failed =
    step === undefined
      ? undefined
      : { name: "[2/3] RUN make", error: "exit code: 1", output: [], ...step };
  return buildFailure({
    request,
    builder,
    steps: { failed: () => failed, current: () => failed?.name, text },
    timedOut: false,
    code: 1,
    redacted: redact,
  });
}

describe("the error of a failed build", () => {
  it("names the component, the platform, the step with its line and last words, and the log", () => {
    const error = failure({ output: ["cc -c a.c", "a.c:1: oops"] }, [
      "Dockerfile:7",
      "--------------------",
      "   7 | >>> RUN make",
      "--------------------",
      "ERROR: failed to solve: exit code: 1",
    ]);
    expect(error.code).toBe("BUILD");
    expect(error.message).toBe(
      `hello: the build for linux/arm64 failed in [2/3] RUN make (build/Dockerfile:7): exit code: 1
  cc -c a.c
  a.c:1: oops
The whole log is /logs/hello.log.`,
    );
    expect(error.details).toEqual({
      component: "hello",
      platform: "linux/arm64",
      builder: "team",
      log: "/logs/hello.log",
      step: "[2/3] RUN make",
      at: "build/Dockerfile:7",
    });
  });

  it("says what buildx said when no step was begun", () => {
    expect(
      failure(undefined, [
        "ERROR: failed to build: failed to solve: dockerfile parse error on line 3: unknown instruction: RUNN",
      ]).message,
    ).toContain("failed (build/Dockerfile:3): dockerfile parse error on line 3");
    expect(failure(undefined, []).message).toContain("buildx ended with code 1");
  });

  it.each([
    ["exec /bin/sh: exec format error", "linux/arm64", /for another processor than linux\/arm64/],
    [
      "exec /bin/sh: exec format error",
      "linux/s390x",
      /No node of the builder team runs linux\/s390x.*doctor --platform linux\/s390x --fix/,
    ],
    [
      "qemu: uncaught target signal 11 (Segmentation fault) - core dumped",
      "linux/arm64",
      /QEMU crashed/,
    ],
    // Nothing that --fix does makes a QEMU newer.
    [
      "did not complete successfully: exit code: 139",
      "linux/arm64",
      /QEMU crashed.*`openim-bundler doctor --platform linux\/arm64` says which/,
    ],
    [
      "tls: failed to verify certificate: x509: certificate signed by unknown authority",
      "linux/arm64",
      /--ca FILE/,
    ],
    ["write /usr/lib/x: no space left on device", "linux/arm64", /buildx prune --builder team/],
    [
      "unexpected status from HEAD request to https://registry-1.docker.io/v2/x: 429 Too Many Requests",
      "linux/arm64",
      /docker login.*mirror/,
    ],
    [
      "failed to authorize: failed to fetch oauth token: unexpected status: 401 Unauthorized",
      "linux/arm64",
      /docker login/,
    ],
    [
      "proxyconnect tcp: dial tcp 127.0.0.1:3128: connect: connection refused",
      "linux/arm64",
      /proxy on localhost/,
    ],
    [
      'failed to do request: Head "https://x/v2/": dial tcp 1.2.3.4:443: i/o timeout',
      "linux/arm64",
      /--mirror.*GOPROXY/,
    ],
    ["http: server gave HTTP response to HTTPS client", "linux/arm64", /--insecure HOST/],
    [
      'failed to calculate checksum of ref a::b: "/x": not found',
      "linux/arm64",
      /context does not have/,
    ],
  ])("hints at the cause of: %s (%s)", (error, platform, hint) => {
    expect(failure({ error }, [], platform).hint).toMatch(hint);
    expect(failure({ output: [error] }, [], platform).hint).toMatch(hint);
  });

  it.each([
    ["no match for platform in manifest: not found", /FROM/],
    [
      "failed to resolve source metadata for docker.io/docker/dockerfile:1: failed to do request: dial tcp: i/o timeout",
      /# syntax=/,
    ],
    ["unknown flag: --provenance", /buildx is older/],
  ])("hints at the cause of: %s, which no step says", (error, hint) => {
    expect(failure(undefined, [`ERROR: failed to solve: ${error}`]).hint).toMatch(hint);
  });

  it("is DISK where the builder has no room, not where a step merely says so", () => {
    expect(failure({ error: "failed to copy: write x: no space left on device" }).code).toBe(
      "DISK",
    );
    expect(failure({ output: ["no space left on device"] }).code).toBe("BUILD");
  });

  it.each([
    "ERROR: Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
    'ERROR: no builder "team" found',
    'ERROR: failed to list workers: Unavailable: connection error: desc = "transport: error while dialing"',
  ])("is BUILDER when the builder is away: %s", (line) => {
    expect(failure(undefined, [line])).toMatchObject({
      code: "BUILDER",
      message: expect.stringMatching(/^hello: /) as string,
      details: { component: "hello" },
    });
    // A program in a step that says the same is only that.
    expect(failure({ output: [line] }, ["ERROR: failed to solve: exit code: 1"]).code).toBe(
      "BUILD",
    );
  });
});
