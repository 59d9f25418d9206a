import { z } from "zod";
import { type EngineInfo, readInfo } from "../engine/engine-info.js";
import type { Answer } from "./ask.js";

/** What `docker` in PATH is. */
export type Client =
  | { readonly kind: "docker"; readonly version: string; readonly experimental?: boolean }
  /** The podman-docker shim. */
  | { readonly kind: "podman"; readonly version: string }
  | { readonly kind: "absent" }
  | { readonly kind: "broken"; readonly why: string };

/** What answers behind the client. */
export type Engine =
  | EngineUp
  /** Nothing to ask it with. */
  | { readonly kind: "unasked" }
  | { readonly kind: "denied" | "down" | "incompatible"; readonly why: string }
  | { readonly kind: "late"; readonly ms: number };

interface EngineUp {
  readonly kind: "up";
  readonly product: "docker" | "podman";
  readonly version: string;
  readonly experimental: boolean;
  /** Absent where `docker info` gave nothing. */
  readonly info?: EngineInfo;
}

/** The `docker buildx` plugin. */
export type Buildx =
  | { readonly kind: "unasked" }
  | { readonly kind: "found"; readonly version: string }
  | { readonly kind: "absent"; readonly why: string }
  | { readonly kind: "late"; readonly ms: number };

const versionSchema = z.object({
  Client: z.object({ Version: z.string(), Experimental: z.boolean().nullish() }).nullish(),
  Server: z
    .object({
      Version: z.string().nullish(),
      Components: z
        .array(
          z.object({
            Name: z.string(),
            Version: z.string(),
            Details: z.record(z.string(), z.string()).nullish(),
          }),
        )
        .nullish(),
      Experimental: z.boolean().nullish(),
    })
    .nullish(),
});

/** @param cli answer of `docker --version`. @param version of `docker version --format '{{json .}}'`. */
export function readClient(cli: Answer, version: Answer): Client {
  if (cli.kind === "missing") return { kind: "absent" };
  if (cli.kind === "late") return { kind: "broken", why: `no answer within ${seconds(cli.ms)}` };
  if (cli.kind === "unusable") return { kind: "broken", why: cli.why };
  const podman = /^podman version (\S+)/m.exec(cli.stdout)?.[1];
  if (podman !== undefined) return { kind: "podman", version: podman };
  const docker = /^Docker version ([^\s,]+)/m.exec(cli.stdout)?.[1];
  if (docker === undefined) return { kind: "broken", why: firstLine(cli) };
  const experimental = readJson(versionSchema, version)?.Client?.Experimental;
  return { kind: "docker", version: docker, ...(experimental == null ? {} : { experimental }) };
}

/**
 * @param version answer of `docker version --format '{{json .}}'`.
 * @param info of `docker info --format '{{json .}}'`.
 */
export function readEngine(client: Client, version: Answer, info: Answer): Engine {
  if (client.kind !== "docker") return { kind: "unasked" };
  if (version.kind === "late") return { kind: "late", ms: version.ms };
  if (version.kind !== "ended") return { kind: "unasked" };
  const server = readJson(versionSchema, version)?.Server;
  if (server == null) return unreachable(version.stderr);
  const podman = server.Components?.find(({ Name }) => /podman/i.test(Name));
  const told = info.kind === "ended" ? readInfo(info.stdout) : undefined;
  const engine = server.Components?.find(({ Name }) => Name === "Engine");
  return {
    kind: "up",
    product: podman === undefined ? "docker" : "podman",
    version: podman?.Version ?? server.Version ?? engine?.Version ?? "",
    experimental: server.Experimental ?? engine?.Details?.["Experimental"] === "true",
    ...(told === undefined ? {} : { info: told }),
  };
}

/** @param answer of `docker buildx version`. */
export function readBuildx(client: Client, answer: Answer): Buildx {
  if (client.kind === "absent" || client.kind === "broken") return { kind: "unasked" };
  if (answer.kind === "late") return { kind: "late", ms: answer.ms };
  if (answer.kind !== "ended") return { kind: "unasked" };
  // `github.com/docker/buildx v0.13.1 788433953af10f2a698f5c07611dddce2e08c7a0`
  const version = /buildx v?(\d\S*)/.exec(answer.stdout)?.[1];
  return answer.code === 0 && version !== undefined
    ? { kind: "found", version }
    : { kind: "absent", why: firstLine(answer) };
}

/** What the client says where no engine answers; the words are those of Docker 18.09 to 29. */
function unreachable(stderr: string): Engine {
  const why = firstLine({ stdout: "", stderr });
  if (/permission denied/i.test(stderr)) return { kind: "denied", why };
  if (/client version .* is too (new|old)/i.test(stderr)) return { kind: "incompatible", why };
  return { kind: "down", why };
}

function readJson<T>(schema: z.ZodType<T>, answer: Answer): T | undefined {
  if (answer.kind !== "ended") return undefined;
  try {
    return schema.parse(JSON.parse(answer.stdout));
  } catch {
    return undefined;
  }
}

/** The first line that says something, errors before results; the shim's greeting says nothing. */
function firstLine({ stdout, stderr }: { stdout: string; stderr: string }): string {
  const line = `${stderr}\n${stdout}`
    .split("\n")
    .map((one) => one.trim())
    .find((one) => one !== "" && !one.startsWith("Emulate Docker CLI using podman"));
  return line === undefined ? "it said nothing" : line.slice(0, 300);
}

export function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`;
}
