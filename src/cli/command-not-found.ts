import type { Hook } from "@oclif/core";
import { printable, printableJson } from "../core/invisible.js";

/** An unknown command fails as every command does: exit code 2, a hint, JSON when that is wanted. */
const hook: Hook.CommandNotFound = async function ({ id, argv, config }) {
  const { nearest } = await import("../core/nearest.js");
  // What follows a word that is no topic is taken for a part of the command's name.
  const words = id.replaceAll(":", " ");
  const [first = ""] = words.split(" ");
  const topic = config.topics.some(({ name }) => name === first);
  const said = topic ? words : first;
  const names = config.commands.map((command) => command.id.replaceAll(":", " "));
  const near = nearest(said, names) ?? nearest(first, names);
  const message = `There is no command ${JSON.stringify(said)}.`;
  const hint =
    near === undefined
      ? `See openim-bundler ${topic ? `${first} ` : ""}--help.`
      : `Did you mean "${near}"?`;
  if (argv?.includes("--json") === true) {
    this.log(printableJson({ error: { code: "USAGE", exitCode: 2, message, hint } }));
  } else {
    process.stderr.write(printable(`Error (USAGE): ${message}\n  → ${hint}\n`));
  }
  this.exit(2);
};

export default hook;
