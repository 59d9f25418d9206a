import { openBuildx } from "./buildx.js";
import { builderFolder } from "./builder-folder.js";
import { describeBuilder, findBuilder, requireNode } from "./choose-builder.js";
import { openDocker } from "../engine/docker.js";
import type { BuilderToolOptions } from "./setup-builder.js";
import type { Builder } from "./types.js";

export interface BuilderInspection {
  /** buildx's version. */
  readonly buildx: string;
  readonly builder: Builder;
  /** What `builder setup` made it with; absent for a builder that it has not made. */
  readonly settings?: Readonly<Record<string, string>>;
}

/**
 * A builder as it is, without starting it: the one named, else the one that builds would run on.
 * @throws BundlerError USAGE, BUILDER, INTERRUPTED.
 */
export async function inspectBuilder(
  name: string | undefined,
  { env, root, signal }: BuilderToolOptions,
): Promise<BuilderInspection> {
  const buildx = await openBuildx(openDocker(env), signal);
  const found = await findBuilder(buildx, {
    env,
    signal,
    ...(name === undefined ? {} : { wanted: name }),
  });
  // Nodes that are away are shown with what is wrong; a builder of which nothing is known is not.
  const builder = await describeBuilder(
    buildx,
    found.nodes.length === 0 ? requireNode(found) : found,
    signal,
  );
  const record = await builderFolder(root, found.name).record();
  return {
    buildx: buildx.version.version,
    builder,
    ...(record === undefined ? {} : { settings: record.settings }),
  };
}
