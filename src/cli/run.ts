import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { watchForLostErrors } from "./last-resort.js";

/** Starts the CLI; `dir` is the URL of the file in bin/. */
export async function run(dir: string): Promise<void> {
  // Stack traces then name lines of src/. To read the maps takes time, so only who asks for traces waits for it.
  if (process.env["DEBUG"]) process.setSourceMapsEnabled(true);
  const args = process.argv.slice(2);
  const done = watchForLostErrors(args);
  // oclif's words without oclif: scripts and prompts ask for the version often.
  if (args[0] === "--version") printVersion(new URL("../package.json", dir));
  else {
    const { execute } = await import("@oclif/core/execute");
    const root = fileURLToPath(dir);
    await execute({ loadOptions: { root, devPlugins: false, userPlugins: false } });
  }
  done();
}

function printVersion(packageFile: URL): void {
  const { name, version } = JSON.parse(readFileSync(packageFile, "utf8")) as Record<string, string>;
  const { platform, arch, version: node } = process;
  process.stdout.write(`${String(name)}/${String(version)} ${platform}-${arch} node-${node}\n`);
}
