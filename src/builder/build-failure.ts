import { BundlerError } from "../core/errors.js";
import { formatPlatform, platformMatches } from "../core/platform.js";
import type { BuildSteps } from "./build-steps.js";
import { engineFault } from "../engine/docker.js";
import type { Redactor } from "../core/redactor.js";
import type { BuildRequest, Builder } from "./types.js";

export interface FailedBuild {
  readonly request: BuildRequest;
  readonly builder: Builder;
  readonly steps: Pick<BuildSteps, "failed" | "current" | "text">;
  readonly timedOut: boolean;
  /** Absent when a signal ended buildx. */
  readonly code?: number;
  readonly redacted: Redactor;
}

/** Lines quoted of the step's output. */
const QUOTED = 15;

/**
 * Why a build failed: BUILD with the step and its last lines, BUILDER when the builder went away or
 * never answered, DISK when there is no room for what it makes.
 */
export function buildFailure(failed: FailedBuild): BundlerError {
  const { request, builder, steps, timedOut, redacted } = failed;
  const { component, logFile } = request;
  const platform = formatPlatform(request.platform);
  const step = steps.failed();
  const final = finalError(steps.text) ?? step?.error;
  const details = {
    component,
    platform,
    builder: builder.name,
    log: logFile,
    ...(step === undefined ? {} : { step: redacted(step.name) }),
  };
  const log = `The whole log is ${logFile}.`;

  if (timedOut) {
    const at = steps.current();
    return new BundlerError(
      "BUILD",
      redacted(
        `${component}: the build for ${platform} was stopped after ${duration(request.timeout)}${at === undefined ? "" : ` in ${at}`}. ${log}`,
      ),
      {
        hint: `A step under emulation can take ten times as long, or hang (Java does): give the builder a node of the platform, \`openim-bundler builder setup --node ssh://HOST=${platform}\`.`,
        details,
      },
    );
  }

  const lost = step === undefined ? builderLost(final ?? "", builder.name) : undefined;
  if (lost !== undefined) return lost.with(details, `${component}: `);

  const where = dockerfileLine(steps.text, request.dockerfile);
  const reason = step?.error ?? final ?? lastText(steps.text) ?? endOf(failed.code);
  const output = (step?.output ?? []).slice(-QUOTED).map((line) => `  ${line}`);
  const inStep = step === undefined ? "" : ` in ${shorten(step.name)}`;
  const message = [
    `${component}: the build for ${platform} failed${inStep}${where === undefined ? "" : ` (${where})`}: ${shorten(reason)}`,
    ...output,
    log,
  ].join("\n");
  const hint = hintFor([reason, final ?? "", ...(step?.output ?? [])].join("\n"), failed, platform);
  const full = /no space left on device|disk quota exceeded/i.test(
    `${step?.error ?? ""}\n${final ?? ""}`,
  );
  return new BundlerError(full ? "DISK" : "BUILD", redacted(message), {
    ...(hint === undefined ? {} : { hint }),
    details: where === undefined ? details : { ...details, at: where },
  });
}

function duration(ms: number): string {
  const [count, unit] = ms < 120_000 ? [ms / 1000, "seconds"] : [ms / 60_000, "minutes"];
  return `${Math.round(count)} ${unit}`;
}

/** The sentence after `ERROR:`, with which buildx ends. */
function finalError(text: readonly string[]): string | undefined {
  const line = [...text].reverse().find((one) => /^error: /i.test(one));
  return line?.replace(/^error: (?:failed to build: )?(?:failed to solve: )?/i, "");
}

/** The last line that is neither empty nor a frame around the Dockerfile's excerpt. */
function lastText(text: readonly string[]): string | undefined {
  return [...text].reverse().find((line) => !/^\s*-*\s*$/.test(line));
}

function endOf(code: number | undefined): string {
  return code === undefined ? "buildx was killed" : `buildx ended with code ${code}`;
}

/** `Dockerfile:4`, from the excerpt that buildx prints or from the error itself. */
function dockerfileLine(text: readonly string[], dockerfile: string): string | undefined {
  for (const line of [...text].reverse()) {
    const [, at] = /^\S[^:]*:(\d{1,6})$/.exec(line.trim()) ?? [];
    if (at !== undefined) return `${dockerfile}:${at}`;
    const [, parse] = /dockerfile parse error (?:on )?line (\d{1,6})/i.exec(line) ?? [];
    if (parse !== undefined) return `${dockerfile}:${parse}`;
  }
  return undefined;
}

function builderLost(final: string, builder: string): BundlerError | undefined {
  const engine = engineFault(final);
  if (engine !== undefined) return engine;
  if (
    !/no builder .* found|failed to list workers|unable to connect|connection error|code = Unavailable|transport is closing|no valid drivers found|failed to find driver|context deadline exceeded.*(?:dial|connect)/i.test(
      final,
    )
  ) {
    return undefined;
  }
  return new BundlerError(
    "BUILDER",
    `the builder ${builder} cannot be reached: ${shorten(final)}`,
    {
      hint: `Look at it with \`openim-bundler builder inspect ${builder}\`; \`openim-bundler builder setup\` makes it anew.`,
    },
  );
}

