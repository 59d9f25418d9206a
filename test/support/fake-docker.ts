import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What a call of the fake client does. */
export interface Answer {
  readonly stdout?: string;
  readonly stderr?: string;
  readonly code?: number;
  /** Shell, run before the outputs; `$FAKE` is the folder, where files may be kept between calls. */
  readonly script?: string;
}

interface Call {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

export interface FakeDocker {
  readonly dir: string;
  readonly program: string;
  /** Everything that it was called with, in order. */
  calls(): Promise<Call[]>;
  remove(): Promise<void>;
}

/**
 * A `docker` that answers as recorded: the first pattern (of `sh`'s `case`) that fits the arguments,
 * joined by spaces, decides. Arguments and environment of each call are kept.
 */
export async function fakeDocker(
  answers: readonly (readonly [pattern: string, answer: Answer])[],
): Promise<FakeDocker> {
  const dir = await mkdtemp(join(tmpdir(), "openim-bundler-fake-docker-"));
  const program = join(dir, "docker");
  const cases: string[] = [];
  for (const [at, [pattern, answer]] of answers.entries()) {
    await writeFile(join(dir, `out.${at}`), answer.stdout ?? "");
    await writeFile(join(dir, `err.${at}`), answer.stderr ?? "");
    const lines = [
      answer.script,
      answer.stdout === undefined ? undefined : `cat "$FAKE/out.${at}"`,
      answer.stderr === undefined ? undefined : `cat "$FAKE/err.${at}" >&2`,
      `exit ${answer.code ?? 0}`,
    ].filter((line) => line !== undefined);
    cases.push(`${pattern.replaceAll(" ", "\\ ")})\n  ${lines.join("\n  ")}\n  ;;`);
  }
  const script = `#!/bin/sh
FAKE='${dir}'
{
  for argument in "$@"; do printf '%s\\0' "$argument"; done
  printf '\\1'
  env -0
  printf '\\2'
} >>"$FAKE/calls"
case "$*" in
${cases.join("\n")}
*)
  echo "the fake docker knows nothing of: $*" >&2
  exit 99
  ;;
esac
`;
  await writeFile(program, script, { mode: 0o755 });
  return {
    dir,
    program,
    calls: async () => {
      const text = await readFile(join(dir, "calls"), "utf8").catch(() => "");
      return text
        .split("\u0002")
        .slice(0, -1)
        .map((call) => {
          const [args = "", env = ""] = call.split("\u0001");
          const entries = fields(env).map((entry) => {
            const at = entry.indexOf("=");
            return [entry.slice(0, at), entry.slice(at + 1)] as const;
          });
          return { args: fields(args), env: Object.fromEntries(entries) };
        });
    },
    remove: () => rm(dir, { recursive: true, force: true }),
  };
}

function fields(text: string): string[] {
  return text.split("\0").slice(0, -1);
}

/** As `docker buildx version` and `docker buildx inspect` print them. */
export function versionText(version: string): Answer {
  return {
    stdout: `github.com/docker/buildx ${version} 542e5d810e4a1a155684f5f3c5bd7e797632a12f\n`,
  };
}

export interface NodeText {
  readonly name?: string;
  readonly endpoint?: string;
  readonly status?: string;
  readonly buildkit?: string;
  readonly platforms?: string;
  readonly error?: string;
}

export function inspectText(
  name: string,
  driver = "docker-container",
  nodes: readonly NodeText[] = [{}],
): string {
  const blocks = nodes.map((node, at) =>
    [
      `Name:                  ${node.name ?? `${name}${at}`}`,
      `Endpoint:              ${node.endpoint ?? "unix:///var/run/docker.sock"}`,
      ...(node.error === undefined
        ? [
            `Status:                ${node.status ?? "running"}`,
            `BuildKit version:      ${node.buildkit ?? "v0.13.2"}`,
            `Platforms:             ${node.platforms ?? "linux/amd64, linux/amd64/v2, linux/386"}`,
          ]
        : [`Error:                 ${node.error}`]),
    ].join("\n"),
  );
  return `Name:          ${name}\nDriver:        ${driver}\nLast Activity: 2026-11-22 23:44:46 +0000 UTC\n\nNodes:\n${blocks.join("\n\n")}\n`;
}

export const NO_BUILDER: Answer = { stderr: 'ERROR: no builder "x" found\n', code: 1 };
