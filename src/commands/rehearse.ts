import { tmpdir } from "node:os";
import path from "node:path";
import { Args, Flags } from "@oclif/core";
import { BaseCommand } from "../cli/base-command.js";
import { BundlerError } from "../core/errors.js";
import type { Rehearsal } from "../rehearse/rehearse.js";
import { describeRehearsal } from "../ui/describe-rehearsal.js";

/** Seconds, as the site's installer waits. */
const TIMEOUT = 600;

export default class Rehearse extends BaseCommand {
  static override summary =
    "Bring a bundle up with its own install.sh, cut off from every network, try it, and take it all away again.";
  static override description =
    "In the engine at hand, on a copy under a project of its own: no published ports, no network with a way out, nothing of the host mounted; services on the host's network are left out and named. With --throw-away on a private engine that has loopback alone, as the bundle is, to the uninstall. Under QEMU, Java services are left out and named. What was in the engine before stays. Needs Linux, and room for the archive in TMPDIR. The exit code is 16 when the bundle did not come up.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> openim-2.3.9-linux-amd64.tar",
    "sudo <%= config.bin %> <%= command.id %> openim-2.3.9-linux-amd64.tar --throw-away",
    "<%= config.bin %> <%= command.id %> openim-2.3.9-linux-arm64.tar --timeout 900 --json",
  ];
  static override args = {
    archive: Args.string({ required: true, description: "The bundle's .tar file." }),
  };
  static override flags = {
    "throw-away": Flags.boolean({
      summary:
        "Rehearse on a private engine without network, with the host's network and the uninstall too. Needs root on Linux, dockerd, unshare, nsenter and ip; install.sh runs as root, so only for bundles that you trust.",
    }),
    keep: Flags.boolean({
      exclusive: ["throw-away"],
      summary: "Leave the loaded images in the engine.",
    }),
    timeout: Flags.integer({
      default: TIMEOUT,
      min: 1,
      max: 99_999,
      helpValue: "SECONDS",
      summary: "Until all services have to be ready; three times as long under QEMU.",
    }),
    set: Flags.string({
      multiple: true,
      helpValue: "NAME=VALUE",
      summary: "A setting of the bundle. All others get defaults, new secrets or made-up values.",
    }),
  };

  async run(): Promise<Rehearsal> {
    const { args, flags } = await this.parse(Rehearse);
    const { rehearseBundle } = await import("../rehearse/rehearse.js");
    const subject = path.basename(args.archive);
    const phases = (["load", "start", "remove"] as const).map((phase) => ({
      phase,
      subject,
    }));
    const result = await this.withProgress(phases, (onEvent) =>
      rehearseBundle(args.archive, {
        throwAway: flags["throw-away"],
        keep: flags.keep,
        timeout: flags.timeout,
        settings: readSettings(flags.set ?? []),
        env: process.env,
        tmpDir: tmpdir(),
        signal: this.signal,
        onEvent,
      }),
    );
    for (const line of describeRehearsal(result, this.width)) this.say(line);
    if (result.verdict !== "up") this.finishWith("REHEARSAL");
    return result;
  }
}

function readSettings(values: readonly string[]): ReadonlyMap<string, string> {
  return new Map(
    values.map((text) => {
      const at = text.indexOf("=");
      if (at > 0) return [text.slice(0, at), text.slice(at + 1)] as const;
      throw new BundlerError("USAGE", "A setting is given as NAME=VALUE.", {
        hint: "Example: --set TZ=UTC",
      });
    }),
  );
}
