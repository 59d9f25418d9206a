import type { SemVer } from "semver";
import { BundlerError } from "../core/errors.js";
import { formatPlatform } from "../core/platform.js";
import { checkBuilderName } from "./builder-names.js";
import { hasBuildkit } from "./choose-builder.js";
import type { BuildRequest, Builder } from "./types.js";

export interface BuildCommand {
  /** After `docker buildx`. */
  readonly args: readonly string[];
  /** On top of the client's environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly progress: "rawjson" | "plain";
}

export interface CommandOptions {
  readonly version: SemVer;
  readonly builder: Builder;
  readonly env: NodeJS.ProcessEnv;
  /** Where the image archive is written while it is unfinished. */
  readonly output: string;
  /** The bundle of private certificate authorities, for the secret `ca`. */
  readonly caFile?: string;
}

/**
 * Known to BuildKit itself, in upper, lower or mixed case: they reach every step under both usual names,
 * and neither the image nor its history. Only an ARG of the very same name would write one there, so
 * they go in a spelling that no Dockerfile declares.
 */
const PROXIES = ["Http_Proxy", "Https_Proxy", "Ftp_Proxy", "All_Proxy", "No_Proxy"];

/** They reach the steps of a Dockerfile that declares them with ARG. */
const GO = ["GOPROXY", "GOSUMDB", "GONOSUMDB", "GONOPROXY", "GOPRIVATE", "GOINSECURE"];

/**
 * The command line of one build, with the context on standard input. Values that come from the
 * environment stay out of it: buildx reads them by name.
 * @throws BundlerError DEFINITION for names that could be taken for something else.
 */
export function buildCommand(request: BuildRequest, options: CommandOptions): BuildCommand {
  const { version, builder, env, output, caFile } = options;
  const epoch = String(request.epoch);
  const exporter = ["type=docker", `dest=${output}`];
  if (rewritesTimestamps(builder)) exporter.push("rewrite-timestamp=true");
  const given = givenNames(request);
  const declared = new Set(request.secrets.map(({ id }) => id));
  const proxies = proxiesOf(env, given);
  const secret = confidentialGo(request, env);
  const go = GO.filter((name) => !given.has(name) && env[name] && !secret.includes(name));
  const progress = version.compare("0.13.0") >= 0 ? "rawjson" : "plain";
  const args = [
    "build",
    `--builder=${checkBuilderName(builder.name)}`,
    `--platform=${formatPlatform(request.platform)}`,
    ...(version.compare("0.10.0") >= 0 ? ["--provenance=false", "--sbom=false"] : []),
    `--output=${fields(exporter)}`,
    `--file=${request.dockerfile}`,
    `--tag=${request.reference}`,
    ...(request.target === undefined ? [] : [`--target=${request.target}`]),
    ...[...Object.keys(proxies), ...go].map((name) => `--build-arg=${name}`),
    `--build-arg=SOURCE_DATE_EPOCH=${epoch}`,
    ...Object.entries(request.args).map(([name, value]) => `--build-arg=${argName(name)}=${value}`),
    ...request.secrets.map((one) => `--secret=${fields(secretFields(one))}`),
    ...secret
      .filter((name) => !declared.has(name))
      .map((name) => `--secret=${fields([`id=${name}`, `env=${name}`])}`),
    ...(caFile === undefined || declared.has("ca")
      ? []
      : [`--secret=${fields(["id=ca", `src=${caFile}`])}`]),
    ...(request.bases ?? []).map(
      ({ reference, dir, digest }) => `--build-context=${reference}=oci-layout://${dir}@${digest}`,
    ),
    `--progress=${progress}`,
    "-",
  ];
  return {
    args,
    env: {
      ...proxies,
      SOURCE_DATE_EPOCH: epoch,
      // For the versions that attach attestations and do not know the flags.
      BUILDX_NO_DEFAULT_ATTESTATIONS: "1",
    },
    progress,
  };
}

/** In upper case: what the definition gives goes before what the environment has. */
function givenNames({ args }: BuildRequest): ReadonlySet<string> {
  return new Set(Object.keys(args).map((name) => name.toUpperCase()));
}

/** The environment's proxies under the names that they are passed by: of each, one of its two spellings. */
function proxiesOf(
  env: NodeJS.ProcessEnv,
  given: ReadonlySet<string>,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    PROXIES.filter((name) => !given.has(name.toUpperCase())).flatMap((name) => {
      const value = [name.toUpperCase(), name.toLowerCase()]
        .map((spelling) => env[spelling])
        .find((one) => one !== undefined && one !== "");
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

/**
 * Go settings with a password in them. An argument would stay in the image's history: these reach the
 * build as secrets of their own name.
 */
export function confidentialGo(request: BuildRequest, env: NodeJS.ProcessEnv): string[] {
  const given = givenNames(request);
  return GO.filter((name) => !given.has(name) && /:\/\/[^\s/,]*@/.test(env[name] ?? ""));
}

/** BuildKit 0.13 and later; the engine's own tells no version, and passes over what it does not know. */
function rewritesTimestamps({ driver, nodes }: Builder): boolean {
  const working = nodes.filter(({ error }) => error === undefined);
  return driver === "docker" || working.every((node) => hasBuildkit(node, "0.13.0"));
}

function argName(name: string): string {
  if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return name;
  throw new BundlerError("DEFINITION", `${JSON.stringify(name)} is no name of a build argument.`);
}

function secretFields({ id, env, file }: BuildRequest["secrets"][number]): string[] {
  if (!/^[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(id)) {
    throw new BundlerError("DEFINITION", `${JSON.stringify(id)} is no id of a build secret.`);
  }
  return [`id=${id}`, env === undefined ? `src=${file ?? ""}` : `env=${env}`];
}

/** Joins fields as buildx takes them apart: comma-separated values, quoted where they need it (RFC 4180). */
function fields(parts: readonly string[]): string {
  return parts
    .map((part) => (/[",\s]/.test(part) ? `"${part.replaceAll('"', '""')}"` : part))
    .join(",");
}
