import type { Hook } from "@oclif/core";
import { printable } from "../ui/printable.js";

/** An unknown command fails as every command does: exit code 2, a hint, JSON when that is wanted. */
const hook: Hook.CommandNotFound = async function ({ id, argv, config }) {
  const { nearest } = await import("../definition/nearest.js");
  const said = printable(id.replaceAll(":", " "));
  const names = config.commands.map((command) => command.id.replaceAll(":", " "));
  const near = nearest(said, names) ?? nearest(said.split(" ")[0] ?? "", names);
  const message = `There is no command ${JSON.stringify(said)}.`;
  const hint = near === undefined ? "See openim-bundler --help." : `Did you mean "${near}"?`;
  if (argv?.includes("--json") === true) {
    this.log(
      JSON.stringify({ error: { code: "USAGE", exitCode: 2, message, hint } }, undefined, 2),
    );
  } else {
    process.stderr.write(`Error (USAGE): ${message}\n  → ${hint}\n`);
  }
  this.exit(2);
};

export default hook;
