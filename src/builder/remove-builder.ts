import { BundlerError } from "../core/errors.js";
import { builderFolder } from "./builder-folder.js";
import { checkBuilderName } from "./builder-names.js";
import { openBuildx } from "./buildx.js";
import { openDocker } from "../engine/docker.js";
import { type BuilderToolOptions, removeFromBuildx } from "./setup-builder.js";

export interface BuilderRemoval {
  readonly name: string;
  /** False when there was none. */
  readonly removed: boolean;
}

/**
 * Removes a builder with its build cache, and what is remembered of it.
 * @throws BundlerError USAGE for docker's own builders; BUILDER; FILE; INTERRUPTED.
 */
export async function removeBuilder(
  name: string,
  { env, root, signal }: BuilderToolOptions,
): Promise<BuilderRemoval> {
  checkBuilderName(name);
  const buildx = await openBuildx(openDocker(env), signal);
  const found = await buildx.inspect(name, { signal });
  if (found?.driver === "docker" || name === "default") {
    throw new BundlerError(
      "USAGE",
      `${name} is a Docker engine itself, not a builder that can be removed.`,
      {
        hint: "`docker buildx ls` lists the builders; those with the driver docker are engines.",
      },
    );
  }
  if (found !== undefined) await removeFromBuildx(buildx, found, undefined, signal);
  await builderFolder(root, name).remove();
  return { name, removed: found !== undefined };
}
