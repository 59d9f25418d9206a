import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, open, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { BundlerError, interrupted, messageOf, systemCode } from "../core/errors.js";
import type { EventSink } from "../core/events.js";
import { buildCommand, confidentialGo } from "./build-command.js";
import { buildFailure } from "./build-failure.js";
import { openBuildLog, plainText } from "./build-log.js";
import { type BuildSteps, followSteps } from "./build-steps.js";
import type { Buildx } from "./buildx.js";
import { readCertificates } from "./certificates.js";
import { readPlainProgress } from "./plain-progress.js";
import { readRawJson } from "./rawjson.js";
import { openRedactor } from "./redactor.js";
import type { BaseLayout, BuildRequest, Builder } from "./types.js";

export interface BuildRun {
  readonly buildx: Buildx;
  readonly builder: Builder;
  readonly env: NodeJS.ProcessEnv;
  readonly caFiles: readonly string[];
  readonly signal: AbortSignal;
  readonly onEvent: EventSink;
}

/** Milliseconds between two things said of one build. */
const INTERVAL = 200;

/** As `BuildHost.build`. */
export async function runBuild(request: BuildRequest, run: BuildRun): Promise<void> {
  const { builder, signal } = run;
  if (builder.cannotExport !== undefined) {
    throw new BundlerError("BUILDER", `${request.component}: ${builder.cannotExport}`, {
      hint: "Make a builder that can: `openim-bundler builder setup`. Or turn the containerd image store on in Docker's settings.",
      details: { component: request.component, builder: builder.name },
    });
  }
  if (signal.aborted) throw interrupted();
  const unfinished = `${request.output}.${randomBytes(6).toString("hex")}.tmp`;
  const scratch = await makeFolders(request);
  try {
    const bases = await Promise.all((request.bases ?? []).map((base) => plainDir(base, scratch)));
    const caFile = await bundleAuthorities(run.caFiles, scratch);
    await build(
      { ...request, bases },
      { ...run, output: unfinished, ...(caFile === undefined ? {} : { caFile }) },
    );
    await keep(unfinished, request);
  } finally {
    await rm(unfinished, { force: true });
    await rm(scratch, { recursive: true, force: true });
  }
}

/** The folder of the image archive, and one for what only this build needs. */
async function makeFolders({ component, output }: BuildRequest): Promise<string> {
  try {
    await mkdir(path.dirname(output), { recursive: true });
    return await mkdtemp(path.join(tmpdir(), "openim-bundler-build-"));
  } catch (error) {
    throw fileError(error, component, output);
  }
}

async function build(
  request: BuildRequest,
  run: BuildRun & { readonly output: string; readonly caFile?: string },
): Promise<void> {
  const { buildx, builder, env, signal, output, caFile } = run;
  const command = buildCommand(request, {
    version: buildx.version,
    builder,
    env,
    output,
    ...(caFile === undefined ? {} : { caFile }),
  });
  for (const name of confidentialGo(request, env)) {
    const message = `${name} holds a password: builds get it as the secret ${name} (RUN --mount=type=secret,id=${name}), not as an argument.`;
    run.onEvent({ type: "notice", level: "warn", message });
  }
  const redacted = await openRedactor(request.secrets, env);
  const log = await openBuildLog(request.logFile, redacted);
  const teller = tellSteps(request.component, run.onEvent);
  const steps = followSteps({
    onLog: log.write,
    onStep: (detail) => teller.say(redacted(plainText(detail))),
  });
  try {
    const reader = command.progress === "rawjson" ? readRawJson(steps) : readPlainProgress(steps);
    const end = await buildx.run(command.args, {
      env: command.env,
      input: request.context,
      signal,
      timeout: request.timeout,
      onErrorLine: reader.line,
    });
    reader.end();
    if (end.code !== 0) {
      throw buildFailure({
        request,
        builder,
        steps: printableSteps(steps),
        timedOut: end.timedOut,
        redacted,
        ...(end.code === undefined ? {} : { code: end.code }),
      });
    }
  } catch (error) {
    // The failure itself counts more than its log.
    await log.close().catch(() => undefined);
    throw error;
  } finally {
    teller.end();
  }
  await log.close();
}

/** What the steps printed, without what a terminal would obey. */
function printableSteps(steps: BuildSteps): Pick<BuildSteps, "failed" | "current" | "text"> {
  const failed = steps.failed();
  return {
    text: steps.text.map(plainText),
    current: () => steps.current(),
    failed: () =>
      failed === undefined ? undefined : { ...failed, output: failed.output.map(plainText) },
  };
}

/** Passes on the newest of what a build is at, at most every `INTERVAL` milliseconds. */
function tellSteps(name: string, onEvent: EventSink): { say(detail: string): void; end(): void } {
  let next: string | undefined;
  let timer: NodeJS.Timeout | undefined;
  const tell = (detail: string): void => {
    onEvent({ type: "item", phase: "build", name, state: "step", detail });
    timer = setTimeout(() => {
      timer = undefined;
      const waiting = next;
      next = undefined;
      if (waiting !== undefined) tell(waiting);
    }, INTERVAL);
  };
  return {
    say: (detail) => {
      if (timer === undefined) tell(detail);
      else next = detail;
    },
    end: () => {
      clearTimeout(timer);
      timer = undefined;
      next = undefined;
    },
  };
}

/** buildx takes what follows `:` and `@` in a layout's path for a tag and a digest. */
async function plainDir(base: BaseLayout, scratch: string): Promise<BaseLayout> {
  if (!/[:@]/.test(base.dir)) return base;
  const link = path.join(scratch, `layout-${randomBytes(4).toString("hex")}`);
  await symlink(base.dir, link);
  return { ...base, dir: link };
}

/** All authorities in one file, as a build's step wants them. @throws BundlerError FILE */
async function bundleAuthorities(
  files: readonly string[],
  scratch: string,
): Promise<string | undefined> {
  const certificates = await readCertificates(files);
  if (certificates === undefined) return undefined;
  const bundle = path.join(scratch, "ca.pem");
  await writeFile(bundle, certificates, { mode: 0o600 });
  return bundle;
}

/** Puts the finished archive under its name, on disk for good. */
async function keep(unfinished: string, request: BuildRequest): Promise<void> {
  const { component, output } = request;
  try {
    const file = await open(unfinished, "r+");
    try {
      const { size } = await file.stat();
      if (size === 0) throw noImage(request);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(unfinished, output);
  } catch (error) {
    if (error instanceof BundlerError) throw error;
    throw systemCode(error) === "ENOENT" ? noImage(request) : fileError(error, component, output);
  }
}

function noImage({ component, output, logFile }: BuildRequest): BundlerError {
  return new BundlerError(
    "BUILD",
    `${component}: the build ended well, and there is no image in ${path.dirname(output)}.`,
    {
      hint: `The docker client writes it: one from a snap package writes only inside the home folder, and not into folders whose name begins with a dot. The log is ${logFile}.`,
      details: { component, file: output, log: logFile },
    },
  );
}

function fileError(error: unknown, component: string, file: string): BundlerError {
  const full = ["ENOSPC", "EDQUOT"].includes(systemCode(error) ?? "");
  return new BundlerError(
    full ? "DISK" : "FILE",
    full
      ? `${component}: no space left for the image archive ${file}.`
      : `${component}: the image archive ${file} cannot be kept: ${messageOf(error)}`,
    {
      hint: full
        ? "Free space there, or choose another place with --store."
        : "Its folder must be writable, by the docker client too.",
      details: { component, file },
      cause: error,
    },
  );
}
