import { stat } from "node:fs/promises";
import type { SecretSource } from "../builder/types.js";
import { BundlerError } from "../core/errors.js";
import { insideDefinition } from "./context-folder.js";
import type { BuildContext, BuildableComponent } from "./types.js";

/**
 * Where a build's secrets are read from. Their values are never looked at here.
 * @throws BundlerError USAGE for a variable that is not set, FILE for a file that is not there,
 *   DEFINITION for one outside the definition's folder.
 */
export async function secretSources(
  { name, build }: BuildableComponent,
  { definition, env }: Pick<BuildContext, "definition" | "env">,
): Promise<readonly SecretSource[]> {
  const sources: SecretSource[] = [];
  for (const { id, env: variable, file } of build.secrets) {
    if (file !== undefined) {
      const path = await insideDefinition(definition.dir, file);
      if (!(await stat(path)).isFile()) {
        throw new BundlerError("FILE", `The secret ${id} of ${name} is not a file: ${file}.`, {
          details: { component: name, file },
        });
      }
      sources.push({ id, file: path });
    } else if (variable !== undefined) {
      if (env[variable] === undefined) {
        throw new BundlerError(
          "USAGE",
          `${name} is built with the secret ${id}, and the variable ${variable} that holds it is not set.`,
          { hint: `Set ${variable} and run again.`, details: { component: name, variable } },
        );
      }
      sources.push({ id, env: variable });
    }
  }
  return sources;
}
