import { coerce } from "semver";
import { BundlerError } from "../core/errors.js";
import { OWN_BUILDER } from "./builder-names.js";
import type { Buildx } from "./buildx.js";
import { type EngineInfo, engineInfo } from "../engine/engine-info.js";
import { engineFault } from "../engine/docker.js";
import type { InspectedBuilder } from "./inspect-text.js";
import type { Builder, BuilderNode } from "./types.js";

export interface ChooseOptions {
  readonly env: NodeJS.ProcessEnv;
  /** `--builder`. */
  readonly wanted?: string;
  readonly signal: AbortSignal;
}

/**
 * The builder that builds run on, started: the one that is wanted, else BUILDX_BUILDER, else one
 * called `openim-bundler`, else buildx's current one.
 * @throws BundlerError BUILDER when there is none of the name, or none of its nodes can be reached;
 *   USAGE; INTERRUPTED.
 */
export async function chooseBuilder(buildx: Buildx, options: ChooseOptions): Promise<Builder> {
  const { signal } = options;
  const found = await findBuilder(buildx, options);
  const asleep = found.nodes.some(({ status }) => !["running", "error"].includes(status));
  const started = asleep ? await buildx.inspect(found.name, { signal, bootstrap: true }) : found;
  return describeBuilder(buildx, requireNode(started ?? found), signal);
}

/** As `chooseBuilder`, but starts nothing and takes a builder as it is. */
export async function findBuilder(
  buildx: Buildx,
  { env, wanted, signal }: ChooseOptions,
): Promise<InspectedBuilder> {
  const fromEnv = env["BUILDX_BUILDER"] === "" ? undefined : env["BUILDX_BUILDER"];
  const named = wanted ?? fromEnv;
  const found = await buildx.inspect(named ?? OWN_BUILDER, { signal });
  if (found !== undefined) return found;
  const current = named === undefined ? await buildx.inspect(undefined, { signal }) : undefined;
  if (current !== undefined) return current;
  throw new BundlerError(
    "BUILDER",
    named === undefined
      ? "docker buildx has no current builder."
      : `There is no builder ${named}${wanted === undefined ? ", which BUILDX_BUILDER names" : ""}.`,
    {
      hint: `Make one with \`openim-bundler builder setup${named === undefined ? "" : ` --name ${named}`}\`; \`docker buildx ls\` lists those that exist.`,
    },
  );
}

/** Adds to what buildx says of a builder what it can do for us. */
export async function describeBuilder(
  buildx: Buildx,
  { name, driver, nodes }: InspectedBuilder,
  signal: AbortSignal,
): Promise<Builder> {
  const builder = { name, driver, nodes };
  const layouts = buildx.version.compare("0.10.0") >= 0;
  if (driver !== "docker") {
    const working = nodes.filter(({ error }) => error === undefined);
    return {
      ...builder,
      takesLayouts: layouts && working.every((node) => hasBuildkit(node, "0.11.0")),
    };
  }
  const engine = await engineInfo(buildx.docker, nodes[0]?.endpoint ?? "default", signal);
  const cannotExport = whyNotExport(name, engine);
  return {
    ...builder,
    ...(cannotExport === undefined ? {} : { cannotExport }),
    // The engine's own BuildKit does not always tell its version; that of Docker 24 is 0.11.
    takesLayouts:
      layouts && engine.containerdStore && olderThan(engine.version, "24.0.0") === false,
  };
}

/** Whether a node's BuildKit is that version or later; what has no number was built from a branch. */
export function hasBuildkit({ buildkit }: BuilderNode, version: string): boolean {
  return buildkit !== undefined && olderThan(buildkit, version) !== true;
}

function olderThan(found: string, version: string): boolean | undefined {
  const number = /^v?0\.0\.0/.test(found) ? null : /^v?\d+\.\d+/.test(found) ? coerce(found) : null;
  return number === null ? undefined : number.compare(version) < 0;
}

function whyNotExport(name: string, engine: EngineInfo): string | undefined {
  if (engine.containerdStore) return undefined;
  return `The builder ${name} is the Docker engine ${engine.version} itself, which writes images to files, and builds for other platforms, only with the containerd image store.`;
}

/** The same builder. @throws BundlerError BUILDER when none of its nodes answers. */
export function requireNode(found: InspectedBuilder): InspectedBuilder {
  const working = found.nodes.filter(({ error }) => error === undefined);
  if (found.error === undefined && working.length > 0) return found;
  const errors = [found.error, ...found.nodes.map(({ error }) => error)].filter(
    (text) => text !== undefined,
  );
  const said = errors.join("\n");
  const nodes = found.nodes
    .filter(({ error }) => error !== undefined)
    .map(({ name, endpoint, error }) => `  ${name} (${endpoint}): ${error}`);
  throw (
    engineFault(said) ??
    new BundlerError(
      "BUILDER",
      nodes.length === 0
        ? `The builder ${found.name} cannot be used: ${said || "it has no nodes"}`
        : `No node of the builder ${found.name} can be reached.\n${nodes.join("\n")}`,
      {
        hint: `Check the network and the nodes' keys, or make the builder anew: \`openim-bundler builder setup --name ${found.name}\`. \`--builder NAME\` takes another.`,
      },
    )
  );
}
