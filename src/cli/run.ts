import { execute } from "@oclif/core";

/** Starts the CLI; `dir` is the URL of the file in bin/. */
export async function run(dir: string): Promise<void> {
  await execute({ dir });
}
