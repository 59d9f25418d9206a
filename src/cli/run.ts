import { fileURLToPath } from "node:url";
import { watchForLostErrors } from "./last-resort.js";

/** Starts the CLI; `dir` is the URL of the file in bin/. */
export async function run(dir: string): Promise<void> {
  // Stack traces then name lines of src/. To read the maps takes time, so only who asks for traces waits for it.
  if (process.env["DEBUG"]) process.setSourceMapsEnabled(true);
  const done = watchForLostErrors(process.argv.slice(2));
  const { execute } = await import("@oclif/core/execute");
  const root = fileURLToPath(dir);
  await execute({ loadOptions: { root, devPlugins: false, userPlugins: false } });
  done();
}