type Hint = string | ((failed: FailedBuild, platform: string) => string);

/** What is behind the words that builds fail with, and what to do. The first that fits is given. */
const HINTS: readonly (readonly [RegExp, Hint])[] = [
  [
    /exec format error/i,
    ({ builder, request }, platform) =>
      builder.nodes.some(({ platforms }) =>
        platforms.some((one) => platformMatches(one, request.platform)),
      )
        ? `A program in that step is for another processor than ${platform}: a file copied in, or a base image with a wrong label.`
        : `No node of the builder ${builder.name} runs ${platform}, and there is no emulation of it: \`openim-bundler doctor --platform ${platform} --fix\` installs it, or give the builder a node, \`openim-bundler builder setup --node ssh://HOST=${platform}\`.`,
  ],
  [
    /qemu: uncaught target signal|signal 11 \(segmentation fault\)|exit code: 139|segmentation fault/i,
    ({ builder }, platform) =>
      `If the step runs under emulation, QEMU crashed and not your program: install a newer one (\`openim-bundler doctor --platform ${platform}\` says which it is), let the step run on the builder's own platform (FROM --platform=$BUILDPLATFORM), or give the builder ${builder.name} a node of ${platform}.`,
  ],
  [
    /no match for platform|does not provide the specified platform|no matching manifest/i,
    (_, platform) =>
      `A base image does not exist for ${platform}: choose another in the Dockerfile's FROM, or let that stage run with --platform=$BUILDPLATFORM.`,
  ],
  [
    /x509|certificate signed by unknown authority|failed to verify certificate|unable to get local issuer certificate/i,
    "Someone between the builder and the server uses a private certificate authority. For base images: `openim-bundler builder setup --ca FILE`. For the build's own steps: --ca FILE, which gives them the secret `ca` (RUN --mount=type=secret,id=ca).",
  ],
  [
    /server gave http response to https client/i,
    "That registry or mirror speaks plain HTTP: `openim-bundler builder setup --insecure HOST`.",
  ],
  [
    /no space left on device|disk quota exceeded/i,
    ({ builder }) =>
      `Free space where the image archive goes and where the builder keeps its cache (\`docker buildx prune --builder ${builder.name}\`, \`docker system df\`).`,
  ],
  [
    /toomanyrequests|429 too many requests|rate limit/i,
    "The registry limits anonymous pulls: log in with `docker login`, or set up a mirror: `openim-bundler builder setup --mirror docker.io=URL`.",
  ],
  [
    /401 unauthorized|403 forbidden|authorization failed|insufficient_scope|pull access denied|denied: requested access/i,
    "The registry wants a login, or the image does not exist: `docker login HOST`; builds use the same logins.",
  ],
  [
    /proxyconnect tcp: dial tcp (?:127\.|\[::1\]|localhost)/i,
    "A proxy on localhost is not there for a builder in a container: give the proxy's address on a network, or `openim-bundler builder setup --network host`.",
  ],
  [
    /resolve (?:image config for|source metadata for)?\s*(?:docker\.io\/)?docker\/dockerfile|docker\/dockerfile:\S*: (?:failed|not found)/i,
    "The Dockerfile's first line (# syntax=) makes the builder fetch that frontend from docker.io: leave the line out, the frontend built into BuildKit does for most, or set up a mirror with `openim-bundler builder setup --mirror docker.io=URL`.",
  ],
  [
    /failed to do request|dial tcp|no such host|i\/o timeout|tls handshake timeout|network is unreachable|temporary failure in name resolution/i,
    "The builder has no way to that server. For base images: `openim-bundler builder setup --mirror docker.io=URL`, `--network host`, or a proxy (HTTPS_PROXY). For Go modules: GOPROXY, e.g. https://goproxy.cn,direct.",
  ],
  [
    /unknown flag|flag needs an argument|unknown driver opt|invalid (?:value|argument) .* for/i,
    "buildx is older than what its version says, or another program stands in for it: update it (https://github.com/docker/buildx/releases).",
  ],
  [
    /failed to calculate checksum of ref|failed to compute cache key|: not found$/im,
    "The Dockerfile copies a file that the build context does not have. A component's context is its recipe or folder, its source, and sources/<name>/.",
  ],
];

function hintFor(text: string, failed: FailedBuild, platform: string): string | undefined {
  const [, hint] = HINTS.find(([pattern]) => pattern.test(text)) ?? [];
  return typeof hint === "function" ? hint(failed, platform) : hint;
}

function shorten(text: string): string {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length > 500 ? `${line.slice(0, 500)}…` : line;
}
